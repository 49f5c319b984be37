"""Frames of a molecule at a level that is cheap enough for hundreds of them: what a fit may be pre-trained on.

The geometries are those of the reference data, conformers of RDKit, and dynamics at several temperatures: first with
stock GAFF, then with a small fit to what the level says of all these.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.errors import FitError
from hybridff.export.hot_geometries import hot_geometries
from hybridff.fitting.fits import fit
from hybridff.fitting.options import FitOptions
from hybridff.frames.checks import bond_changes
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.conformers import embedded_conformers
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent
from hybridff.reference.labelled_frames import labelled_frames
from hybridff.reference.level import Level

_GIVEN, _CONFORMERS, _BY_STOCK = 100, 40, 60
"""Most geometries that are given, conformers of RDKit, and geometries of dynamics with stock GAFF at ``_MILD``."""
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
    given: Float[np.ndarray, "given atoms 3"]
    """Geometries that are to be among the frames, or some of them [nm]."""
    wanted: int
    """Number of frames; some less where bonds break or equations do not converge."""
    seed: int = 0
    """Seed of the dynamics."""

    @property
    def molecule(self) -> Molecule:
        """The molecule."""
        return self.stock.molecule


def level_frames(sampling: LevelSampling, level: Level, say: Say = quiet, progress: Progress = silent) -> Frames:
    """Geometries of a molecule, with energies and forces at a level; deterministic, and kept in the cache.

    Raises ``FitError`` where hardly any geometry keeps the bonds of the molecule.
    """
    molecule, seed = sampling.molecule, sampling.seed
    say(f"{molecule.name}: frames of {level.theory} …")
    order = np.random.default_rng(seed).permutation(len(sampling.given))
    starts = np.concatenate([sampling.given[order[:_GIVEN]], embedded_conformers(molecule, _CONFORMERS, seed)])
    mild = hot_geometries(sampling.stock, starts, _BY_STOCK, _MILD, seed)
    first = labelled_frames(level, molecule, _sound(molecule, np.concatenate([starts, mild])), part(progress, 0.0, 0.3))
    if len(first) < _LEAST:
        raise FitError(
            f"only {len(first)} geometries of {molecule.name} have the bonds of the molecule and an energy at "
            f"{level.theory}; fit without pretrain."
        )
    sampler = fit(sampling.small, first, FitOptions(size="small")).force_fields[0]
    each = max(0, sampling.wanted - len(first)) // len(_TEMPERATURES)
    hot = [hot_geometries(sampler, first.positions, each, t, seed + i + 1) for i, t in enumerate(_TEMPERATURES)]
    second = labelled_frames(level, molecule, _sound(molecule, np.concatenate(hot)), part(progress, 0.3, 1.0))
    return Frames(
        molecule.numbers,
        np.concatenate([first.positions, second.positions]),
        np.concatenate([first.energies, second.energies]),
        np.concatenate([first.forces, second.forces]),
        name=molecule.name,
        smiles=molecule.smiles,
        theory=level.theory,
    )


def _sound(molecule: Molecule, positions: Float[np.ndarray, "some atoms 3"]) -> Float[np.ndarray, "sound atoms 3"]:
    """Geometries with the bonds of the molecule."""
    frames = Frames(molecule.numbers, positions, np.zeros(len(positions)), None)
    broken = {change.frame for change in bond_changes(frames, molecule, np.arange(len(positions)))}
    return positions[[row for row in range(len(positions)) if row not in broken]]
