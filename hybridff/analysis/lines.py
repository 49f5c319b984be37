"""Energies along geometries that are the same for every method: a bond stretched, a normal mode, any frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.methods import running
from hybridff.analysis.minima import positions_of
from hybridff.analysis.modes import Modes, modes_of, nearest_minimum
from hybridff.analysis.torsions import far_side
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atomic_weights, energies_at
from hybridff.molecules.molecule import Molecule
from hybridff.plots.curves import lines
from hybridff.progress import Progress, silent
from hybridff.units import ANGSTROM, KCAL_MOL

_HEADROOM = 1.3
"""Top of a picture over the highest energy of what methods are compared with."""


@dataclass(frozen=True, eq=False)
class Line:
    """Geometries in order."""

    label: str
    """What changes along the line."""
    places: Float[np.ndarray, " frames"]
    """Values of what changes: lengths [nm] or numbers of frames."""
    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions of the atoms [nm]."""
    unit: Literal["nm", ""] = "nm"
    """Unit of the places."""

    def axis(self) -> tuple[str, Float[np.ndarray, " frames"]]:
        """Name of what changes, and its values, as people read them: lengths in Å."""
        return (f"{self.label} [Å]", self.places / ANGSTROM) if self.unit else (self.label, self.places)


@dataclass(frozen=True, eq=False)
class LineComparison(Result):
    """Energies of several methods at the geometries of a line; the first is what the others are compared with."""

    line: Line
    """The geometries."""
    energies: Mapping[str, Float[np.ndarray, " frames"]]
    """Energies by the names of methods, each from a zero of its own [kJ/mol]."""

    def above(self) -> dict[str, Float[np.ndarray, " frames"]]:
        """Energies of each method above that where the first is lowest [kJ/mol]."""
        zero = int(np.argmin(next(iter(self.energies.values()))))
        return {name: own - own[zero] for name, own in self.energies.items()}

    def sentences(self) -> list[str]:
        """How far the first method rises, and how far the others are from it."""
        first, *rest = self.energies
        label, places = self.line.axis()
        rises = np.ptp(self.energies[first]) / KCAL_MOL
        found = [f"{label}: {len(places)} geometries; {first} rises by up to {rises:.2f} kcal/mol"]
        for name in rest:
            mean, most = (value / KCAL_MOL for value in off_by(self.energies[name], self.energies[first]))
            found.append(f"{name}: off {first} by {mean:.3f} kcal/mol on average, {most:.3f} at most")
        return found

    def table(self) -> Table:
        """A row for each geometry with the energy of each method above that where the first is lowest [kcal/mol]."""
        label, places = self.line.axis()
        columns = [own / KCAL_MOL for own in self.above().values()]
        rows = (
            (f"{place:.5g}", *(f"{value:.5f}" for value in row)) for place, *row in zip(places, *columns, strict=True)
        )
        return Table((label, *(f"{name} [kcal/mol]" for name in self.energies)), tuple(rows))

    def picture(self) -> bytes:
        """Energies of all methods along the line, up to somewhat above the highest of the first."""
        label, places = self.line.axis()
        shown = {name: own / KCAL_MOL for name, own in self.above().items()}
        return lines(places, shown, label, highest=_HEADROOM * float(next(iter(shown.values())).max()))


def compare_along(
    line: Line,
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    *,
    reference: Mapping[str, Float[np.ndarray, " frames"]] | None = None,
    progress: Progress = silent,
) -> LineComparison:
    """Energies of every method at the geometries of a line; nothing relaxes.

    Energies of ``reference`` [kJ/mol], by its name, come first. Raises ``InputError`` where a method fails.
    """
    found = dict(reference or {})
    for number, (name, calculator) in enumerate(methods.items()):
        progress(number / len(methods), name)
        with running(name):
            found[name] = energies_along(line, molecule.numbers, calculator)
    return LineComparison(line, found)


