"""Geometries that a force field visits: those that may be labelled, and those that it is judged by."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.errors import FitError, InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.checks import with_bonds
from hybridff.gaff.forcefield import ForceField
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.sampling.dynamics import DynamicsOptions, dynamics
from hybridff.sampling.torsions import driven_torsions

_CONFORMERS = 15
"""Conformers that dynamics begin with, at most."""
TEMPERATURE = 300.0
"""Temperature of the dynamics that a force field is for [K]."""
_TARGETS = 100
"""Geometries of that dynamics by which errors are predicted."""
_HOT = {300.0: 100, 450.0: 100, 700.0: 60}
"""Temperatures [K] and numbers of geometries of the dynamics that candidates come from."""
_DRIVEN = 40
"""Geometries with torsions driven to angles."""
_INDEPENDENT = 2.0
"""Time between independent frames of dynamics, and before the first of a run [ps]."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a force field visits."""

    candidates: Float[np.ndarray, "candidates atoms 3"]
    """Geometries that may be labelled [nm]."""
    origins: tuple[str, ...]
    """Where each of these comes from."""
    targets: Float[np.ndarray, "targets atoms 3"]
    """Geometries of dynamics at 300 K, by which errors are predicted [nm]."""
    torsions: Float[np.ndarray, "driven atoms 3"]
    """Geometries relaxed with torsions at angles of a grid [nm]; none where nothing turns."""


def sampled(force_field: ForceField, seed: int) -> Sampled:
    """Conformers, driven torsions, and dynamics from conformers at several temperatures; deterministic for a seed.

    Raises ``FitError`` where dynamics at 300 K do not keep the bonds of the molecule.
    """
    conformers = conformers_of(force_field, seed)
    torsions = _driven(force_field, conformers, seed)
    found, origins = [conformers, torsions], ["a conformer"] * len(conformers) + ["a driven torsion"] * len(torsions)
    for number, (temperature, wanted) in enumerate(_HOT.items()):
        own = dynamics_of(force_field, conformers, wanted, temperature, seed + number + 1)
        found.append(own)
        origins += [f"dynamics at {temperature:g} K"] * len(own)
    targets = dynamics_of(force_field, conformers, _TARGETS, TEMPERATURE, seed + len(_HOT) + 1)
    if not len(targets):
        raise _unsound(force_field)
    return Sampled(np.concatenate(found), tuple(origins), targets, torsions)


def independent_frames(force_field: ForceField, wanted: int, seed: int) -> Float[np.ndarray, "frames atoms 3"]:
    """Frames of dynamics at 300 K from several conformers, 2 ps from each other [nm]; deterministic for a seed.

    Raises ``FitError`` where none keeps the bonds of the molecule.
    """
    found = dynamics_of(force_field, conformers_of(force_field, seed), wanted, TEMPERATURE, seed, _INDEPENDENT)
    if not len(found):
        raise _unsound(force_field)
    return found


def dynamics_of(
    force_field: ForceField,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    temperature: float,
    seed: int,
    apart: float = 0.2,
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries of dynamics at a temperature [K] from some starts [nm] that have the bonds of the molecule.

    They are so far ``apart`` in a run [ps].
    """
    options = DynamicsOptions(temperature=temperature, apart=apart, warm=max(0.5, apart), seed=seed)
    found = dynamics(force_field.molecule, HybridFFCalculator(force_field), starts, wanted, options)
    return with_bonds(force_field.molecule, found.positions)


def conformers_of(force_field: ForceField, seed: int) -> Float[np.ndarray, "conformers atoms 3"]:
    """Minima of a force field next to conformers of RDKit, lowest first [nm].

    The molecule's own geometry where none keeps its bonds.
    """
    molecule = force_field.molecule.placed()
    assert molecule.positions is not None
    try:
        found = relaxed_conformers(molecule, HybridFFCalculator(force_field), _CONFORMERS, seed)
    except InputError:  # no relaxation ended
        return molecule.positions[None]
    kept = with_bonds(molecule, found)
    return kept if len(kept) else molecule.positions[None]


def _driven(
    force_field: ForceField, conformers: Float[np.ndarray, "conformers atoms 3"], seed: int
) -> Float[np.ndarray, "driven atoms 3"]:
    molecule = force_field.molecule
    return with_bonds(molecule, driven_torsions(molecule, HybridFFCalculator(force_field), conformers, _DRIVEN, seed))


def _unsound(force_field: ForceField) -> FitError:
    return FitError(
        f"dynamics of {force_field.molecule.name} at {TEMPERATURE:g} K do not keep its bonds: is it stable at the "
        "level of theory, in the gas phase?"
    )
