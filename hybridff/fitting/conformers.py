"""Conformers that no training frame shows, whose energies a flexible form would make up.

Torsions and their couplings, fitted to some angles of a rotor, say anything about the others: 12 kcal/mol too little
for the carboxyl group of aspirin with its hydrogen turned over. There a fit keeps to its start, give or take.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import openmm
import torch
from jaxtyping import Bool, Float

from hybridff.export.context import BIAS_GROUP, minimise, new_context
from hybridff.export.routes import Route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.geometry import torsion
from hybridff.molecules.graph import chain_name
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import Rotor, equal_rotors, find_rotors, turn
from hybridff.units import DEGREE, KCAL_MOL

LOOKS = 4
"""For wells that a fit has at unseen conformers, each followed by another solution."""
DEVIATION = 3.0 * KCAL_MOL
"""Of the energies of unseen conformers from those of the start."""
_GRID = np.arange(-180, 180, 10) * DEGREE
_NEAR = 30 * DEGREE
"""An angle is seen if one of the frames is as near."""
_PER_ROTOR = 24
"""Conformers of each rotor that has angles without frames."""
_REFERENCES = 24
"""Frames whose mean energy is the zero of those."""
_HIGHEST = 25 * KCAL_MOL
"""Above that zero: what is higher does not matter."""
_EQUAL = 0.1 * KCAL_MOL
"""Minima whose energies are as near are one, or mirror images."""
_HOLD = 2000.0
"""Of the torsions while all else relaxes [kJ/mol]."""
_TOLERANCE, _STEPS = 20.0, 500
"""Of relaxing: force [kJ/mol/nm] and steps."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """What energies of some conformers should be."""

    conformers: Float[np.ndarray, "conformers atoms 3"]
    """[nm]"""
    references: Float[np.ndarray, "references atoms 3"]
    """Geometries at the angles of frames [nm]."""
    heights: Float[np.ndarray, " conformers"] | None
    """Energies above the mean of the references [kJ/mol]; None for those of the start."""


class Unseen:
    """Conformers at angles that no frame shows, and how the start sees them."""

    def __init__(self, start: ForceField, frames: Float[np.ndarray, "frames atoms 3"], route: Route = "native") -> None:
        self._molecule = molecule = start.molecule
        rotors = {rotor: _GRID[~_seen(molecule, rotor, frames)] for rotor in find_rotors(molecule)}
        self.rotors = {rotor: angles for rotor, angles in rotors.items() if len(angles)}
        """Angles [rad] that are not seen of each rotor that has any."""
        self.first: Lessons | None = None
        """What the start says of them."""
        if not self.rotors:
            return
        rng = np.random.default_rng(0)
        self._some = frames[rng.permutation(len(frames))[:_REFERENCES]]
        self._start = _Relaxation(start.without(start.parameter_table.values == 0), list(rotors), route)
        references, self._zero = self._start.references(self._some)
        found = []
        for rotor in self.rotors:
            for _ in range(_PER_ROTOR):
                turned = frames[rng.integers(len(frames))]
                for other, angles in self.rotors.items():
                    if other == rotor or rng.random() < 0.5:
                        turned = turn(molecule, turned, other, rng.choice(angles))
                found += [self._start(turned, hold) for hold in (True, False)]
        kept = [positions for positions, energy in found if energy - self._zero < _HIGHEST]
        self.conformers = np.array(kept).reshape(-1, len(molecule.numbers), 3)
        """Below 25 kcal/mol by the start, which relaxed them with torsions held or free [nm]."""
        self.first = Lessons(self.conformers, references, None)

    def sentence(self) -> str:
        """What no frame shows; nothing where frames show all angles."""
        if not self.rotors:
            return ""
        named = ", ".join(
            f"{chain_name(self._molecule, rotor)} ({len(angles) / len(_GRID):.0%})"
            for rotor, angles in self.rotors.items()
        )
        return (
            f"No training frame comes near some of the angles of {named}. Energies of conformers there are those of "
            f"the starting force field, give or take {DEVIATION / KCAL_MOL:g} kcal/mol: add frames if they matter."
        )

    def seen_by(self, atoms: Collection[int]) -> Float[np.ndarray, "conformers atoms 3"]:
        """Conformers at unseen angles of rotors that these atoms can tell [nm]."""
        neighbours = self._molecule.neighbours

        def tell(atom: int, other: int) -> bool:
            return atom in atoms and any(n in atoms for n in neighbours[atom] if n != other)

        told = [tell(second, third) and tell(third, second) for _, second, third, _ in self.rotors]
        kept = [any(np.logical_and(told, self._unseen(positions))) for positions in self.conformers]
        return self.conformers[np.array(kept, dtype=bool)]

    def wells(self, fitted: ForceField) -> Lessons | None:
        """Minima of a fitted force field at unseen angles, far below what the start makes of them; None without any."""
        if not self.rotors:
            return None
        relax = _Relaxation(fitted, self._start.torsions, "compiled")
        references, zero = relax.references(self._some)
        found: dict[int, tuple[Float[np.ndarray, "atoms 3"], float]] = {}
        for conformer in self.conformers:
            positions, energy = relax(conformer, hold=False)
            place = round(energy / _EQUAL) if math.isfinite(energy) else 0
            if not math.isfinite(energy) or place in found or not any(self._unseen(positions)):
                continue
            height = self._start(positions)[1] - self._zero
            if energy - zero < height - DEVIATION:
                found[place] = positions, height
        if not found:
            return None
        conformers, heights = zip(*found.values(), strict=True)
        return Lessons(np.array(conformers), references, np.array(heights))

    def _unseen(self, positions: Float[np.ndarray, "atoms 3"]) -> list[bool]:
        """Whether the torsion of each rotor has an angle that no frame shows."""
        angles = torsion(torch.as_tensor(positions[np.array(list(self.rotors))])).tolist()
        step = float(_GRID[1] - _GRID[0])
        return [
            bool(np.abs(np.remainder(free - angle + math.pi, 2 * math.pi) - math.pi).min() < step / 2)
            for angle, free in zip(angles, self.rotors.values(), strict=True)
        ]


def _seen(molecule: Molecule, rotor: Rotor, frames: Float[np.ndarray, "frames atoms 3"]) -> Bool[np.ndarray, " grid"]:
    """Which angles some frame is near, in this torsion, one that symmetry makes equal to it, or their mirror image."""
    alike = np.array(equal_rotors(molecule, rotor))
    angles = torsion(torch.as_tensor(frames[:, alike])).numpy().ravel()
    angles = np.sort(np.concatenate([angles, -angles]))
    after = np.searchsorted(angles, _GRID) % len(angles)
    gaps = np.abs(angles[[after, after - 1]] - _GRID)
    return np.minimum(gaps, 2 * math.pi - gaps).min(0) < _NEAR


class _Relaxation:
    """Relaxes geometries with a force field, torsions held or free."""

    def __init__(self, force_field: ForceField, torsions: list[Rotor], route: Route) -> None:
        self.torsions = torsions
        self._system = to_openmm(force_field, route)
        self._hold = openmm.CustomTorsionForce("hold*(1-cos(theta-theta0))")
        self._hold.addPerTorsionParameter("theta0")
        self._hold.addGlobalParameter("hold", _HOLD)
        for atoms in torsions:
            self._hold.addTorsion(*atoms, [0.0])
        self._hold.setForceGroup(BIAS_GROUP)
        self._system.addForce(self._hold)
        self._context = new_context(self._system, openmm.VerletIntegrator(0.001))

    def __call__(
        self, positions: Float[np.ndarray, "atoms 3"], hold: bool = True
    ) -> tuple[Float[np.ndarray, "atoms 3"], float]:
        """Relaxed positions [nm] and their energy [kJ/mol]; not numbers where atoms are on top of each other."""
        angles = torsion(torch.as_tensor(positions[np.array(self.torsions)])).tolist()
        for i, (atoms, angle) in enumerate(zip(self.torsions, angles, strict=True)):
            self._hold.setTorsionParameters(i, *atoms, [angle])
        self._hold.updateParametersInContext(self._context)
        self._context.setPositions(positions)
        self._context.setParameter("hold", _HOLD * hold)
        return minimise(self._context, _TOLERANCE, _STEPS)

    def references(
        self, frames: Float[np.ndarray, "frames atoms 3"]
    ) -> tuple[Float[np.ndarray, "references atoms 3"], float]:
        """Frames relaxed with their torsions held, and the mean of their energies; not a number where none relaxes."""
        found = [relaxed for relaxed in map(self, frames) if math.isfinite(relaxed[1])]
        mean = float(np.mean([energy for _, energy in found])) if found else math.nan
        return np.array([positions for positions, _ in found]).reshape(-1, *frames.shape[1:]), mean
