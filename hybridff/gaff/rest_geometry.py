"""The reference geometry of a molecule: where its coordinates rest, which have no defined value, who meets whom."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from jaxtyping import Float

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.parameters import Share
from hybridff.gaff.topology import Atoms, Topology, canonical
from hybridff.molecules.molecule import Molecule
from hybridff.units import DEGREE

VARIABLES: Mapping[str, str] = {"bond": "r", "pair": "r", "angle": "theta"}
"""The variable whose mean is a coordinate's reference value."""
LINEAR = 165 * DEGREE
"""Rest of an angle from which on its atoms count as in line: heat takes it through 180 degrees."""
_STRAIGHT = 175 * DEGREE
"""Rest of an angle from which on a fit takes it for 180 degrees: GAFF has 178.7 for acetonitrile."""
_CLOSE = 0.05
"""Share of the frames in which a pair has to come close."""
_NEAR = 3
"""Most bonds between the atoms of pairs that count as close whatever geometries there are."""


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
    share: Share = "symmetry",
) -> Reference:
    """Means over ``geometries``; of bonds and angles those of ``start`` where there are none.

    Where rows of several molecules ``share`` their coefficients, bonds and angles have those of ``start`` too, which
    are the same in every molecule. Of rows shared by "environment", so have pairs, whatever geometries there are: of
    those up to ``_NEAR`` bonds apart the distance is that of a chain with free rotation about its bonds. Otherwise,
    without geometries, pairs have the distances of the molecule's own positions.
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
    if geometries is None or share != "symmetry":
        values |= {kind: topology.shared(kind, rest) for kind, rest in rests.items()}
    lines = _lines(topology, rests["angle"])
    linear = [not lines.isdisjoint(topology.ends(torsion)) for torsion in topology.atoms["torsion"]]
    contacts = topology.quantiles("pair", "r", frames, _CLOSE)
    if share == "environment":
        values["pair"], contacts = _by_chains(topology, values)
    return Reference(values, contacts, linear)


def topology_of(molecule: Molecule, start: ClassOneParameters) -> Topology:
    """The coordinates of a molecule, with those across atoms that are in line where ``start`` has them at rest."""
    topology = Topology(molecule)
    return Topology(molecule, _lines(topology, [theta0 for theta0, _ in start_values(topology, start)[1]]))


def straightened(start: ClassOneParameters) -> ClassOneParameters:
    """``start`` with angles of 180 degrees in place of those from 175, which have a cusp where atoms are in line."""
    angles = start.angles
    return replace(start, angles=replace(angles, theta0=np.where(angles.theta0 > _STRAIGHT, np.pi, angles.theta0)))


def _lines(topology: Topology, rests: Sequence[float]) -> frozenset[Atoms]:
    """Angles whose atoms are in line, given the rest of every angle [rad]."""
    shared = topology.shared("angle", rests)
    return frozenset(atoms for atoms, rest in zip(topology.atoms["angle"], shared, strict=True) if rest > LINEAR)


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


def _by_chains(topology: Topology, rests: Mapping[str, list[float]]) -> tuple[list[float], list[float]]:
    """Reference distance of every pair, and the one that it comes below, by the bonds between its atoms alone [nm].

    Of several shortest chains the one that brings the atoms nearest counts; far pairs have no distance.
    """
    values, contacts = [], []
    for i, j in topology.atoms["pair"]:
        near = int(topology.distances[i, j]) <= _NEAR
        chains = _shortest_chains(topology, (i,), j) if near else ()
        values.append(min((_free_rotation(topology, rests, chain) for chain in chains), default=math.inf))
        contacts.append(0.0 if near else math.inf)
    return values, contacts


def _shortest_chains(topology: Topology, begin: tuple[int, ...], end: int) -> Iterator[tuple[int, ...]]:
    """All shortest ways along bonds that go on from some atoms to another atom."""
    left = topology.distances[begin[-1], end]
    if left == 0:
        yield begin
    for atom in topology.molecule.neighbours[begin[-1]]:
        if topology.distances[atom, end] == left - 1:
            yield from _shortest_chains(topology, (*begin, atom), end)


def _free_rotation(topology: Topology, rests: Mapping[str, list[float]], chain: tuple[int, ...]) -> float:
    """Root mean square distance of the ends of a chain of fixed bonds and angles that rotates freely [nm].

    P. J. Flory, Statistical Mechanics of Chain Molecules (1969), chapter I.
    """
    bonds = [rests["bond"][topology.index["bond"][canonical("bond", part)[0]]] for part in pairwise(chain)]
    turns = [
        -math.cos(rests["angle"][topology.index["angle"][canonical("angle", part)[0]]])
        for part in zip(chain, chain[1:], chain[2:], strict=False)
    ]
    square = sum(length**2 for length in bonds)
    for i, j in combinations(range(len(bonds)), 2):
        square += 2 * bonds[i] * bonds[j] * math.prod(turns[i:j])
    return math.sqrt(square)
