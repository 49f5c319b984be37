"""``hybridff analyse``: a model beside other methods."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import BaseCalculator
from cyclopts import App, Parameter
from jaxtyping import Float

from hybridff.analysis.methods import NAMES, STOCK, method, read_options, running
from hybridff.analysis.minima import SAME_SHAPE, Minimum, handed_alike, positions_of, rmsd, search
from hybridff.analysis.minima import relaxed as relaxed_minimum
from hybridff.analysis.modes import Modes, hessian, matching, modes, read_reference, relaxed
from hybridff.analysis.scan import Scan, Torsion, on_grid, parse_torsion, scan
from hybridff.cli.terminal import progress, say
from hybridff.errors import InputError
from hybridff.export.modelfile import read_model
from hybridff.frames.reading import read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.output import check_new_file, new_file
from hybridff.plots import analysis as plots_analysis
from hybridff.plots.models import scans
from hybridff.units import ANGSTROM, KCAL_MOL

analyse = App(
    name="analyse",
    help="Compare a model with other methods.",
    help_format="markdown",
    default_parameter=Parameter(consume_multiple=True),
)
Others = Annotated[
    list[str],
    Parameter(
        help=f"Further methods: {', '.join(NAMES)}, folders of models, model files of the program sgdml (.npz), or "
        "module:Class of any calculator of ASE."
    ),
]
MethodOptions = Annotated[
    Path | None,
    Parameter(name="--options", help='TOML file with options of methods, in tables such as ["module:Class"].'),
]
Table = Annotated[Path | None, Parameter(help="File for the table, as CSV.")]
Picture = Annotated[Path | None, Parameter(help="File for a picture, .png.")]


@analyse.command(name="modes")
def normal_modes(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    reference: Annotated[
        Path | None, Parameter(help="File with a minimum and its Hessian (npz: z, R [Å], hessian [kcal/mol/Å²]).")
    ] = None,
    options: MethodOptions = None,
    table: Table = None,
) -> None:
    """Frequencies of normal modes, each method at its own minimum.

    Modes are told by their overlap with those of the reference, or of MODEL without one.
    """
    check_outputs(table)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    begin = ase.Atoms(molecule.numbers, positions_of(molecule))
    found: dict[str, Modes] = {}
    if reference is not None:
        begin, second = read_reference(reference, molecule)
        found[str(reference)] = modes(begin, second)
    with progress("modes") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):
            advance(number / len(calculators), name)
            with running(name):
                own = relaxed(begin, calculator)
                found[name] = modes(own, hessian(own, calculator))
            begin = begin if reference is not None or number else own
    first, *rest = found
    columns = {first: found[first].frequencies}
    columns |= {name: found[name].frequencies[matching(found[first], found[name])] for name in rest}
    for name in found if reference is None else rest:
        where = found[name]
        away = rmsd(molecule, where.positions, found[first].positions)
        if away > SAME_SHAPE:
            say(f"Note: {name} relaxes to another conformer, {away:.2f} Å from that of {first}, with other modes.")
        if where.frequencies.min() < 0:
            say(f"Note: {name} ends at no minimum; its lowest frequency is {-where.frequencies.min():.0f}i cm⁻¹.")
    for name in rest:
        off = columns[name] - columns[first]
        worst = int(np.abs(off).argmax())
        say(
            f"{name}: frequencies off by {np.abs(off).mean():.1f} cm⁻¹ on average against {first}, at most by "
            f"{off[worst]:+.0f} (mode at {columns[first][worst]:.0f})"
        )
    header, rows = ["mode", *columns], np.array(list(columns.values())).T
    short = [Path(name).name for name in header]
    width = max(10, *map(len, short))
    say(" ".join(f"{name:>{width}s}" for name in short))
    for number, row in enumerate(rows, start=1):
        say(" ".join([f"{number:{width}d}", *(f"{value:{width}.1f}" for value in row)]))
    if table is not None:
        cells = ([number, *(f"{value:.3f}" for value in row)] for number, row in enumerate(rows, start=1))
        write_table(table, [header, *cells])


@analyse.command(name="scan")
def torsion_scan(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    torsion: Annotated[
        list[str], Parameter(help="Numbers of its four atoms, such as 3,1,2,9. Give it twice for two.", negative="")
    ],
    every: Annotated[float, Parameter(help="Degrees from one angle to the next.")] = 15.0,
    rigid: Annotated[bool, Parameter(help="Turn the molecule as it is, and relax nothing.", negative="")] = False,
    reference: Annotated[
        Path | None, Parameter(help="Geometries on the grid with their energies, in any format that fit reads.")
    ] = None,
    options: MethodOptions = None,
    table: Table = None,
    picture: Picture = None,
    differences: Annotated[
        Path | None, Parameter(help="File for a picture of the differences from the reference, or from MODEL, .png.")
    ] = None,
    structures: Annotated[
        Path | None, Parameter(help="File for MODEL's geometries, .xyz, so that a reference can label them.")
    ] = None,
) -> None:
    """Energies along one or two torsions, all else relaxed.

    Each method relaxes its own geometries; energies are above its lowest, deviations from MODEL's after the best shift.
    """
    if not 1 <= len(torsion) <= 2:
        raise InputError(f"a scan takes one or two torsions, not {len(torsion)}.")
    if not 1 <= every <= 180:
        raise InputError(f"option every has to be from 1 to 180 degrees, not {every:g}.")
    check_outputs(table, picture, structures, differences)
    force_field = read_model(model).force_field
    molecule = force_field.molecule
    torsions = [parse_torsion(text, molecule) for text in torsion]
    calculators = methods(force_field, model, others, options)
    angles = [np.arange(-180.0, 180.0 - 1e-9, every) for _ in torsions]
    begin, found = ase.Atoms(molecule.numbers, positions_of(molecule)), dict[str, Scan]()
    if reference is not None:
        found[str(reference)] = _scan_of(reference, molecule, torsions, angles)
    if differences is not None and len(calculators) + len(found) < 2:
        raise InputError("there is nothing to take differences from; name another method or a --reference.")
    with progress("scan") as advance:
        for number, (name, calculator) in enumerate(calculators.items()):

            def share(done: float, number: int = number, name: str = name) -> None:
                advance((number + done) / len(calculators), name)

            with running(name):
                found[name] = scan(begin, calculator, molecule, torsions, angles, rigid=rigid, progress=share)
    first = next(iter(found))
    labels = ["-".join(molecule.label(atom) for atom in own) for own in torsions]
    say(f"{'rigid' if rigid else 'relaxed'} scan of {' and '.join(labels)}, {found[first].energies.size} points")
    for name, own in found.items():
        off = ""
        if name != first:
            mean, largest = own.deviation(found[first])
            off = f"; off {first} by {mean:.2f} on average, {largest:.2f} at most"
        lost = int(np.isnan(own.energies).sum())
        ends = f"; {lost} points without end" if lost else ""
        say(f"{name}: up to {np.nanmax(own.energies):.2f} kcal/mol{off}{ends}")
    if table is not None:
        header = [*(f"{label} [degrees]" for label in labels), *(f"{name} [kcal/mol]" for name in found)]
        cells = [
            [f"{own[i]:g}" for own, i in zip(angles, place, strict=True)]
            + [f"{own.energies[place]:.4f}" for own in found.values()]
            for place in np.ndindex(*found[first].energies.shape)
        ]
        write_table(table, [header, *cells])
    if picture is not None:
        write_picture(picture, scans(found, labels))
    if differences is not None:
        write_picture(differences, _differences(found, first, labels))
    if structures is not None:
        write_structures(structures, molecule, found[str(model)].positions.reshape(-1, len(molecule.numbers), 3))


@analyse.command
def minima(
    model: Path,
    others: Others = [STOCK],  # noqa: B006 (cyclopts reads it, nothing changes it)
    /,
    *,
    reference: Annotated[
        Path | None, Parameter(help="Minima with energies, in any format that fit reads; MODEL's own if left out.")
    ] = None,
    window: Annotated[float, Parameter(help="Of MODEL's minima above the lowest [kcal/mol].")] = 6.0,
    conformers: Annotated[int, Parameter(help="That the search for MODEL's minima begins with.")] = 100,
    options: MethodOptions = None,
    table: Table = None,
    structures: Annotated[Path | None, Parameter(help="File for MODEL's minima, .xyz.")] = None,
) -> None:
    """Minima and their energies, each method relaxed from the same geometries.

    Printed are energies above that of the first minimum [kcal/mol], and how far each method moves it (RMSD [Å]).
    """
    if not window > 0:
        raise InputError(f"option window has to be a positive number, not {window:g}.")
    if conformers < 1:
        raise InputError(f"option conformers has to be at least 1, not {conformers}.")
    check_outputs(table, structures=structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    known = None if reference is None else given(reference, molecule)
    found: dict[str, list[Minimum | None]] = {} if known is None else {str(reference): list(known)}
    with progress("minima") as advance:
        if known is None:
            first = str(model)
            known = search(
                molecule, calculators.pop(first), window, conformers, progress=lambda done: advance(done / 2)
            )
            found[first] = list(known)
        for number, (name, calculator) in enumerate(calculators.items()):
            advance(0.5 + number / len(calculators) / 2, name)
            with running(name):
                found[name] = [relaxed_minimum(molecule, calculator, own.positions) for own in known]
    rows = []
    for number, minimum in enumerate(known):
        row = [str(number + 1)]
        for minima_of in found.values():
            here, zero = minima_of[number], minima_of[0]
            if here is None or zero is None:
                row += ["", ""]
                continue
            moved = rmsd(molecule, here.positions, minimum.positions)
            row += [f"{here.energy - zero.energy:.2f}", f"{moved:.2f}"]
        rows.append(row)
    say(" | ".join(["minimum", *(f"{Path(name).name:>16s}" for name in found)]))
    for row in rows:
        cells = [f"{energy:>8s} ({shape:>4s})" for energy, shape in zip(row[1::2], row[2::2], strict=True)]
        say(" | ".join([f"{row[0]:>7s}", *(f"{cell:>16s}" for cell in cells)]))
    header = ["minimum", *(title for name in found for title in (f"{name} [kcal/mol]", f"{name} RMSD [Å]"))]
    if table is not None:
        write_table(table, [header, *rows])
    if structures is not None:
        heights = [own.energy - known[0].energy for own in known]
        write_structures(structures, molecule, np.array([own.positions for own in known]), heights)


def methods(force_field: ForceField, model: Path, others: list[str], options: Path | None) -> dict[str, BaseCalculator]:
    """What is compared, by name, the model first."""
    known, molecule = options_of(options), force_field.molecule
    names = [str(model), *others]
    for name in known:
        if ":" not in name:
            raise InputError(f"{options}: {name} takes no options; only methods given as module:Class do.")
    return {name: method(name, molecule, force_field, known.get(name)) for name in names}


def options_of(path: Path | None) -> dict[str, dict[str, Any]]:
    """Options of methods by name."""
    return {} if path is None else read_options(path)


def check_outputs(
    table: Path | None, picture: Path | None = None, structures: Path | None = None, differences: Path | None = None
) -> None:
    """Refuse early what could not be written, or not under its name."""
    named = {"picture": (picture, ".png"), "structures": (structures, ".xyz"), "differences": (differences, ".png")}
    for option, (path, suffix) in named.items():
        if path is not None and path.suffix != suffix:
            raise InputError(f"the name after --{option} has to end in {suffix}, and {path} does not.")
    given_paths = [path for path in (table, picture, structures, differences) if path is not None]
    if len({path.absolute() for path in given_paths}) < len(given_paths):
        raise InputError("two files have the same name; give each a name of its own.")
    for path in given_paths:
        check_new_file(path)


def write_structures(
    path: Path,
    molecule: Molecule,
    positions: Float[np.ndarray, "frames atoms 3"],
    energies: Sequence[float] | None = None,
) -> None:
    """Geometries [Å], with energies [kcal/mol] where there are any."""
    infos = [{} if energies is None else {"energy_kcal_mol": energies[i]} for i in range(len(positions))]
    frames = [ase.Atoms(molecule.numbers, own, info=info) for own, info in zip(positions, infos, strict=True)]
    with new_file(path) as temporary:
        ase.io.write(temporary, frames, format="extxyz")
    say(f"Written: {path}.")


def write_picture(path: Path, content: bytes) -> None:
    """As PNG."""
    with new_file(path) as temporary:
        temporary.write_bytes(content)
    say(f"Written: {path}.")


def write_table(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """As CSV."""
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    say(f"Written: {path}.")


def _scan_of(
    path: Path, molecule: Molecule, torsions: Sequence[Torsion], angles: Sequence[Float[np.ndarray, " _"]]
) -> Scan:
    """Energies of a file at the places of a grid that its geometries are at."""
    frames = read_frames(path)
    check_same_elements(molecule, frames.numbers, str(path))
    return on_grid(frames.positions / ANGSTROM, frames.energies / KCAL_MOL, torsions, angles, str(path))


def _differences(found: dict[str, Scan], first: str, labels: Sequence[str]) -> bytes:
    """Of all other scans from the first, each less its mean."""
    off = {name: own.difference(found[first]) for name, own in found.items() if name != first}
    if len(labels) == 1:
        angles = found[first].angles[0]
        return plots_analysis.lines(
            angles, off, f"{labels[0]} [degrees]", what=f"energy less that of {first} [kcal/mol]"
        )
    largest = max(float(np.nanmax(np.abs(own))) for own in off.values())
    maps = {name: (found[first].angles, own) for name, own in off.items()}
    return plots_analysis.torsion_maps(
        maps, labels, f"energy less that of {first} [kcal/mol]", -largest, largest, "RdBu_r"
    )


def parse_pair(text: str, molecule: Molecule) -> tuple[int, int]:
    """Atoms of "3,9", counted from 1, as counted from 0."""
    try:
        i, j = (int(part) - 1 for part in text.split(","))
    except ValueError:
        i, j = -1, -1
    n = len(molecule.numbers)
    if i == j or not (0 <= i < n and 0 <= j < n):
        raise InputError(f"{text} is no pair of atoms of {molecule.name}: give two numbers from 1 to {n}, such as 1,2.")
    return i, j


def given(path: Path, molecule: Molecule) -> list[Minimum]:
    """Minima of a file, lowest first."""
    frames = read_frames(path)
    check_same_elements(molecule, frames.numbers, str(path))
    return [
        Minimum(float(frames.energies[i]) / KCAL_MOL, handed_alike(molecule, frames.positions[i] / ANGSTROM))
        for i in np.argsort(frames.energies, kind="stable")
    ]
