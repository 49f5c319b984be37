"""Distributions of distances between atoms, and how much two of them have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.analysis.sampling import mean_and_error
from hybridff.units import ANGSTROM

WIDTH = 0.05
"""Of bins [Å]."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Of one distance, or of all of a molecule together."""

    distances: Float[np.ndarray, " bins"]
    """Middles of bins [Å]."""
    density: Float[np.ndarray, " bins"]
    """With an area of one [1/Å]."""
    error: Float[np.ndarray, " bins"]
    """Standard error; not numbers with one run alone."""

    @property
    def mean(self) -> float:
        """[Å]"""
        return float((self.distances * self.density).sum() / self.density.sum())

    def overlap(self, other: "Distribution") -> float:
        """Common area of two distributions with the same bins: 1 if they are equal, 0 if they never meet."""
        spacing = self.distances[1] - self.distances[0]
        return float(np.minimum(self.density, other.density).sum() * spacing)


def distribution(
    runs: Sequence[Float[np.ndarray, "_ atoms 3"]],
    pairs: Sequence[tuple[int, int]],
    limits: tuple[float, float],
    width: float = WIDTH,
) -> Distribution:
    """Of the distances of pairs of atoms in the frames [nm] of independent runs, between ``limits`` [Å]."""
    edges = np.arange(limits[0], limits[1] + width, width)
    counted = []
    for frames in runs:
        found = distances_of(frames, pairs).ravel()
        counted.append(np.histogram(found, edges)[0] / max(1, len(found)) / width)
    density, error = mean_and_error(counted)
    return Distribution((edges[:-1] + edges[1:]) / 2, density, error)


def distances_of(
    frames: Float[np.ndarray, "frames atoms 3"], pairs: Sequence[tuple[int, int]]
) -> Float[np.ndarray, "frames pairs"]:
    """[Å]"""
    rows = np.array(pairs).reshape(-1, 2)
    return np.linalg.norm(frames[:, rows[:, 0]] - frames[:, rows[:, 1]], axis=-1) / ANGSTROM


def all_limits(
    several: Sequence[Float[np.ndarray, "_ atoms 3"]], pairs: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Shortest and longest distance in several sets of frames [Å]."""
    found = [distances_of(frames, pairs) for frames in several if len(frames)]
    low, high = min(own.min() for own in found), max(own.max() for own in found)
    return float(np.floor(low / WIDTH) * WIDTH), float(np.ceil(high / WIDTH) * WIDTH)
