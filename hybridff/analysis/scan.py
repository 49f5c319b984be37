"""Energies along torsions: relaxed and rigid scans of one or two of them, by one method or several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.held_torsions import held_relaxation, relaxed_at, turned_to
from hybridff.analysis.methods import running
from hybridff.analysis.minima import positions_of
from hybridff.analysis.torsions import Torsion, angles_of, wrapped
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import energies_at
from hybridff.molecules.graph import chain_name
from hybridff.molecules.limits import bond_angles
from hybridff.molecules.molecule import Molecule
from hybridff.plots.curves import lines
from hybridff.plots.torsions import ColourScale, TorsionGrid, scans, torsion_maps
from hybridff.progress import Progress, part, silent
from hybridff.units import DEGREE, KCAL_MOL

_STRAIGHT = 165 * DEGREE
"""An angle from which on its atoms count as in line, but for heat [rad]."""
_OFF_GRID = 1.0 * DEGREE
"""How far the angles of a geometry may be from those of a point of the grid [rad]."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Energies and geometries on a grid of one or two torsions."""

    angles: tuple[Float[np.ndarray, " _"], ...]
    """Angles of each torsion [rad]."""
    energies: Float[np.ndarray, "*grid"]
    """Energies above the lowest [kJ/mol]; NaN where no relaxation ended."""
    positions: Float[np.ndarray, "*grid atoms 3"]
    """Geometries of the points [nm]."""

    def difference(self, other: "Scan") -> Float[np.ndarray, "*grid"]:
        """Energies less those of another scan, without the mean of that [kJ/mol]."""
        off = self.energies - other.energies
        return off - np.nanmean(off)

    def deviation(self, other: "Scan") -> tuple[float, float]:
        """Mean and largest absolute difference of energies from another scan's, each less its mean [kJ/mol]."""
        off = np.abs(self.difference(other))
        return float(np.nanmean(off)), float(np.nanmax(off))


@dataclass(frozen=True, eq=False)
class ScanComparison(Result):
    """One scan by several methods, of which the first is what the others are compared with."""

    scans: Mapping[str, Scan]
    """Scans by the names of methods."""
    labels: tuple[str, ...]
    """Names of the torsions."""
    rigid: bool
    """Whether nothing was relaxed."""

    @property
    def first(self) -> str:
        """Name of the method that the others are compared with."""
        return next(iter(self.scans))

    def sentences(self) -> list[str]:
        """What was scanned, how high each method rises, and how far it is from the first."""
        how, n_points = "rigid" if self.rigid else "relaxed", self.scans[self.first].energies.size
        found = [f"{how} scan of {' and '.join(self.labels)}, {n_points} points"]
        for name, own in self.scans.items():
            off = ""
            if name != self.first:
                mean, largest = (value / KCAL_MOL for value in own.deviation(self.scans[self.first]))
                off = f"; off {self.first} by {mean:.2f} on average, {largest:.2f} at most"
            lost = int(np.isnan(own.energies).sum())
            ends = f"; {lost} points without end" if lost else ""
            found.append(f"{name}: up to {np.nanmax(own.energies) / KCAL_MOL:.2f} kcal/mol{off}{ends}")
        return found

    def table(self) -> Table:
        """A row for each point of the grid: angles [degrees] and the energy of each method [kcal/mol]."""
        angles = [own / DEGREE for own in self.scans[self.first].angles]
        rows = (
            (
                *(f"{own[i]:g}" for own, i in zip(angles, place, strict=True)),
                *(f"{own.energies[place] / KCAL_MOL:.4f}" for own in self.scans.values()),
            )
            for place in np.ndindex(*self.scans[self.first].energies.shape)
        )
        header = (*(f"{label} [degrees]" for label in self.labels), *(f"{name} [kcal/mol]" for name in self.scans))
        return Table(header, tuple(rows))

    def picture(self) -> bytes:
        """Curves along one torsion, maps over two."""
        return scans({name: TorsionGrid(own.angles, own.energies) for name, own in self.scans.items()}, self.labels)

    def differences(self) -> bytes:
        """Energies of all methods less those of the first, each less its mean, drawn as a PNG file."""
        first = self.scans[self.first]
        off = {name: own.difference(first) for name, own in self.scans.items() if name != self.first}
        what = f"energy less that of {self.first}"
        if len(self.labels) == 1:
            shown = {name: own / KCAL_MOL for name, own in off.items()}
            return lines(first.angles[0] / DEGREE, shown, f"{self.labels[0]} [degrees]", what=f"{what} [kcal/mol]")
        largest = max(float(np.nanmax(np.abs(own))) for own in off.values())
        maps = {name: TorsionGrid(first.angles, own) for name, own in off.items()}
        return torsion_maps(maps, self.labels, what, ColourScale(-largest, largest, "RdBu_r"))


def torsion_scans(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    *,
    rigid: bool = False,
    reference: Mapping[str, Scan] | None = None,
    progress: Progress = silent,
) -> ScanComparison:
    """Scan one or two torsions by every method over all combinations of their angles [rad].

    Each relaxes its own geometries, or with ``rigid`` none: they are the molecule's own, turned. Scans of
    ``reference``, by their names, come first. Raises ``InputError`` where a method fails or relaxes nothing.
    """
    found = dict(reference or {})
    begin = positions_of(molecule)
    _check_bent(molecule, begin, torsions)
    for number, (name, calculator) in enumerate(methods.items()):
        tell = part(progress, number / len(methods), (number + 1) / len(methods), name)
        with running(name):
            if rigid:
                found[name] = rigid_scan(molecule, calculator, torsions, angles, begin=begin, progress=tell)
            else:
                found[name] = relaxed_scan(molecule, calculator, torsions, angles, begin=begin, progress=tell)
    return ScanComparison(found, tuple(chain_name(molecule, own) for own in torsions), rigid)


