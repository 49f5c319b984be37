"""Conformers that no training frame shows, whose energies a flexible form would make up.

Torsions and their couplings, fitted to some angles of a rotor, say anything about the others: 12 kcal/mol too little
for the carboxyl group of aspirin with its hydrogen turned over. There a fit keeps to its start, give or take.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from hybridff.export.routes import Route, best_route
from hybridff.fitting.relaxation import Relaxation, relaxation_of
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.geometry import torsion
from hybridff.model import EnergyModel
from hybridff.molecules.graph import chain_name
from hybridff.molecules.limits import hot_limits
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import Rotor, equal_rotors, find_rotors, turn
from hybridff.units import DEGREE, KCAL_MOL

SEARCHES = 4
"""Searches for false minima of a fit at unseen conformers, each followed by another solution."""
DEVIATION = 3.0 * KCAL_MOL
"""Standard deviation of the energies of unseen conformers from those of the start [kJ/mol]."""
_GRID = np.arange(-180, 180, 10) * DEGREE
_NEAR = 30 * DEGREE
"""An angle is seen if one of the frames is as near."""
_PER_ROTOR = 24
"""Conformers of each rotor that has angles without frames, where these rotors are few."""
_MOST_TURNED = 144
"""Most conformers of many rotors, of which others are turned beside each."""
REFERENCES = 24
"""Frames whose mean energy is the zero of those."""
_HIGHEST = 25 * KCAL_MOL
"""Energy of the highest conformer that matters, above that zero [kJ/mol]."""
_EQUAL = 0.1 * KCAL_MOL
"""Minima whose energies are as near are one, or mirror images [kJ/mol]."""


@dataclass(frozen=True, eq=False)
class ConformerEnergies:
    """What the energies of some conformers should be."""

    conformers: Float[np.ndarray, "conformers atoms 3"]
    """Positions of the conformers [nm]."""
    references: Float[np.ndarray, "references atoms 3"]
    """Geometries at the angles of frames, whose mean energy is the zero [nm]."""
    energies: Float[np.ndarray, " conformers"] | None
    """Energies that are wanted, above the mean of the references [kJ/mol]; None for those of the start."""

    def by(self, model: EnergyModel) -> Float[np.ndarray, " conformers"]:
        """What a model makes of the conformers, above the mean of the references [kJ/mol]."""
        energies, zero = (predict(model, positions)[0] for positions in (self.conformers, self.references))
        return energies - zero.mean()


@dataclass(frozen=True, eq=False)
class UnseenConformers:
    """Conformers at angles that no frame shows, and what the start makes of them."""

    start: ForceField
    """The starting force field."""
    route: Route
    """The way in which the start is exported to relax geometries."""
    rotors: Mapping[Rotor, Float[np.ndarray, " _"]]
    """Angles of each rotor that no frame is near [rad]; rotors without such angles are left out."""
    frames: Float[np.ndarray, "some atoms 3"]
    """Frames that any force field relaxes to have its zero of energy [nm]."""
    references: Float[np.ndarray, "references atoms 3"]
    """These frames, relaxed by the start with all rotors held [nm]."""
    zero: float
    """Mean energy of the references by the start [kJ/mol]; not a number without any."""
    conformers: Float[np.ndarray, "conformers atoms 3"]
    """Below 25 kcal/mol by the start, which relaxed them with torsions held or free [nm]."""

    @property
    def at_start(self) -> ConformerEnergies:
        """The conformers with energies wanted to be those of the start."""
        return ConformerEnergies(self.conformers, self.references, None)

    def sentence(self) -> str:
        """What no frame shows; nothing where frames show all angles."""
        if not self.rotors:
            return ""
        named = ", ".join(
            f"{chain_name(self.start.molecule, rotor)} ({len(angles) / len(_GRID):.0%})"
            for rotor, angles in self.rotors.items()
        )
        return (
            f"No training frame comes near some of the angles of {named}. Energies of conformers there are those of "
            f"the starting force field, give or take {DEVIATION / KCAL_MOL:g} kcal/mol: add frames if they matter."
        )

    def described_by(self, atoms: Collection[int]) -> Float[np.ndarray, "conformers atoms 3"]:
        """Conformers at unseen angles of rotors whose angles follow from the positions of these atoms [nm]."""
        neighbours = self.start.molecule.neighbours

        def has_side(atom: int, other: int) -> bool:
            return atom in atoms and any(n in atoms for n in neighbours[atom] if n != other)

        described = [has_side(second, third) and has_side(third, second) for _, second, third, _ in self.rotors]
        kept = [any(np.logical_and(described, self.unseen_rotors(positions))) for positions in self.conformers]
        return self.conformers[np.array(kept, dtype=bool)]

    def unseen_rotors(self, positions: Float[np.ndarray, "atoms 3"]) -> list[bool]:
        """Whether the torsion of each rotor has an angle that no frame shows."""
        angles = torsion(torch.as_tensor(positions[np.array(list(self.rotors))])).tolist()
        step = float(_GRID[1] - _GRID[0])
        return [
            bool(np.abs(np.remainder(free - angle + math.pi, 2 * math.pi) - math.pi).min() < step / 2)
            for angle, free in zip(angles, self.rotors.values(), strict=True)
        ]


def find_unseen_conformers(start: ForceField, frames: Float[np.ndarray, "frames atoms 3"]) -> UnseenConformers:
    """Turn frames [nm] to angles that none of them shows, and relax them with the start; deterministic."""
    route = best_route(start, "Reference")
    rotors = unseen_angles(start.molecule, frames)
    if not rotors:
        none = frames[:0]
        return UnseenConformers(start, route, rotors, none, none, math.nan, none)
    random = np.random.default_rng(0)
    some = frames[random.permutation(len(frames))[:REFERENCES]]
    relaxation = _relaxation_of_start(start, route)
    references, zero = relaxation.references(some)
    kept = []
    for turned in _turned(start.molecule, frames, rotors, random):
        for positions, energy in (relaxation.held(turned), relaxation.free(turned)):
            if energy - zero < _HIGHEST:
                kept.append(positions)
    conformers = np.array(kept).reshape(-1, *frames.shape[1:])
    return UnseenConformers(start, route, rotors, some, references, zero, conformers)


def false_minima(unseen: UnseenConformers, fitted: ForceField) -> ConformerEnergies | None:
    """Minima of a fitted force field at unseen angles, far below what the start makes of them; None without any.

    The energies are those that the start has once it has relaxed them, torsions held. Minima with broken bonds or atoms
    on top of each other are left out: they are no conformers, and energies like the start's there would spoil the fit
    everywhere else.
    """
    if not unseen.rotors or not len(unseen.references):
        return None
    relaxation = relaxation_of(fitted, find_rotors(fitted.molecule), "compiled")
    references, zero = relaxation.references(unseen.frames)
    by_start: Relaxation | None = None
    limits = hot_limits(unseen.start.molecule, unseen.references[0])
    found: dict[int, tuple[Float[np.ndarray, "atoms 3"], float]] = {}
    for conformer in unseen.conformers:
        positions, energy = relaxation.free(conformer)
        if not math.isfinite(energy) or limits.fault(positions) is not None:
            continue
        level = round(energy / _EQUAL)
        if level in found or not any(unseen.unseen_rotors(positions)):
            continue
        by_start = by_start or _relaxation_of_start(unseen.start, unseen.route)
        wanted = by_start.held(positions)[1] - unseen.zero
        if energy - zero < wanted - DEVIATION:
            found[level] = positions, wanted
    if not found:
        return None
    conformers, energies = zip(*found.values(), strict=True)
    return ConformerEnergies(np.array(conformers), references, np.array(energies))


def unseen_angles(
    molecule: Molecule, frames: Float[np.ndarray, "frames atoms 3"]
) -> dict[Rotor, Float[np.ndarray, " _"]]:
    """Angles of each rotor that no frame is near [rad]; rotors without such angles are left out."""
    found = {rotor: _GRID[~_seen(molecule, rotor, frames)] for rotor in find_rotors(molecule)}
    return {rotor: angles for rotor, angles in found.items() if len(angles)}


def _relaxation_of_start(start: ForceField, route: Route) -> Relaxation:
    """The start, without terms that are zero; all rotors can be held."""
    return relaxation_of(start.without(start.parameter_table.values == 0), find_rotors(start.molecule), route)


def _turned(
    molecule: Molecule,
    frames: Float[np.ndarray, "frames atoms 3"],
    rotors: Mapping[Rotor, Float[np.ndarray, " _"]],
    random: np.random.Generator,
) -> Iterator[Float[np.ndarray, "atoms 3"]]:
    """Frames with each rotor in turn, and half of the others, turned to unseen angles."""
    n_each = max(1, min(_PER_ROTOR, _MOST_TURNED // len(rotors)))
    for rotor in rotors:
        for _ in range(n_each):
            turned = frames[random.integers(len(frames))]
            for other, angles in rotors.items():
                if other == rotor or random.random() < 0.5:
                    turned = turn(molecule, turned, other, random.choice(angles))
            yield turned


def _seen(molecule: Molecule, rotor: Rotor, frames: Float[np.ndarray, "frames atoms 3"]) -> Bool[np.ndarray, " grid"]:
    """Which angles some frame is near, in this torsion, one that symmetry makes equal to it, or their mirror image."""
    alike = np.array(equal_rotors(molecule, rotor))
    angles = torsion(torch.as_tensor(frames[:, alike])).numpy().ravel()
    angles = np.sort(np.concatenate([angles, -angles]))
    after = np.searchsorted(angles, _GRID) % len(angles)
    gaps = np.abs(angles[[after, after - 1]] - _GRID)
    return np.minimum(gaps, 2 * math.pi - gaps).min(0) < _NEAR
