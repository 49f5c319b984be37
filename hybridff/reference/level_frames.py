"""Frames of a molecule at a level that is cheap enough for hundreds of them: what a fit may be pre-trained on.

The geometries are those of the reference data and of dynamics around them, as hot as these are, conformers of RDKit
and others at angles of rotors that none of these shows, and dynamics at several temperatures: first with stock GAFF,
then with small fits to what the level says of all these.

Class II does not describe all of them equally well, and what the reference data are to change has to be right where
these are: a frame counts the less the more a small fit to the level's frames around the reference data leaves of it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from hybridff.errors import FitError
from hybridff.export.hot_geometries import hot_geometries
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.fits import fit
from hybridff.fitting.options import FitOptions
from hybridff.frames.accuracy import what_is_left
from hybridff.frames.checks import with_bonds
from hybridff.frames.dataset import Frames, joined
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.conformers import embedded_conformers
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.level import Level
from hybridff.units import BOLTZMANN

_GIVEN, _CONFORMERS, _TURNED, _BY_STOCK = 100, 40, 40, 60
"""Most geometries that are given, conformers of RDKit, others at angles of rotors that none of these shows, relaxed by
stock GAFF, and geometries of its dynamics at ``_MILD``."""
_NEAR, _FIRST_NEAR = 0.5, 0.15
"""Shares of all frames that dynamics around the given geometries makes: with the second fit, and with the first."""
_COLDEST, _HOTTEST = 200.0, 1000.0
"""Limits of the temperature of that dynamics [K]."""
_MILD = 400.0
"""Temperature of the dynamics with stock GAFF [K]."""
_TEMPERATURES = (300.0, 450.0, 600.0, 900.0, 1200.0)
"""Temperatures of the dynamics with the small fit [K]."""
_LEAST = 30
"""Fewest frames that are of use."""


@dataclass(frozen=True, eq=False)
class LevelSampling:
    """Whose frames are made, and how many."""

    stock: ForceField
    """Stock GAFF of the molecule, at a sound geometry."""
    small: ForceField
    """The class II form at its start, of which a small fit samples."""
    given: Frames
    """Reference data, whose geometries are to be among the frames, or some of them."""
    wanted: int
    """Number of frames; some less where bonds break or equations do not converge."""
    seed: int = 0
    """Seed of the dynamics."""

    @property
    def molecule(self) -> Molecule:
        """The molecule."""
        return self.stock.molecule


def level_frames(sampling: LevelSampling, level: Level, say: Say = quiet, progress: Progress = silent) -> Frames:
    """Geometries of a molecule, with energies, forces and weights at a level; deterministic, and kept in the cache.

    Raises ``FitError`` where hardly any geometry keeps the bonds of the molecule.
    """
    molecule, seed, given = sampling.molecule, sampling.seed, sampling.given.positions
    say(f"{molecule.name}: frames of {level.theory} …")
    random = np.random.default_rng(seed)
    given = given[random.permutation(len(given))[:_GIVEN]]
    starts = np.concatenate([given, embedded_conformers(molecule, _CONFORMERS, seed)])
    turned = find_unseen_conformers(sampling.stock, starts).conformers
    starts = np.concatenate([starts, turned[random.permutation(len(turned))[:_TURNED]]])
    mild = hot_geometries(sampling.stock, starts, _BY_STOCK, _MILD, seed)
    first = labelled_frames(
        level, molecule, with_bonds(molecule, np.concatenate([starts, mild])), part(progress, 0.0, 0.25)
    )
    if len(first) < _LEAST:
        raise FitError(
            f"only {len(first)} geometries of {molecule.name} have the bonds of the molecule and an energy at "
            f"{level.theory}; fit without pretrain."
        )
    own, n_near = temperature(sampling.given), int(_FIRST_NEAR * sampling.wanted)
    near = _by_dynamics(sampling, level, first, given, {own: n_near}, seed + 1, part(progress, 0.25, 0.4))
    some, left = joined([first, near]), sampling.wanted - len(first) - len(near)
    n_near = min(left, int(_NEAR * sampling.wanted))
    near = joined([near, _by_dynamics(sampling, level, some, given, {own: n_near}, seed + 2, part(progress, 0.4, 0.7))])
    each = dict.fromkeys(_TEMPERATURES, (left - n_near) // len(_TEMPERATURES))
    hot = _by_dynamics(sampling, level, some, first.positions, each, seed + 3, part(progress, 0.7, 1.0))
    near = joined([first.subset(_among(first.positions, given)), near])
    found = joined([first, near.subset(~_among(near.positions, given)), hot])
    return replace(found, smiles=molecule.smiles, theory=level.theory, weights=_weights(sampling.small, near, found))


def temperature(frames: Frames) -> float:
    """The temperature [K] of harmonic vibrations whose energies spread as those of some frames do, within limits.

    Their variance is that of (3N - 6)/2 degrees of freedom of kT each in potential energy.
    """
    n_vibrations = max(1, frames.positions[0].size - 6)
    found = float(np.std(frames.energies)) / (BOLTZMANN * math.sqrt(n_vibrations / 2))
    return min(max(found, _COLDEST), _HOTTEST)


def _by_dynamics(
    sampling: LevelSampling,
    level: Level,
    known: Frames,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: Mapping[float, int],
    seed: int,
    progress: Progress,
) -> Frames:
    """Frames of dynamics with a small fit to ``known`` frames, so many at each temperature [K]."""
    sampler = fit(sampling.small, known, FitOptions(size="small")).force_fields[0]
    made = [hot_geometries(sampler, starts, n, t, seed + 10 * i) for i, (t, n) in enumerate(wanted.items())]
    return labelled_frames(level, sampling.molecule, with_bonds(sampling.molecule, np.concatenate(made)), progress)


def _weights(small: ForceField, near: Frames, frames: Frames) -> Float[np.ndarray, " frames"]:
    """Squares of what a small fit to the near frames leaves of their forces, over those of each frame; 1 at most."""
    fitted = fit(small, near, FitOptions(size="small")).force_fields[0]
    usual = (_left(fitted, near) ** 2).mean()
    return np.minimum(1.0, usual / np.maximum(_left(fitted, frames) ** 2, np.finfo(float).tiny))


def _left(model: ForceField, frames: Frames) -> Float[np.ndarray, " frames"]:
    """Root mean square of what a model leaves of the forces of each frame [kJ/mol/nm]."""
    forces = what_is_left(frames, [model]).forces
    assert forces is not None
    return np.sqrt((forces**2).mean((1, 2)))


def _among(
    positions: Float[np.ndarray, "frames atoms 3"], given: Float[np.ndarray, "given atoms 3"]
) -> Bool[np.ndarray, " frames"]:
    """Which geometries are some of the given ones."""
    known = {one.tobytes() for one in given}
    return np.array([one.tobytes() in known for one in positions], dtype=bool)
