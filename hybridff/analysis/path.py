"""Minimum-energy paths between two minima, and their barriers."""

from collections.abc import Callable
from dataclasses import dataclass

import ase
import numpy as np
from ase.build import minimize_rotation_and_translation
from ase.calculators.calculator import BaseCalculator
from ase.mep import NEB
from ase.optimize import FIRE
from jaxtyping import Float

from hybridff.analysis.modes import relaxed
from hybridff.errors import InputError
from hybridff.export.calculator import energy_of
from hybridff.units import KCAL_MOL

LARGEST_FORCE = 0.02
"""Across the path [eV/Å]."""
_MOST_STEPS = 1000
_SAME = 0.05
"""Ends whose farthest atoms are as near are one [Å]."""


@dataclass(frozen=True, eq=False)
class Path:
    """From one minimum to another."""

    way: Float[np.ndarray, " images"]
    """Length of the path up to each image [Å]."""
    energies: Float[np.ndarray, " images"]
    """Above the first minimum [kcal/mol]."""
    positions: Float[np.ndarray, "images atoms 3"]
    """[Å]"""
    settled: bool
    """Whether forces across the path have vanished."""

    @property
    def barrier(self) -> float:
        """Of the highest image, which climbs to the saddle [kcal/mol]."""
        return float(self.energies.max())

    @property
    def reaction(self) -> float:
        """Energy of the last minimum above the first [kcal/mol]."""
        return float(self.energies[-1])


def minimum_energy_path(
    numbers: np.ndarray,
    first: Float[np.ndarray, "atoms 3"],
    last: Float[np.ndarray, "atoms 3"],
    calculator: BaseCalculator,
    n_images: int = 11,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Between the method's own minima next to two geometries [Å], by a climbing-image nudged elastic band.

    G. Henkelman, B. P. Uberuaga, H. Jónsson, J. Chem. Phys. 113, 9901 (2000), as ASE has it; begun with an image
    dependent pair potential. Atoms keep their order: which of equal atoms is which has to be the same at both ends.

    Raises ``InputError`` where both ends relax to one minimum.
    """
    ends = [relaxed(ase.Atoms(numbers, positions), calculator) for positions in (first, last)]
    minimize_rotation_and_translation(*ends)
    if np.linalg.norm(ends[0].positions - ends[1].positions, axis=1).max() < _SAME:
        raise InputError("both ends relax to the same minimum; there is no path between them.")
    images = [ends[0], *(ends[0].copy() for _ in range(n_images - 2)), ends[1]]
    band = NEB(
        images,
        climb=True,
        method="improvedtangent",
        remove_rotation_and_translation=True,
        allow_shared_calculator=True,
    )
    band.interpolate(method="idpp")
    for image in images:
        image.calc = calculator
    search = FIRE(band, logfile=None)
    settled = False
    for number, settled in enumerate(search.irun(fmax=LARGEST_FORCE, steps=_MOST_STEPS)):  # noqa: B007
        if progress is not None:
            progress(min(1.0, number / _MOST_STEPS))
    energies = np.array([energy_of(image) for image in images]) / KCAL_MOL
    positions = np.array([image.positions for image in images])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=(1, 2))
    return Path(np.append(0.0, np.cumsum(steps)), energies - energies[0], positions, bool(settled))
