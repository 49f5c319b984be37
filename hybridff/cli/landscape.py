"""More of ``hybridff analyse``: errors by group, energies along lines of geometries, minimum-energy paths."""

from pathlib import Path
from typing import Annotated

import ase
import numpy as np
from cyclopts import Parameter

from hybridff.analysis.groups import error_groups
from hybridff.analysis.lines import Line, displaced, energies_along, off_by, stretched
from hybridff.analysis.methods import STOCK, running
from hybridff.analysis.minima import nearest_copy, positions_of, search
from hybridff.analysis.modes import modes_of, relaxed
from hybridff.analysis.path import Path as EnergyPath
from hybridff.analysis.path import minimum_energy_path
from hybridff.analysis.scan import parse_torsion
from hybridff.cli.analysing import (
    MethodOptions,
    Others,
    Picture,
    Table,
    analyse,
    check_outputs,
    given,
    methods,
    parse_pair,
    write_picture,
    write_structures,
    write_table,
)
from hybridff.cli.terminal import progress, say
from hybridff.errors import InputError
from hybridff.export.modelfile import read_model
from hybridff.frames.reading import read_frames
from hybridff.jobs.options import DataOptions
from hybridff.jobs.provenance import inputs_of
from hybridff.jobs.reading import read_data
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.molecules.rotors import find_rotors
from hybridff.plots import analysis as plots_analysis
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL


@analyse.command
def errors(
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
    header = [
        "by",
        "group",
        "frames or atoms",
        "energy RMSE [kcal/mol]",
        "force RMSE [kcal/mol/Å]",
        "force RMS [kcal/mol/Å]",
    ]
    rows = []
    for own in found:
        energy = "" if own.energy_rmse is None else f"{own.energy_rmse / KCAL_MOL:.3f}"
        force, size = ("" if x is None else f"{x / FORCE_KCAL:.3f}" for x in (own.force_rmse, own.force_rms))
        rows.append([own.kind, own.name, str(own.n), energy, force, size])
    say(f"{'by':24s} {'group':>12s} {'number':>7s} {'energy':>8s} {'force':>8s} {'of':>8s}")
    for kind, name, n, energy, force, size in rows:
        say(f"{kind:24s} {name:>12s} {n:>7s} {energy:>8s} {force:>8s} {size:>8s}")
    if table is not None:
        write_table(table, [header, *rows])
    if picture is not None:
        write_picture(picture, plots_analysis.groups(found))


@analyse.command
def along(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
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
    found: dict[str, np.ndarray] = {}
    own = calculators[str(model)]
    minimum = ase.Atoms(molecule.numbers, positions_of(molecule))
    if frames is not None:
        line, reference = _line_of(frames, molecule)
        found[str(frames)] = reference
    elif bond is not None:
        with running(str(model)):
            minimum = relaxed(minimum, own)
        i, j = parse_pair(bond, molecule)
        length = float(np.linalg.norm(minimum.positions[i] - minimum.positions[j]))
        line = stretched(molecule, minimum.positions, (i, j), length * np.linspace(*lengths, points))
    else:
        assert mode is not None
        with running(str(model)):
            known = modes_of(minimum, own)
        if not 1 <= mode <= len(known.frequencies):
            raise InputError(f"option mode has to be from 1 to {len(known.frequencies)}, not {mode}.")
        line = displaced(known, mode - 1, reach, points, minimum.get_masses())
    with progress("along") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            advance(number / len(calculators), name)
            with running(name):
                found[name] = energies_along(line, molecule.numbers, calculator)
    first = next(iter(found))
    zero = int(np.argmin(found[first]))
    say(f"{line.label}: {len(line.places)} geometries; {first} rises by up to {np.ptp(found[first]):.2f} kcal/mol")
    for name in list(found)[1:]:
        mean, most = off_by(found[name], found[first])
        say(f"{name}: off {first} by {mean:.3f} kcal/mol on average, {most:.3f} at most")
    if table is not None:
        cells = (
            [f"{place:.5g}", *(f"{own[i] - own[zero]:.5f}" for own in found.values())]
            for i, place in enumerate(line.places)
        )
        write_table(table, [[line.label, *(f"{name} [kcal/mol]" for name in found)], *cells])
    if picture is not None:
        above = {name: own - own[zero] for name, own in found.items()}
        write_picture(picture, plots_analysis.lines(line.places, above, line.label, highest=1.3 * above[first].max()))
    if structures is not None:
        write_structures(structures, molecule, line.positions)


@analyse.command(name="path")
def energy_path(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
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
            known = given(minima, molecule)
        else:
            with running(first):
                known = search(molecule, calculators[first], progress=lambda done: advance(0.3 * done, "minima"))
        if not all(1 <= number <= len(known) for number in between) or between[0] == between[1]:
            raise InputError(
                f"option between has to name two of {len(known)} minima, not {between[0]} and {between[1]}."
            )
        first_end, last_end = (known[number - 1].positions for number in between)
        last_end = nearest_copy(molecule, last_end, first_end)
        found: dict[str, EnergyPath] = {}
        for number, (name, calculator) in enumerate(calculators.items()):
            advance(0.3 + 0.7 * number / len(calculators), name)
            with running(name):
                found[name] = minimum_energy_path(molecule.numbers, first_end, last_end, calculator, images)
    for name, own in found.items():
        end = "" if own.settled else "; the search for it did not end"
        say(f"{name}: barrier {own.barrier:.2f} kcal/mol, end at {own.reaction:+.2f}, {own.way[-1]:.2f} Å long{end}")
    if table is not None:
        header = ["image", *(title for name in found for title in (f"{name} way [Å]", f"{name} energy [kcal/mol]"))]
        cells = [
            [i + 1, *(f"{value:.4f}" for own in found.values() for value in (own.way[i], own.energies[i]))]
            for i in range(images)
        ]
        write_table(table, [header, *cells])
    if picture is not None:
        write_picture(picture, plots_analysis.paths(found))
    if structures is not None:
        write_structures(structures, molecule, found[first].positions)


def _line_of(path: Path, molecule: Molecule) -> tuple[Line, np.ndarray]:
    """Frames of a file in their order, and their energies [kcal/mol]."""
    frames = read_frames(path)
    check_same_elements(molecule, frames.numbers, str(path))
    if len(frames) < 2:
        raise InputError(f"{path} has one geometry; a line needs at least two.")
    places = np.arange(1.0, len(frames) + 1)
    return Line(f"frame of {path.name}", places, frames.positions / ANGSTROM), frames.energies / KCAL_MOL
