"""Geometries that a force field visits: those that may be labelled, and those that it is judged by."""

from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.errors import FitError
from hybridff.export.context import minimise, new_context
from hybridff.export.hot_geometries import hot_geometries
from hybridff.export.routes import best_route, to_openmm
from hybridff.frames.checks import bond_changes
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.conformers import embedded_conformers
from hybridff.molecules.molecule import Molecule
from hybridff.units import KCAL_MOL

_EMBEDDED = 60
"""Geometries of RDKit from which conformers are relaxed."""
_SAME = 0.1 * KCAL_MOL
"""Minima whose energies are as near are one, or mirror images [kJ/mol]."""
_WINDOW = 15 * KCAL_MOL
"""Energy of a conformer above the lowest, at most [kJ/mol]."""
TEMPERATURE = 300.0
"""Temperature of the dynamics that a force field is for [K]."""
RUN = 10
"""Geometries of a run of dynamics, of which independent frames are the last."""
_TARGETS = 100
"""Geometries of that dynamics by which errors are predicted."""
_HOT = {300.0: 120, 450.0: 120, 700.0: 60}
"""Temperatures [K] and numbers of geometries of the dynamics that candidates come from."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a force field visits."""

    candidates: Float[np.ndarray, "candidates atoms 3"]
    """Geometries that may be labelled [nm]."""
    origins: tuple[str, ...]
    """Where each of these comes from."""
    targets: Float[np.ndarray, "targets atoms 3"]
    """Geometries of dynamics at 300 K, by which errors are predicted [nm]."""


def sampled(force_field: ForceField, seed: int) -> Sampled:
    """Conformers, and dynamics from them at several temperatures; deterministic for a seed.

    Raises ``FitError`` where no geometry of these has the bonds of the molecule.
    """
    conformers = conformers_of(force_field, seed)
    found, origins = [conformers], ["a conformer"] * len(conformers)
    for number, (temperature, wanted) in enumerate(_HOT.items()):
        own = dynamics_of(force_field, conformers, wanted, temperature, seed + number + 1)
        found.append(own)
        origins += [f"dynamics at {temperature:g} K"] * len(own)
    targets = dynamics_of(force_field, conformers, _TARGETS, TEMPERATURE, seed + len(_HOT) + 1)
    if not len(targets):
        raise FitError(f"dynamics of {force_field.molecule.name} at {TEMPERATURE:g} K do not keep its bonds.")
    return Sampled(np.concatenate(found), tuple(origins), targets)


def independent_frames(force_field: ForceField, wanted: int, seed: int) -> Float[np.ndarray, "frames atoms 3"]:
    """The last frames of runs of 3 ps of dynamics at 300 K, each from a conformer [nm]; deterministic.

    Raises ``FitError`` where none keeps the bonds of the molecule.
    """
    conformers = conformers_of(force_field, seed)
    frames = hot_geometries(force_field, conformers, wanted * RUN, TEMPERATURE, seed)[RUN - 1 :: RUN]
    found = with_bonds(force_field.molecule, frames)
    if not len(found):
        raise FitError(f"dynamics of {force_field.molecule.name} at {TEMPERATURE:g} K do not keep its bonds.")
    return found


def dynamics_of(
    force_field: ForceField, starts: Float[np.ndarray, "starts atoms 3"], wanted: int, temperature: float, seed: int
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries of dynamics at a temperature [K] from some starts [nm] that have the bonds of the molecule."""
    return with_bonds(force_field.molecule, hot_geometries(force_field, starts, wanted, temperature, seed))


def conformers_of(force_field: ForceField, seed: int) -> Float[np.ndarray, "conformers atoms 3"]:
    """Minima of a force field next to conformers of RDKit, each once, lowest first [nm].

    The molecule's own geometry where none keeps its bonds.
    """
    molecule = force_field.molecule.placed()
    assert molecule.positions is not None
    embedded = embedded_conformers(molecule, _EMBEDDED, seed)
    context = new_context(to_openmm(force_field, best_route(force_field, "Reference")), openmm.VerletIntegrator(0.001))
    found: dict[int, tuple[float, Float[np.ndarray, "atoms 3"]]] = {}
    for guess in (molecule.positions, *embedded):
        context.setPositions(guess)
        positions, energy = minimise(context)
        if np.isfinite(energy) and len(with_bonds(molecule, positions[None])):
            found.setdefault(round(energy / _SAME), (energy, positions))
    lowest = min((energy for energy, _ in found.values()), default=0.0)
    kept = [own for own in sorted(found.values(), key=lambda own: own[0]) if own[0] < lowest + _WINDOW]
    return np.array([positions for _, positions in kept] or [molecule.positions])


def with_bonds(molecule: Molecule, positions: Float[np.ndarray, "some atoms 3"]) -> Float[np.ndarray, "kept atoms 3"]:
    """Geometries [nm] that have the bonds of a molecule."""
    frames = Frames(molecule.numbers, positions, np.zeros(len(positions)), None)
    broken = [change.frame for change in bond_changes(frames, molecule, np.arange(len(positions)))]
    return np.delete(positions, broken, axis=0)