def _check_bent(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], torsions: Sequence[Torsion]) -> None:
    """Raise ``InputError`` for a torsion over three atoms in line, which has no angle."""
    for torsion in torsions:
        triples = np.array([torsion[:3], torsion[1:]], dtype=int)
        for triple, angle in zip(triples, bond_angles(positions, triples), strict=True):
            if angle > _STRAIGHT:
                names = chain_name(molecule, tuple(triple.tolist()))
                raise InputError(
                    f"the torsion {chain_name(molecule, torsion)} has no angle: {names} are in line; name atoms beside "
                    "the straight part."
                )


def on_grid(
    positions: Float[np.ndarray, "frames atoms 3"],
    energies: Float[np.ndarray, " frames"],
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    name: str,
) -> Scan:
    """The scan that geometries [nm] with energies [kJ/mol] are, each at the point of the grid [rad] next to it.

    Raises ``InputError`` where a geometry is at none, by more than a degree, or two are at the same.
    """
    shape = tuple(map(len, angles))
    found, places = np.full(shape, np.nan), np.zeros((*shape, *positions.shape[1:]))
    for number, own in enumerate(angles_of(positions, torsions)):
        place = []
        for angle, grid in zip(own, angles, strict=True):
            off = np.abs(wrapped(grid - angle))
            if off.min() > _OFF_GRID:
                raise InputError(
                    f"{name}: frame {number + 1} has the angle {angle / DEGREE % 360:.1f}°, where the scan has no "
                    "point; take the geometries that --structures writes, and the same --every."
                )
            place.append(int(off.argmin()))
        if np.isfinite(found[tuple(place)]):
            raise InputError(f"{name}: frame {number + 1} is at a point of the scan that another frame has already.")
        found[tuple(place)], places[tuple(place)] = energies[number], positions[number]
    return Scan(tuple(angles), found - np.nanmin(found), places)


def rigid_scan(
    molecule: Molecule,
    calculator: BaseCalculator,
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    *,
    begin: Float[np.ndarray, "atoms 3"] | None = None,
    progress: Progress = silent,
) -> Scan:
    """Turn torsions to all combinations of their angles [rad] and move nothing else.

    ``begin`` is the geometry that is turned [nm], if not the molecule's own.
    """
    begin = positions_of(molecule) if begin is None else begin
    shape = tuple(map(len, angles))
    energies, positions = np.empty(shape), np.zeros((*shape, *begin.shape))
    for number, place in enumerate(np.ndindex(*shape)):
        turn = [(own, float(grid[i])) for own, grid, i in zip(torsions, angles, place, strict=True)]
        positions[place] = turned_to(molecule, begin, turn)
        energies[place] = energies_at(molecule.numbers, positions[place][None], calculator)[0]
        progress((number + 1) / energies.size)
    return _above_lowest(angles, energies, positions)


def relaxed_scan(
    molecule: Molecule,
    calculator: BaseCalculator,
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    *,
    begin: Float[np.ndarray, "atoms 3"] | None = None,
    progress: Progress = silent,
) -> Scan:
    """Hold torsions at all combinations of their angles [rad] and relax all else.

    A relaxation begins at its neighbour's end, and every row once from either side: the lower energy counts. ``begin``
    is where the first begins [nm], if not the molecule's own geometry. Raises ``InputError`` where none ends.
    """
    begin = positions_of(molecule) if begin is None else begin
    shape = tuple(map(len, angles))
    energies, positions = np.full(shape, np.inf), np.zeros((*shape, *begin.shape))
    relax = held_relaxation(molecule, calculator, torsions)
    way = _serpentine(shape)
    done = 0
    for sweep in (way, way[::-1]):
        last = begin
        for place in sweep:
            wanted = np.array([float(grid[i]) for grid, i in zip(angles, place, strict=True)])
            found = relaxed_at(molecule, last, torsions, wanted, relax)
            done += 1
            progress(done / (2 * len(way)))
            if found is None:
                continue
            last, energy = found
            if energy < energies[place]:
                energies[place], positions[place] = energy, last
    return _above_lowest(angles, energies, positions)


def _above_lowest(
    angles: Sequence[Float[np.ndarray, " _"]],
    energies: Float[np.ndarray, "*grid"],
    positions: Float[np.ndarray, "*grid atoms 3"],
) -> Scan:
    known = np.where(np.isfinite(energies), energies, np.nan)
    if np.isnan(known).all():
        raise InputError("no relaxation of the scan ended; begin with another geometry, or scan with --rigid.")
    return Scan(tuple(angles), known - np.nanmin(known), positions)


def _serpentine(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Places of a grid so that each is the neighbour of the last."""
    places = list(product(*(range(n) for n in shape)))
    if len(shape) == 1:
        return places
    return sorted(places, key=lambda place: (place[0], place[1] if place[0] % 2 == 0 else -place[1]))
