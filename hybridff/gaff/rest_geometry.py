"""The reference geometry of a molecule: where its coordinates rest, which have no defined value, who meets whom."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.topology import Topology, canonical
from hybridff.molecules.molecule import Molecule
from hybridff.units import DEGREE

VARIABLES: Mapping[str, str] = {"bond": "r", "pair": "r", "angle": "theta"}
"""The variable whose mean is a coordinate's reference value."""
LINEAR = 175 * DEGREE
"""Rest of an angle from which on its atoms count as in line."""
_CLOSE = 0.05
"""Share of the frames in which a pair has to come close."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What the rows of a form need to know of a molecule's shape, by the rows of its topology."""

    values: Mapping[str, list[float]]
    """Reference value of every bond, pair and angle [nm, rad]."""
    contacts: list[float]
    """Distance that each pair comes below in one of twenty frames [nm]."""
    linear: list[bool]
    """Torsions about three atoms in line, which have no defined angle."""


def reference_of(
    topology: Topology,
    molecule: Molecule,
    start: ClassOneParameters,
    geometries: Float[np.ndarray, "frames atoms 3"] | None,
    *,
    by_type: bool = False,
) -> Reference:
    """Means over ``geometries``; of bonds and angles those of ``start`` where there are none.

    Where rows of equal atom types share their coefficients (``by_type``), bonds and angles have those of ``start`` too,
    which are the same in every molecule. Without geometries, pairs have the distances of the molecule's own positions.
    """
    if geometries is None:
        placed = molecule.placed()
        assert placed.positions is not None
        frames = placed.positions[None]
    else:
        frames = geometries
    values = {kind: topology.means(kind, variable, frames) for kind, variable in VARIABLES.items()}
    bonds, angles = start_values(topology, start)
    rests = {"bond": [r0 for r0, _ in bonds], "angle": [theta0 for theta0, _ in angles]}
    if geometries is None or by_type:
        values |= {kind: topology.shared(kind, rest) for kind, rest in rests.items()}
    lines = {atoms for atoms, theta0 in zip(topology.atoms["angle"], rests["angle"], strict=True) if theta0 > LINEAR}
    linear = [
        bool(lines & {canonical("angle", part)[0] for part in (torsion[:3], torsion[1:])})
        for torsion in topology.atoms["torsion"]
    ]
    return Reference(values, topology.quantiles("pair", "r", frames, _CLOSE), linear)


def start_values(
    topology: Topology, start: ClassOneParameters
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Rest and stiffness of every bond and angle in the start [nm, kJ/mol/nm²; rad, kJ/mol/rad²]."""
    bonds = {
        frozenset(bond): (r0, k)
        for bond, r0, k in zip(start.bonds.atoms.tolist(), start.bonds.r0.tolist(), start.bonds.k.tolist(), strict=True)
    }
    angles = {
        (j, frozenset((i, k))): (theta0, stiffness)
        for (i, j, k), theta0, stiffness in zip(
            start.angles.atoms.tolist(), start.angles.theta0.tolist(), start.angles.k.tolist(), strict=True
        )
    }
    return (
        [bonds[frozenset(bond)] for bond in topology.atoms["bond"]],
        [angles[j, frozenset((i, k))] for i, j, k in topology.atoms["angle"]],
    )
