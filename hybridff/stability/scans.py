"""Scans that look for false minima of a force field: minima that are no structure of the molecule.

A scan draws one coordinate far out of its range while the rest relaxes, and lets go where the energy falls: what does
not come back to a sound structure is in a false minimum. The height that had to be climbed says whether dynamics can
get there. Rigid scans would see walls that relaxation walks around, and errors of the rest that nothing can reach.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import BIAS_GROUP, minimise, new_context
from hybridff.molecules.graph import angle_atoms, chain_name
from hybridff.molecules.limits import (
    NOT_FINITE,
    Fault,
    bond_angles,
    chain_key,
    pair_distances,
    pair_key,
    pairs_and_bonds,
)
from hybridff.molecules.molecule import Molecule
from hybridff.stability.landscape import Landscape, Relaxed, relaxed_below
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

_CEILING = 100 * KCAL_MOL
"""Height at which a scan ends: no dynamics goes there."""
_DESCENT = 2 * KCAL_MOL
"""Drop along a scan that is looked into."""
_RELAXATION = 40
"""Minimiser iterations at each point of a scan."""
_STRETCH = 1e6
"""Spring of a scanned distance [kJ/mol/nm²], some three times that of a C-H bond."""
_BEND = 1e4
"""Spring of a scanned angle [kJ/mol/rad²], some twenty times that of an angle."""
_SCANNED_BOND = (0.6, 1.6)
"""Shortest and longest bond that is drawn to, over that of the minimum."""
_SCANNED_ANGLE = (60 * DEGREE, 175 * DEGREE)
"""Smallest and largest angle that is drawn to."""
_SCANNED_PAIR = 0.5 * ANGSTROM
"""Distance that a pair is drawn to."""
_NEAR = 3 * ANGSTROM
"""Distance below which a scan takes small steps."""
_LARGE_STEP, _SMALL_STEP = 1.3, 1.1
"""Ratios of distances from one point of a scan to the next, above and below ``_NEAR``."""
_FINER = 40
"""Points between two of a scan where it fell, to see the barrier."""
_ANGLE_STEP = 8 * DEGREE
"""Largest step of a scanned angle."""


@dataclass(frozen=True, eq=False)
class RelaxedScan:
    """A bond, angle or pair, and the values that it is drawn to from that at the minimum, one after the other."""

    atoms: tuple[int, ...]
    """Two or three atoms, counted from 0."""
    doing: str
    """Words for it, such as "stretching the bond C1-C2"."""
    targets: Float[np.ndarray, " targets"]
    """Values of the coordinate, the first that at the minimum [nm or rad]."""


@dataclass(frozen=True)
class FalseMinimum:
    """A minimum that is no structure of the molecule, and the scan that led into it."""

    scan: RelaxedScan
    fault: Fault
    """What is wrong with the structure there."""
    height: float
    """Energy of its bottom above the minimum [kJ/mol]."""
    barrier: float
    """Highest energy above the minimum on the way there [kJ/mol]; an upper bound of the lowest barrier."""
    well: Float[np.ndarray, "atoms 3"] | None = field(default=None, compare=False)
    """Positions of its bottom [nm]; None without one."""


def all_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> list[RelaxedScan]:
    """Scans of one bond, angle and pair of every symmetry class; of a class the shortest distance."""
    return [*_distance_scans(molecule, minimum), *_angle_scans(molecule, minimum)]


def _distance_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> Iterator[RelaxedScan]:
    classes = molecule.equivalent_atoms()
    pairs, paths = pairs_and_bonds(molecule)
    distances = pair_distances(minimum, pairs)
    seen: set[tuple] = set()
    for row in np.argsort(distances, kind="stable").tolist():
        path, distance = int(paths[row]), float(distances[row])
        key = pair_key(classes[pairs[row]], path)
        if key in seen:
            continue
        seen.add(key)
        atoms = tuple(pairs[row].tolist())
        first, last = (molecule.label(atom) for atom in atoms)
        if path > 1:
            yield RelaxedScan(atoms, f"drawing {first} and {last} together", _distance_targets(distance, _SCANNED_PAIR))
            continue
        for doing, factor in zip(("compressing", "stretching"), _SCANNED_BOND, strict=True):
            yield RelaxedScan(atoms, f"{doing} the bond {first}-{last}", _distance_targets(distance, factor * distance))


def _angle_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> Iterator[RelaxedScan]:
    classes = molecule.equivalent_atoms()
    triples = np.array(angle_atoms(molecule), dtype=int).reshape(-1, 3)
    seen: set[tuple] = set()
    for atoms, value in zip(triples, bond_angles(minimum, triples).tolist(), strict=True):
        key = chain_key(classes[atoms])
        if key in seen:
            continue
        seen.add(key)
        for doing, way, end in (("closing", -1, _SCANNED_ANGLE[0]), ("opening", 1, _SCANNED_ANGLE[1])):
            if (end - value) * way > 0:
                targets = np.linspace(value, end, 1 + math.ceil(abs(end - value) / _ANGLE_STEP))
                yield RelaxedScan(
                    tuple(atoms.tolist()), f"{doing} the angle {chain_name(molecule, atoms.tolist())}", targets
                )


def _distance_targets(begin: float, end: float) -> Float[np.ndarray, " targets"]:
    """Large steps where the atoms are far apart, then small ones."""
    near = min(begin, max(end, _NEAR)) if begin > end else begin
    far = np.geomspace(begin, near, 1 + math.ceil(math.log(begin / near) / math.log(_LARGE_STEP)))
    return np.append(
        far[:-1], np.geomspace(near, end, 1 + math.ceil(abs(math.log(end / near)) / math.log(_SMALL_STEP)))
    )


def find_false_minimum(landscape: Landscape, scan: RelaxedScan) -> FalseMinimum | None:
    """Draw the coordinate to its end or to the ceiling, and let go where the energy falls and at the end."""
    context = _biased_context(landscape.system, scan)
    here, last, barrier, fell = landscape.minimum, 0.0, 0.0, False
    drops = []
    for before, target in zip(scan.targets[:-1], scan.targets[1:], strict=True):
        positions, height = _draw(landscape, context, here, target)
        if height > _CEILING:
            return None
        if not height > last - _DESCENT:
            drops.append((here, np.linspace(before, target, _FINER)[1:]))
        falls = not height > barrier - _DESCENT and landscape.rest.fault(positions) is not None
        if (falls and not fell) or target == scan.targets[-1]:
            fell = True
            finite = np.isfinite(positions).all()
            below = relaxed_below(landscape, positions) if finite else Relaxed(positions, -np.inf, NOT_FINITE)
            if below.fault:
                barrier = max(barrier, below.height, *(_barrier(landscape, context, *drop) for drop in drops))
                found = FalseMinimum(scan, below.fault, below.height, barrier, below.well)
                return found if barrier < _CEILING else None
        here, last, barrier = positions, height, max(barrier, height)
    return None


def _draw(
    landscape: Landscape, context: openmm.Context, positions: Float[np.ndarray, "atoms 3"], target: float
) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """Where the coordinate is drawn to, and the energy there above the minimum."""
    context.setPositions(positions)
    context.setParameter("target", target)
    positions, energy = minimise(context, iterations=_RELAXATION)
    return positions, energy - landscape.energy


def _barrier(
    landscape: Landscape,
    context: openmm.Context,
    positions: Float[np.ndarray, "atoms 3"],
    targets: Float[np.ndarray, " targets"],
) -> float:
    """Highest energy above the minimum on a finer way through a step, up to where it falls."""
    highest = 0.0
    for target in targets:
        positions, height = _draw(landscape, context, positions, target)
        if not height > highest - _DESCENT:
            break
        highest = max(highest, height)
    return highest


def _biased_context(system: openmm.System, scan: RelaxedScan) -> openmm.Context:
    """A context of the System with a spring that draws the coordinate to the parameter ``target``."""
    if len(scan.atoms) == 2:
        bias = openmm.CustomBondForce(f"{_STRETCH / 2}*(r-target)^2")
        bias.addBond(*scan.atoms)
    else:
        bias = openmm.CustomAngleForce(f"{_BEND / 2}*(theta-target)^2")
        bias.addAngle(*scan.atoms)
    bias.addGlobalParameter("target", scan.targets[0])
    bias.setForceGroup(BIAS_GROUP)
    row = system.addForce(bias)
    try:
        return new_context(system, openmm.VerletIntegrator(0.001))
    finally:
        system.removeForce(row)
