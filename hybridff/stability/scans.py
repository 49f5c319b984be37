"""Holes of a force field: minima that are no structure of the molecule, and scans that look for them.

A scan draws one coordinate far out of its range while the rest relaxes, and lets go where the energy falls: what does
not come back to a sound structure is in a hole. The height that had to be climbed says whether dynamics can get there.
Rigid scans would see walls that relaxation walks around, and errors of the rest that nothing can reach.
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
    Limits,
    bond_angles,
    chain_key,
    hot_limits,
    pair_distances,
    pair_key,
    pairs_and_bonds,
    rest_limits,
)
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

_WELL = 30 * KCAL_MOL
"""A conformer can be this much lower than the first minimum; what is lower is a hole."""
_IONIC_WELL = 150 * KCAL_MOL
"""The same where atoms have formal charges, which may find each other."""

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
_SCANNED_ANGLE = (60 * DEGREE, 175 * DEGREE)
_SCANNED_PAIR = 0.5 * ANGSTROM
_NEAR = 3 * ANGSTROM
_LARGE_STEP, _SMALL_STEP = 1.3, 1.1
"""Ratios of distances from one point of a scan to the next, above and below ``_NEAR``."""
_FINER = 40
"""Points between two of a scan where it fell, to see the barrier."""
_ANGLE_STEP = 8 * DEGREE


@dataclass(frozen=True, eq=False)
class Judge:
    """A System, its minimum, and what counts as a sound structure."""

    molecule: Molecule
    system: openmm.System
    minimum: Float[np.ndarray, "atoms 3"]
    energy: float = 0.0
    """Of the minimum [kJ/mol]."""
    hot: Limits = field(init=False)
    rest: Limits = field(init=False)
    _context: openmm.Context = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hot", hot_limits(self.molecule, self.minimum))
        object.__setattr__(self, "rest", rest_limits(self.molecule, self.minimum))
        object.__setattr__(self, "_context", new_context(self.system, openmm.VerletIntegrator(0.001)))

    def place(self, fault: Fault) -> tuple[int, ...]:
        """The same for faults of equivalent atoms."""
        return chain_key(self.molecule.equivalent_atoms()[list(fault.atoms)])

    def relax(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[Float[np.ndarray, "atoms 3"], float]:
        """The minimum below some positions, and its energy."""
        self._context.setPositions(positions)
        return minimise(self._context, tolerance=1.0)

    def fall(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[Fault | None, float]:
        """What is wrong with the minimum below some positions, and its energy above the minimum [kJ/mol]."""
        relaxed, energy = self.relax(positions)
        height = energy - self.energy
        fault = self.rest.fault(relaxed) or (None if np.isfinite(energy) else NOT_FINITE)
        well = _IONIC_WELL if np.any(self.molecule.formal_charges) else _WELL
        if fault is None and height < -well:
            fault = self.rest.closest(relaxed)
        return fault, height


@dataclass(frozen=True, eq=False)
class Scan:
    """A coordinate, and the values that it is drawn to from its value at the minimum, one after the other."""

    atoms: tuple[int, ...]
    doing: str
    """Such as "stretching the bond C1-C2"."""
    targets: Float[np.ndarray, " targets"]


@dataclass(frozen=True)
class Hole:
    """What a scan found."""

    scan: Scan
    fault: Fault
    height: float
    """Energy of its bottom above the minimum [kJ/mol]."""
    barrier: float
    """Highest energy above the minimum on the way there [kJ/mol]; an upper bound of the lowest barrier."""


def all_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> list[Scan]:
    """Scans of one bond, angle and pair of every symmetry class; of a class the shortest distance."""
    return [*_distance_scans(molecule, minimum), *_angle_scans(molecule, minimum)]


def _distance_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> Iterator[Scan]:
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
            yield Scan(atoms, f"drawing {first} and {last} together", _distance_targets(distance, _SCANNED_PAIR))
            continue
        for doing, factor in zip(("compressing", "stretching"), _SCANNED_BOND, strict=True):
            yield Scan(atoms, f"{doing} the bond {first}-{last}", _distance_targets(distance, factor * distance))


def _angle_scans(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> Iterator[Scan]:
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
                yield Scan(tuple(atoms.tolist()), f"{doing} the angle {chain_name(molecule, atoms.tolist())}", targets)


def _distance_targets(begin: float, end: float) -> Float[np.ndarray, " targets"]:
    """Large steps where the atoms are far apart, then small ones."""
    near = min(begin, max(end, _NEAR)) if begin > end else begin
    far = np.geomspace(begin, near, 1 + math.ceil(math.log(begin / near) / math.log(_LARGE_STEP)))
    return np.append(
        far[:-1], np.geomspace(near, end, 1 + math.ceil(abs(math.log(end / near)) / math.log(_SMALL_STEP)))
    )


def find_hole(judge: Judge, scan: Scan) -> Hole | None:
    """Draw the coordinate to its end or to the ceiling, and let go where the energy falls and at the end."""
    context = _biased_context(judge.system, scan)
    here, last, barrier, fell = judge.minimum, 0.0, 0.0, False
    drops = []
    for before, target in zip(scan.targets[:-1], scan.targets[1:], strict=True):
        positions, height = _draw(judge, context, here, target)
        if height > _CEILING:
            return None
        if not height > last - _DESCENT:
            drops.append((here, np.linspace(before, target, _FINER)[1:]))
        falls = not height > barrier - _DESCENT and judge.rest.fault(positions) is not None
        if (falls and not fell) or target == scan.targets[-1]:
            fell = True
            fault, bottom = judge.fall(positions) if np.isfinite(positions).all() else (NOT_FINITE, -np.inf)
            if fault:
                barrier = max(barrier, bottom, *(_barrier(judge, context, *drop) for drop in drops))
                return Hole(scan, fault, bottom, barrier) if barrier < _CEILING else None
        here, last, barrier = positions, height, max(barrier, height)
    return None


def _draw(
    judge: Judge, context: openmm.Context, positions: Float[np.ndarray, "atoms 3"], target: float
) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """Where the coordinate is drawn to, and the energy there above the minimum."""
    context.setPositions(positions)
    context.setParameter("target", target)
    positions, energy = minimise(context, iterations=_RELAXATION)
    return positions, energy - judge.energy


def _barrier(
    judge: Judge,
    context: openmm.Context,
    positions: Float[np.ndarray, "atoms 3"],
    targets: Float[np.ndarray, " targets"],
) -> float:
    """Highest energy above the minimum on a finer way through a step, up to where it falls."""
    highest = 0.0
    for target in targets:
        positions, height = _draw(judge, context, positions, target)
        if not height > highest - _DESCENT:
            break
        highest = max(highest, height)
    return highest


def _biased_context(system: openmm.System, scan: Scan) -> openmm.Context:
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
