"""Many frames labelled by a cheap level, one after the other, kept in the cache."""

import hashlib
from functools import partial

import numpy as np
from jaxtyping import Float

from hybridff.cache import cached_arrays
from hybridff.errors import MissingProgramError
from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent
from hybridff.reference.level import Labeller, Level, Species, labeller_of

_TOGETHER = 25
"""Frames that are kept in one file of the cache, so that what was stopped goes on."""


def labelled_frames(
    level: Level, molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"], progress: Progress = silent
) -> Frames:
    """Positions [nm] with energies and forces of any level; those whose equations do not converge are left out.

    For cheap levels: one frame after the other, and what is computed is kept in the cache. Raises as ``labeller_of``.
    """
    label, parts = labeller_of(level, Species.of(molecule)), []
    for first in range(0, len(positions), _TOGETHER):
        some = positions[first : first + _TOGETHER]
        key = {
            "method": level.theory,
            "numbers": molecule.numbers.tolist(),
            "charge": molecule.charge,
            "positions": hashlib.sha256(np.ascontiguousarray(some).data).hexdigest(),
            "units": "kJ/mol, nm, standard frame",
        }
        parts.append(cached_arrays(key, partial(label_together, label, some)))
        progress(min(1.0, (first + len(some)) / len(positions)))
    energies = np.concatenate([part["energies"] for part in parts]) if parts else np.zeros(0)
    forces = np.concatenate([part["forces"] for part in parts]) if parts else np.zeros_like(positions)
    found = Frames(molecule.numbers, positions, energies, forces, name=molecule.name, theory=level.theory)
    return found.subset(np.isfinite(energies))


def label_together(label: Labeller, positions: Float[np.ndarray, "some atoms 3"]) -> dict[str, np.ndarray]:
    """Energies [kJ/mol] and forces [kJ/mol/nm]; not a number where the equations do not converge."""
    energies, forces = np.full(len(positions), np.nan), np.full(positions.shape, np.nan)
    for i, own in enumerate(positions):
        try:
            energies[i], forces[i] = label(own)
        except MissingProgramError:
            raise
        except Exception:  # noqa: BLE001 (programs raise what they like where equations do not converge)
            continue
    return {"energies": energies, "forces": forces}
