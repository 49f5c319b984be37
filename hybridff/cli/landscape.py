"""More of ``hybridff analyse``: errors by group, energies along lines of geometries, minimum-energy paths."""

from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from hybridff.analysis.distances import parse_pair
from hybridff.analysis.groups import ErrorGroups, error_groups
from hybridff.analysis.lines import bond_line, compare_along, frames_line, mode_line
from hybridff.analysis.methods import STOCK, running
from hybridff.analysis.minima import search
from hybridff.analysis.path import compare_paths, path_ends
from hybridff.analysis.torsions import parse_torsion
from hybridff.cli.analysing import (
    MethodOptions,
    Others,
    Picture,
    Table,
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
from hybridff.jobs.fitting import DataOptions, inputs_of, read_data
from hybridff.progress import part
from hybridff.units import ANGSTROM


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
    table: Table = None,
    picture: Picture = None,
) -> None:
    """Errors of MODEL on reference data by element, by atom, by energy, and by interval of torsions."""
    check_outputs(table, picture)
    saved = read_model(model)
    (item,) = read_data(data, saved.force_field.molecule, reading)
    for message in item.report.messages():
        say(f"Note: {message}")
    if known := inputs_of(saved, item.files):
        say(f"Note: the model was fitted to frames of {', '.join(known)}; these errors include them.")
    chosen = find_rotors(item.molecule) if torsion is None else [parse_torsion(text, item.molecule) for text in torsion]
    found = error_groups(saved.force_field, item.frames, item.molecule, saved.energy_offset, chosen)
    put_out(ErrorGroups(tuple(found)), table, picture)


@analyse.command
def along(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    bond: Annotated[
        str | None, Parameter(help="Two atoms, such as 3,9; what is beyond the second moves along.")
    ] = None,
    lengths: Annotated[
        tuple[float, float], Parameter(help="First and last length of the bond over that of the minimum.")
    ] = (0.7, 2.5),
    mode: Annotated[
        int | None, Parameter(help="Number of a normal mode of MODEL, as analyse modes counts them.")
    ] = None,
    reach: Annotated[float, Parameter(help="How far the farthest atom moves along the mode, either way [Å].")] = 0.5,
    frames: Annotated[
        Path | None,
        Parameter(help="Geometries in order, in any format that fit reads; their energies are the reference."),
    ] = None,
    points: Annotated[int, Parameter(help="Geometries along the bond or mode.")] = 41,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
    structures: Annotated[
        Path | None, Parameter(help="File for the geometries, .xyz, so that a reference can label them.")
    ] = None,
) -> None:
    """Energies at geometries that are the same for every method: along a bond or a normal mode, or frames of a file.

    Nothing relaxes. Energies are printed above that of the geometry where the reference, or MODEL, is lowest.
    """
    if sum(way is not None for way in (bond, mode, frames)) != 1:
        raise InputError("name one of --bond, --mode and --frames.")
    if points < 3:
        raise InputError(f"option points has to be at least 3, not {points}.")
    if not 0 < lengths[0] < lengths[1]:
        raise InputError(f"option lengths has to be two ascending positive numbers, not {lengths[0]:g} {lengths[1]:g}.")
    if not reach > 0:
        raise InputError(f"option reach has to be a positive number, not {reach:g}.")
    check_outputs(table, picture, structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    own, known = calculators[str(model)], {}
    if frames is not None:
        read = frames_of(frames, molecule)
        line, known[str(frames)] = frames_line(read.positions, str(frames)), read.energies
    elif bond is not None:
        with running(str(model)):
            line = bond_line(molecule, own, parse_pair(bond, molecule), np.linspace(*lengths, points))
    else:
        assert mode is not None
        with running(str(model)):
            line = mode_line(molecule, own, mode, reach * ANGSTROM, points)
    with progress("along") as advance:
        found = compare_along(line, molecule, calculators, reference=known, progress=advance)
    put_out(found, table, picture)
    if structures is not None:
        write_structures(structures, molecule, line.positions)


@analyse.command(name="path")
def energy_path(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    minima: Annotated[
        Path | None,
        Parameter(help="Geometries of the ends, in any format that fit reads; MODEL's own minima if left out."),
    ] = None,
    between: Annotated[tuple[int, int], Parameter(help="Which two of them, lowest first, counted from 1.")] = (1, 2),
    images: Annotated[int, Parameter(help="Geometries on the path, its ends included.")] = 11,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
    structures: Annotated[Path | None, Parameter(help="File for MODEL's path, .xyz.")] = None,
) -> None:
    """Minimum-energy path between two minima and its barrier, by each method.

    A nudged elastic band whose highest image climbs, by ASE. Of equal atoms, and of mirror images, those are taken that
    are nearest to each other.
    """
    if images < 3:
        raise InputError(f"option images has to be at least 3, not {images}.")
    check_outputs(table, picture, structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    first = str(model)
    with progress("path") as advance:
        if minima is not None:
            known = read_minima(minima, molecule)
        else:
            with running(first):
                known = search(molecule, calculators[first], progress=part(advance, 0.0, 0.3, "minima"))
        ends = path_ends(molecule, known, between)
        found = compare_paths(molecule.numbers, ends, calculators, n_images=images, progress=part(advance, 0.3, 1.0))
    put_out(found, table, picture)
    if structures is not None:
        write_structures(structures, molecule, found.paths[first].positions)
