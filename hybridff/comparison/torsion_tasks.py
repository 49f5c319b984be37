"""Molecules with two torsions over which models are compared: surfaces that are scanned, and free energies.

Ethanol (rMD17: hydroxyl and methyl group) and keto-malonaldehyde (the two aldehyde groups), as in Figs 2 to 4 and 7 of
H. E. Sauceda et al., arXiv:2008.04198.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.lines import Line, energies_along
from hybridff.analysis.populations import FreeEnergy
from hybridff.analysis.scan import Scan, on_grid, relaxed_scan
from hybridff.analysis.torsions import Torsion
from hybridff.document.blocks import Table
from hybridff.frames.dataset import Frames
from hybridff.molecules.graph import chain_name
from hybridff.molecules.molecule import Molecule
from hybridff.plots.torsions import ColourScale, TorsionGrid, torsion_maps
from hybridff.units import DEGREE, KCAL_MOL

Images = Callable[
    [Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]],
    tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]],
]
"""Two torsions [rad] as those that symmetry makes equal to them."""
_THIRD = 2 * np.pi / 3


@dataclass(frozen=True)
class TorsionTask:
    """A molecule and two of its torsions."""

    set: str
    """Name of the benchmark set."""
    torsions: tuple[Torsion, Torsion]
    """Atoms of each, counted from 0."""
    train: int
    """Number of training frames."""
    symmetries: tuple[Images, ...]
    """Symmetries of the two, beside the mirror image, which turns the sign of both."""

    def labels(self, molecule: Molecule) -> list[str]:
        """Names of the torsions."""
        return [chain_name(molecule, own) for own in self.torsions]

    def everywhere(self, torsions: Float[np.ndarray, "frames 2"]) -> Float[np.ndarray, "images 2"]:
        """Torsions [rad] and all that symmetry makes equal to them."""
        found = [np.column_stack(own(*(sign * torsions.T))) for own in self.symmetries for sign in (1, -1)]
        return np.angle(np.exp(1j * np.concatenate(found)))

    def scan(self, calculator: BaseCalculator, molecule: Molecule, every: float) -> Scan:
        """Relax at all combinations of the angles that are a multiple of ``every`` degrees apart, by a method."""
        return relaxed_scan(molecule, calculator, self.torsions, grid(every))

    def surface(self, frames: Frames, every: float, calculator: BaseCalculator | None = None) -> Scan:
        """The scan that frames are, with their own energies, or those of a method at the same geometries.

        Raises ``InputError`` where a frame is at no point of the grid.
        """
        energies = frames.energies
        if calculator is not None:
            line = Line("", np.arange(float(len(frames))), frames.positions, unit="")
            energies = energies_along(line, frames.numbers, calculator)
        return on_grid(frames.positions, energies, self.torsions, grid(every), "the surface")


def grid(every: float) -> tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]:
    """Angles of both torsions over a full turn, ``every`` so many degrees [rad]."""
    own = np.arange(-180.0, 180.0 - 1e-9, every) * DEGREE
    return own, own


def _methyl(turns: int) -> Images:
    """The second torsion turned by so many thirds."""
    return lambda first, second: (first, second + turns * _THIRD)


TASKS: Mapping[str, TorsionTask] = MappingProxyType(
    {
        "ethanol": TorsionTask(
            "ethanol_rmd17", ((1, 0, 2, 8), (2, 0, 1, 5)), 500, tuple(_methyl(turns) for turns in range(3))
        ),
        "malonaldehyde": TorsionTask(
            "malonaldehyde",
            ((3, 1, 0, 2), (4, 2, 0, 1)),
            120,
            (lambda first, second: (first, second), lambda first, second: (second, first)),
        ),
    }
)
"""The two molecules."""


def scan_table(scans: Mapping[str, Scan]) -> Table:
    """How high each scan rises and how far it is from the first, which is the reference [kcal/mol]."""
    reference = next(iter(scans.values()))
    rows = []
    for title, own in scans.items():
        off = ("", "") if own is reference else tuple(f"{value / KCAL_MOL:.2f}" for value in own.deviation(reference))
        rows.append((title, f"{np.nanmax(own.energies) / KCAL_MOL:.2f}", *off))
    return Table(("method", "highest [kcal/mol]", "mean deviation", "largest"), tuple(rows))


def scan_pictures(scans: Mapping[str, Scan], labels: Sequence[str]) -> tuple[bytes, bytes]:
    """Maps of all scans, and of their differences from the first, which is the reference, as PNGs."""
    reference = next(iter(scans.values()))
    top = float(np.nanmax(reference.energies))
    maps = {title: TorsionGrid(own.angles, own.energies) for title, own in scans.items()}
    others = {title: own for title, own in scans.items() if own is not reference}
    off = {title: TorsionGrid(own.angles, own.difference(reference)) for title, own in others.items()}
    return (
        torsion_maps(maps, labels, "energy", ColourScale(0.0, top)),
        torsion_maps(off, labels, "energy less the reference's", ColourScale(-top / 3, top / 3, "RdBu_r")),
    )


def free_energy_deviation(found: FreeEnergy, reference: FreeEnergy, seen: float) -> tuple[float, float, float]:
    """Median standard error, and mean and largest deviation from a reference, where both are below ``seen``.

    All in the unit of the free energies; each less its mean there.
    """
    both = (found.values < seen) & (reference.values < seen)
    off = found.values[both] - reference.values[both]
    off = np.abs(off - off.mean())
    return float(np.nanmedian(found.errors[found.values < seen])), float(off.mean()), float(off.max())