def bond_line(
    molecule: Molecule, calculator: BaseCalculator, bond: tuple[int, int], ratios: Float[np.ndarray, " n"]
) -> Line:
    """A bond stretched from the method's minimum next to the molecule's positions, to ``ratios`` of its length there.

    Raises ``InputError`` as ``stretched`` does, and where there is no minimum.
    """
    minimum = nearest_minimum(molecule.numbers, positions_of(molecule), calculator)
    i, j = bond
    return stretched(molecule, minimum, bond, float(np.linalg.norm(minimum[i] - minimum[j])) * ratios)


def mode_line(molecule: Molecule, calculator: BaseCalculator, number: int, reach: float, points: int) -> Line:
    """Geometries along a normal mode of a method, counted from 1: see ``displaced``.

    Raises ``InputError`` for a mode that is not there, and where there is no minimum.
    """
    known = modes_of(molecule.numbers, positions_of(molecule), calculator)
    if not 1 <= number <= len(known.frequencies):
        raise InputError(f"option mode has to be from 1 to {len(known.frequencies)}, not {number}.")
    return displaced(known, number - 1, reach, points, atomic_weights(molecule.numbers))


def stretched(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], bond: tuple[int, int], lengths: Float[np.ndarray, " n"]
) -> Line:
    """A bond at some lengths [nm], what is beyond its second atom moved along as it is; ``positions`` in nm.

    Raises ``InputError`` for what is no bond, and for one in a ring.
    """
    i, j = bond
    bonds = {frozenset(pair) for pair in molecule.bonds.tolist()}
    if frozenset(bond) not in bonds:
        raise InputError(f"{molecule.label(i)} and {molecule.label(j)} are not bonded; give two atoms that are.")
    side = far_side(molecule, i, j)
    if i in side:
        raise InputError(f"the bond {molecule.label(i)}-{molecule.label(j)} is in a ring, which does not come apart.")
    way = positions[j] - positions[i]
    length = np.linalg.norm(way)
    frames = np.repeat(positions[None], len(lengths), axis=0)
    frames[:, side] += ((lengths - length)[:, None] * (way / length))[:, None]
    return Line(f"{molecule.label(i)}-{molecule.label(j)}", lengths, frames)


def displaced(modes: Modes, number: int, reach: float, points: int, masses: Float[np.ndarray, " atoms"]) -> Line:
    """Along a normal mode, counted from 0, to where the farthest atom has moved by ``reach`` [nm] either way."""
    way = (modes.vectors[number].reshape(-1, 3).T / np.sqrt(masses)).T
    way /= np.linalg.norm(way, axis=1).max()
    places = np.linspace(-reach, reach, points)
    label = f"mode {number + 1} at {modes.frequencies[number]:.0f} cm⁻¹, farthest atom"
    return Line(label, places, modes.positions + places[:, None, None] * way)


def frames_line(positions: Float[np.ndarray, "frames atoms 3"], name: str) -> Line:
    """Frames [nm] in their order, counted from 1.

    Raises ``InputError`` for one alone, which is no line.
    """
    if len(positions) < 2:
        raise InputError(f"{name} has one geometry; a line needs at least two.")
    return Line(f"frame of {Path(name).name}", np.arange(1.0, len(positions) + 1), positions, unit="")


def energies_along(line: Line, numbers: np.ndarray, calculator: BaseCalculator) -> Float[np.ndarray, " frames"]:
    """Energies of a method at the geometries of a line [kJ/mol]."""
    return energies_at(numbers, line.positions, calculator)


def off_by(energies: Float[np.ndarray, " frames"], reference: Float[np.ndarray, " frames"]) -> tuple[float, float]:
    """Mean and largest absolute difference [kJ/mol], each less its value where the reference is lowest."""
    lowest = int(np.argmin(reference))
    off = np.abs((energies - energies[lowest]) - (reference - reference[lowest]))
    return float(off.mean()), float(off.max())
