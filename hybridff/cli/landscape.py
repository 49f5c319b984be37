"""More of ``hybridff analyse``: errors by group, energies along lines of geometries, minimum-energy paths."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from ase.calculators.calculator import BaseCalculator
from cyclopts import Parameter

from hybridff.analysis.distances import parse_pair
from hybridff.analysis.groups import ErrorGroups, error_groups
from hybridff.analysis.lines import Line, bond_line, compare_along, frames_line, mode_line
from hybridff.analysis.methods import STOCK, running
from hybridff.analysis.minima import search
from hybridff.analysis.path import compare_paths, path_ends
from hybridff.analysis.torsions import parse_torsion
from hybridff.cli.analysing import (
    Files,
    MethodOptions,
    Others,
    Written,
    analyse,
    check_outputs,
    frames_of,
    methods,
    put_out,
    read_minima,
    write_structures,
)
from hybridff.cli.terminal import progress, say
from hybridff.errors import InputError
from hybridff.export.modelfile import read_model
from hybridff.fitting.conformers import find_rotors
from hybridff.jobs.options import DataOptions
from hybridff.jobs.provenance import inputs_of
from hybridff.jobs.reading import read_data
from hybridff.molecules.molecule import Molecule
from hybridff.progress import part
from hybridff.units import ANGSTROM


@dataclass(frozen=True, kw_only=True)
class LineOptions:
    """Which geometries a line has."""

    bond: str | None = None
    """Two atoms, such as 3,9; what is beyond the second moves along."""
    lengths: tuple[float, float] = (0.7, 2.5)
    """First and last length of the bond over that of the minimum."""
    mode: int | None = None
    """Number of a normal mode of MODEL, as analyse modes counts them."""
    reach: float = 0.5
    """How far the farthest atom moves along the mode, either way [Å]."""
    frames: Path | None = None
    """Geometries in order, in any format that fit reads; their energies are the reference."""
    points: int = 41
    """Geometries along the bond or mode."""

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.bond, self.mode, self.frames)) != 1:
            raise InputError("name one of --bond, --mode and --frames.")
        if self.points < 3:
            raise InputError(f"option points has to be at least 3, not {self.points}.")
        first, last = self.lengths
        if not 0 < first < last:
            raise InputError(f"option lengths has to be two ascending positive numbers, not {first:g} {last:g}.")
        if not self.reach > 0:
            raise InputError(f"option reach has to be a positive number, not {self.reach:g}.")


@dataclass(frozen=True, kw_only=True)
class PathOptions:
    """Which path is searched for."""

    minima: Path | None = None
    """Geometries of the ends, in any format that fit reads; MODEL's own minima if left out."""
    between: tuple[int, int] = (1, 2)
    """Which two of them, lowest first, counted from 1."""
    images: int = 11
    """Geometries on the path, its ends included."""

    def __post_init__(self) -> None:
        if self.images < 3:
            raise InputError(f"option images has to be at least 3, not {self.images}.")


@analyse.command(name="errors")
def grouped_errors(
    model: Path,
    data: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    torsion: Annotated[
        list[str] | None,
        Parameter(help="Numbers of its four atoms, such as 3,1,2,9; all that turn if left out.", negative=""),
    ] = None,
    reading: Annotated[DataOptions | None, Parameter(name="*")] = None,
    files: Written = None,
) -> None:
    """Errors of MODEL on reference data by element, by atom, by energy, and by interval of torsions."""
    files = files or Files()
    check_outputs(files.table, files.picture)
    saved = read_model(model)
    (item,) = read_data(data, saved.force_field.molecule, reading)
    for message in item.report.messages():
        say(f"Note: {message}")
    if known := inputs_of(saved, item.files):
        say(f"Note: the model was fitted to frames of {', '.join(known)}; these errors include them.")
    chosen = find_rotors(item.molecule) if torsion is None else [parse_torsion(text, item.molecule) for text in torsion]
    found = error_groups(saved.force_field, item.frames, item.molecule, saved.energy_offset, chosen)
    put_out(ErrorGroups(tuple(found)), files.table, files.picture)


@analyse.command(name="along")
def energies_along(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    along: Annotated[LineOptions | None, Parameter(name="*")] = None,
    options: MethodOptions = None,
    files: Written = None,
    structures: Annotated[
        Path | None, Parameter(help="File for the geometries, .xyz, so that a reference can label them.")
    ] = None,
) -> None:
    """Energies at geometries that are the same for every method: along a bond or a normal mode, or frames of a file.

    Nothing relaxes. Energies are printed above that of the geometry where the reference, or MODEL, is lowest.
    """
    along = along or LineOptions()
    files = files or Files()
    check_outputs(files.table, files.picture, structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    own, known = calculators[str(model)], {}
    if along.frames is not None:
        read = frames_of(along.frames, molecule)
        line, known[str(along.frames)] = frames_line(read.positions, str(along.frames)), read.energies
    else:
        with running(str(model)):
            line = _line(along, molecule, own)
    with progress("along") as advance:
        found = compare_along(line, molecule, calculators, reference=known, progress=advance)
    put_out(found, files.table, files.picture)
    if structures is not None:
        write_structures(structures, molecule, line.positions)


def _line(options: LineOptions, molecule: Molecule, calculator: BaseCalculator) -> Line:
    """Geometries along a bond or a normal mode of a method."""
    if options.bond is not None:
        ratios = np.linspace(*options.lengths, options.points)
        return bond_line(molecule, calculator, parse_pair(options.bond, molecule), ratios)
    assert options.mode is not None
    return mode_line(molecule, calculator, options.mode, options.reach * ANGSTROM, options.points)


@analyse.command(name="path")
def energy_path(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    ends: Annotated[PathOptions | None, Parameter(name="*")] = None,
    options: MethodOptions = None,
    files: Written = None,
    structures: Annotated[Path | None, Parameter(help="File for MODEL's path, .xyz.")] = None,
) -> None:
    """Minimum-energy path between two minima and its barrier, by each method.

    A nudged elastic band whose highest image climbs, by ASE. Of equal atoms, and of mirror images, those are taken that
    are nearest to each other.
    """
    ends = ends or PathOptions()
    files = files or Files()
    check_outputs(files.table, files.picture, structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    first = str(model)
    with progress("path") as advance:
        if ends.minima is not None:
            known = read_minima(ends.minima, molecule)
        else:
            with running(first):
                known = search(molecule, calculators[first], progress=part(advance, 0.0, 0.3, "minima"))
        both = path_ends(molecule, known, ends.between)
        tell = part(advance, 0.3, 1.0)
        found = compare_paths(molecule.numbers, both, calculators, n_images=ends.images, progress=tell)
    put_out(found, files.table, files.picture)
    if structures is not None:
        write_structures(structures, molecule, found.paths[first].positions)
