"""Distributions of distances between atoms, and how much two of them have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from hybridff.analysis.sampling import mean_and_error
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.plots.dynamics import Density, distance_densities
from hybridff.units import ANGSTROM

WIDTH = 0.05 * ANGSTROM
"""Width of a bin [nm]."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Distribution of one distance, or of all of a molecule together."""

    distances: Float[np.ndarray, " bins"]
    """Middles of bins [nm]."""
    density: Float[np.ndarray, " bins"]
    """Density with an area of one [1/nm]."""
    error: Float[np.ndarray, " bins"]
    """Standard error of the density [1/nm]; not numbers with one run alone."""

    @property
    def mean(self) -> float:
        """Mean distance [nm]."""
        return float((self.distances * self.density).sum() / self.density.sum())

    def overlap(self, other: "Distribution") -> float:
        """Common area of two distributions with the same bins: 1 if they are equal, 0 if they never meet."""
        spacing = self.distances[1] - self.distances[0]
        return float(np.minimum(self.density, other.density).sum() * spacing)


@dataclass(frozen=True, eq=False)
class DistanceComparison(Result):
    """Distributions of the same distances by several methods; the first is what the others are compared with."""

    distributions: Mapping[str, Distribution]
    """Distributions by the names of methods, all with the same bins."""

    def sentences(self) -> list[str]:
        """Mean distance of each method, and the area that it has in common with the first."""
        first = next(iter(self.distributions))
        found = []
        for name, own in self.distributions.items():
            area = own.overlap(self.distributions[first])
            common = "" if name == first else f", common area with {first} {area:.3f}"
            found.append(f"{name}: mean {own.mean / ANGSTROM:.3f} Å{common}")
        return found

    def table(self) -> Table:
        """A row for each bin [Å]: density and standard error by each method [1/Å]."""
        names, several = self.distributions, list(self.distributions.values())
        header = ("distance [Å]", *(t for name in names for t in (f"{name} [1/Å]", f"{name} standard error")))
        columns = [column * ANGSTROM for own in several for column in (own.density, own.error)]
        rows = (
            (f"{place:.3f}", *(f"{value:.5f}" for value in row))
            for place, *row in zip(several[0].distances / ANGSTROM, *columns, strict=True)
        )
        return Table(header, tuple(rows))

    def picture(self) -> bytes:
        """Densities with bands of their errors."""
        return distance_densities(
            {name: Density(own.distances, own.density, own.error) for name, own in self.distributions.items()}
        )


def compare_distances(
    runs: Mapping[str, Sequence[Float[np.ndarray, "_ atoms 3"]]], pairs: Sequence[tuple[int, int]]
) -> DistanceComparison:
    """Distributions of the distances of pairs of atoms in frames [nm] of independent runs, by the names of methods."""
    limits = all_limits([frames for several in runs.values() for frames in several], pairs)
    return DistanceComparison({name: distribution(several, pairs, limits) for name, several in runs.items()})


def parse_pair(text: str, molecule: Molecule) -> tuple[int, int]:
    """Atoms of "3,9", counted from 1, as counted from 0.

    Raises ``InputError`` for what are no two atoms of the molecule.
    """
    try:
        i, j = (int(part) - 1 for part in text.split(","))
    except ValueError:
        i, j = -1, -1
    n = len(molecule.numbers)
    if i == j or not (0 <= i < n and 0 <= j < n):
        raise InputError(f"{text} is no pair of atoms of {molecule.name}: give two numbers from 1 to {n}, such as 1,2.")
    return i, j


def all_pairs(molecule: Molecule) -> list[tuple[int, int]]:
    """Every pair of atoms once."""
    return list(combinations(range(len(molecule.numbers)), 2))


def distribution(
    runs: Sequence[Float[np.ndarray, "_ atoms 3"]],
    pairs: Sequence[tuple[int, int]],
    limits: tuple[float, float],
    width: float = WIDTH,
) -> Distribution:
    """Distribution of the distances of pairs of atoms in the frames of independent runs, from limit to limit [nm]."""
    edges = limits[0] + width * np.arange(max(1, round((limits[1] - limits[0]) / width)) + 1)
    counted = []
    for frames in runs:
        found = distances_of(frames, pairs).ravel()
        counted.append(np.histogram(found, edges)[0] / max(1, len(found)) / width)
    density, error = mean_and_error(counted)
    return Distribution((edges[:-1] + edges[1:]) / 2, density, error)


def distances_of(
    frames: Float[np.ndarray, "frames atoms 3"], pairs: Sequence[tuple[int, int]]
) -> Float[np.ndarray, "frames pairs"]:
    """Distances of pairs of atoms in frames [nm]."""
    rows = np.array(pairs).reshape(-1, 2)
    return np.linalg.norm(frames[:, rows[:, 0]] - frames[:, rows[:, 1]], axis=-1)


def all_limits(
    several: Sequence[Float[np.ndarray, "_ atoms 3"]], pairs: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Shortest and longest distance in several sets of frames, out to whole bins [nm]."""
    found = [distances_of(frames, pairs) for frames in several if len(frames)]
    low, high = min(own.min() for own in found), max(own.max() for own in found)
    return float(np.floor(low / WIDTH) * WIDTH), float(np.ceil(high / WIDTH) * WIDTH)
