"""Minimum-energy paths between two minima, and their barriers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.methods import running
from hybridff.analysis.minima import Minimum, nearest_copy
from hybridff.analysis.modes import nearest_minimum
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import FORCE_EV, Relaxation, elastic_band, superimposed
from hybridff.molecules.molecule import Molecule
from hybridff.plots.landscape import paths
from hybridff.progress import Progress, silent
from hybridff.units import ANGSTROM, KCAL_MOL

LARGEST_FORCE = 0.02 * FORCE_EV
"""Largest force on an atom across the path at the end of the search [kJ/mol/nm]."""
_MOST_STEPS = 1000
"""Steps of the search, at most."""
_SAME = 0.05 * ANGSTROM
"""Ends whose farthest atoms are nearer than this are one [nm]."""


@dataclass(frozen=True, eq=False)
class Path:
    """A path from one minimum to another."""

    way: Float[np.ndarray, " images"]
    """Length of the path up to each image [nm]."""
    energies: Float[np.ndarray, " images"]
    """Energies above the first minimum [kJ/mol]."""
    positions: Float[np.ndarray, "images atoms 3"]
    """Geometries of the images [nm]."""
    settled: bool
    """Whether forces across the path have vanished."""

    @property
    def barrier(self) -> float:
        """Energy of the highest image, which climbs to the saddle, above the first minimum [kJ/mol]."""
        return float(self.energies.max())

    @property
    def reaction(self) -> float:
        """Energy of the last minimum above the first [kJ/mol]."""
        return float(self.energies[-1])


@dataclass(frozen=True, eq=False)
class PathComparison(Result):
    """Paths between the same two minima by several methods."""

    paths: Mapping[str, Path]
    """Paths by the names of methods, all with as many images."""

    def sentences(self) -> list[str]:
        """Barrier, energy of the end and length of each path."""
        found = []
        for name, own in self.paths.items():
            end = "" if own.settled else "; the search for it did not end"
            found.append(
                f"{name}: barrier {own.barrier / KCAL_MOL:.2f} kcal/mol, end at {own.reaction / KCAL_MOL:+.2f}, "
                f"{own.way[-1] / ANGSTROM:.2f} Å long{end}"
            )
        return found

    def table(self) -> Table:
        """A row for each image: length of the path [Å] and energy [kcal/mol] of each method."""
        columns = [column for own in self.paths.values() for column in (own.way / ANGSTROM, own.energies / KCAL_MOL)]
        header = ("image", *(t for name in self.paths for t in (f"{name} way [Å]", f"{name} energy [kcal/mol]")))
        rows = enumerate(zip(*columns, strict=True), start=1)
        return Table(header, tuple((str(number), *(f"{value:.4f}" for value in row)) for number, row in rows))

    def picture(self) -> bytes:
        """Energies along the paths."""
        return paths({name: (own.way, own.energies) for name, own in self.paths.items()})


def compare_paths(
    numbers: np.ndarray,
    ends: tuple[Float[np.ndarray, "atoms 3"], Float[np.ndarray, "atoms 3"]],
    methods: Mapping[str, BaseCalculator],
    *,
    n_images: int = 11,
    progress: Progress = silent,
) -> PathComparison:
    """The path of every method between its own minima next to two geometries [nm]: see ``minimum_energy_path``.

    Raises ``InputError`` where a method fails.
    """
    found = {}
    for number, (name, calculator) in enumerate(methods.items()):
        progress(number / len(methods), name)
        with running(name):
            found[name] = minimum_energy_path(numbers, *ends, calculator, n_images)
    return PathComparison(found)


def path_ends(
    molecule: Molecule, minima: Sequence[Minimum], between: tuple[int, int]
) -> tuple[Float[np.ndarray, "atoms 3"], Float[np.ndarray, "atoms 3"]]:
    """Two of several minima, counted from 1 [nm]: of equal atoms and mirror images those nearest to each other.

    Raises ``InputError`` for minima that are not there, and for one with itself.
    """
    if not all(1 <= number <= len(minima) for number in between) or between[0] == between[1]:
        raise InputError(f"option between has to name two of {len(minima)} minima, not {between[0]} and {between[1]}.")
    first, last = (minima[number - 1].positions for number in between)
    return first, nearest_copy(molecule, last, first)


def minimum_energy_path(
    numbers: np.ndarray,
    first: Float[np.ndarray, "atoms 3"],
    last: Float[np.ndarray, "atoms 3"],
    calculator: BaseCalculator,
    n_images: int = 11,
    *,
    progress: Progress = silent,
) -> Path:
    """Between the method's own minima next to two geometries [nm], by a climbing-image nudged elastic band.

    Atoms keep their order: which of equal atoms is which has to be the same at both ends.

    Raises ``InputError`` where both ends relax to one minimum.
    """
    begin, end = (nearest_minimum(numbers, positions, calculator) for positions in (first, last))
    end = superimposed(end, begin)
    if np.linalg.norm(begin - end, axis=1).max() < _SAME:
        raise InputError("both ends relax to the same minimum; there is no path between them.")
    how = Relaxation(LARGEST_FORCE, _MOST_STEPS)
    band = elastic_band((begin, end), numbers, calculator, n_images, how, progress)
    steps = np.linalg.norm(np.diff(band.positions, axis=0), axis=(1, 2))
    return Path(np.append(0.0, np.cumsum(steps)), band.energies - band.energies[0], band.positions, band.settled)
