"""``hybridff analyse``: a model beside other methods at minima and along torsions, and what all analyses share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import BaseCalculator
from cyclopts import App, Parameter
from jaxtyping import Float

from hybridff.analysis.methods import NAMES, STOCK, method, read_options
from hybridff.analysis.minima import Minimum, compare_minima, minima_of
from hybridff.analysis.modes import compare_modes, normal_modes, read_reference
from hybridff.analysis.scan import on_grid, torsion_scans
from hybridff.analysis.torsions import parse_torsion
from hybridff.cli.terminal import progress, say
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.modelfile import read_model
from hybridff.frames.dataset import Frames, read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.output import check_new_file, new_file
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

analyse = App(
    name="analyse",
    help="Compare a model with other methods.",
    help_format="markdown",
    default_parameter=Parameter(consume_multiple=True),
)
Others = Annotated[
    tuple[str, ...],
    Parameter(
        help=f"Further methods: {', '.join(NAMES)}, folders of models, model files of the program sgdml (.npz), or "
        "module:Class of any calculator of ASE.",
        show_default=lambda names: ", ".join(names) or "none",
    ),
]
MethodOptions = Annotated[
    Path | None,
    Parameter(name="--options", help='TOML file with options of methods, in tables such as ["module:Class"].'),
]
Table = Annotated[Path | None, Parameter(help="File for the table, as CSV.")]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where an analysis goes, besides the screen."""

    table: Path | None = None
    """File for the table, as CSV."""
    picture: Path | None = None
    """File for a picture, .png."""


@dataclass(frozen=True, kw_only=True)
class ScanFiles:
    """Where a scan goes, besides the screen."""

    table: Path | None = None
    """File for the table, as CSV."""
    picture: Path | None = None
    """File for a picture, .png."""
    differences: Path | None = None
    """File for a picture of the differences from the reference, or from MODEL, .png."""
    structures: Path | None = None
    """File for MODEL's geometries, .xyz, so that a reference can label them."""


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """What a scan goes through."""

    torsion: Annotated[list[str], Parameter(negative="")]
    """Numbers of its four atoms, such as 3,1,2,9. Give it twice for two."""
    every: float = 15.0
    """Degrees from one angle to the next."""
    rigid: Annotated[bool, Parameter(negative="")] = False
    """Turn the molecule as it is, and relax nothing."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.torsion) <= 2:
            raise InputError(f"a scan takes one or two torsions, not {len(self.torsion)}.")
        if not 1 <= self.every <= 180:
            raise InputError(f"option every has to be from 1 to 180 degrees, not {self.every:g}.")

    def angles(self) -> list[Float[np.ndarray, " _"]]:
        """Angles of each torsion [rad]."""
        return [np.arange(-180.0, 180.0 - 1e-9, self.every) * DEGREE for _ in self.torsion]


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How MODEL's minima are searched for."""

    window: float = 6.0
    """Highest energy of MODEL's minima above the lowest [kcal/mol]."""
    conformers: int = 100
    """Conformers that the search for MODEL's minima begins with."""

    def __post_init__(self) -> None:
        if not self.window > 0:
            raise InputError(f"option window has to be a positive number, not {self.window:g}.")
        if self.conformers < 1:
            raise InputError(f"option conformers has to be at least 1, not {self.conformers}.")


Written = Annotated[Files | None, Parameter(name="*")]


@analyse.command(name="modes")
def normal_modes_of(
    model: Path,
    others: Others = (STOCK,),
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
    known = {}
    if reference is not None:
        known[str(reference)] = normal_modes(molecule.numbers, *read_reference(reference, molecule))
    with progress("modes") as advance:
        found = compare_modes(molecule, calculators, reference=known, progress=advance)
    put_out(found, table)


@analyse.command(name="scan")
def scan_torsions(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    scan: Annotated[ScanOptions, Parameter(name="*")],
    reference: Annotated[
        Path | None, Parameter(help="Geometries on the grid with their energies, in any format that fit reads.")
    ] = None,
    options: MethodOptions = None,
    files: Annotated[ScanFiles | None, Parameter(name="*")] = None,
) -> None:
    """Energies along one or two torsions, all else relaxed.

    Each method relaxes its own geometries; energies are above its lowest, deviations from MODEL's after the best shift.
    """
    files = files or ScanFiles()
    check_outputs(files.table, files.picture, files.structures, files.differences)
    force_field = read_model(model).force_field
    molecule = force_field.molecule
    torsions, angles = [parse_torsion(text, molecule) for text in scan.torsion], scan.angles()
    calculators, known = methods(force_field, model, others, options), {}
    if reference is not None:
        frames = frames_of(reference, molecule)
        known[str(reference)] = on_grid(frames.positions, frames.energies, torsions, angles, str(reference))
    if files.differences is not None and len(calculators) + len(known) < 2:
        raise InputError("there is nothing to take differences from; name another method or a --reference.")
    with progress("scan") as advance:
        found = torsion_scans(
            molecule, calculators, torsions, angles, rigid=scan.rigid, reference=known, progress=advance
        )
    put_out(found, files.table, files.picture)
    if files.differences is not None:
        write_picture(files.differences, found.differences())
    if files.structures is not None:
        geometries = found.scans[str(model)].positions.reshape(-1, len(molecule.numbers), 3)
        write_structures(files.structures, molecule, geometries)


@analyse.command(name="minima")
def relaxed_minima(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    reference: Annotated[
        Path | None, Parameter(help="Minima with energies, in any format that fit reads; MODEL's own if left out.")
    ] = None,
    searching: Annotated[SearchOptions | None, Parameter(name="*")] = None,
    options: MethodOptions = None,
    table: Table = None,
    structures: Annotated[Path | None, Parameter(help="File for MODEL's minima, .xyz.")] = None,
) -> None:
    """Minima and their energies, each method relaxed from the same geometries.

    Printed are energies above that of the first minimum [kcal/mol], and how far each method moves it (RMSD [Å]).
    """
    searching = searching or SearchOptions()
    check_outputs(table, structures=structures)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    known = None if reference is None else {str(reference): read_minima(reference, molecule)}
    with progress("minima") as advance:
        found = compare_minima(
            molecule,
            calculators,
            reference=known,
            window=searching.window * KCAL_MOL,
            wanted=searching.conformers,
            progress=advance,
        )
    put_out(found, table)
    if structures is not None:
        heights = [own.energy - found.known[0].energy for own in found.known]
        write_structures(structures, molecule, np.array([own.positions for own in found.known]), heights)


def methods(
    force_field: ForceField, model: Path, others: Sequence[str], options: Path | None
) -> dict[str, BaseCalculator]:
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


def frames_of(path: Path, molecule: Molecule) -> Frames:
    """Frames of a file of the same molecule."""
    frames = read_frames(path)
    check_same_elements(molecule, frames.numbers, str(path))
    return frames


def read_minima(path: Path, molecule: Molecule) -> list[Minimum]:
    """Minima of a file, lowest first."""
    return minima_of(molecule, frames_of(path, molecule))


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


def put_out(found: Result, table: Path | None = None, picture: Path | None = None) -> None:
    """Print what was found, and write its table as CSV and its picture as PNG where they are asked for."""
    for sentence in found.sentences():
        say(sentence)
    if table is not None:
        with new_file(table) as temporary:
            temporary.write_text(found.table().csv(), encoding="utf-8", newline="")
        say(f"Written: {table}.")
    if picture is not None:
        write_picture(picture, found.picture())


def write_structures(
    path: Path,
    molecule: Molecule,
    positions: Float[np.ndarray, "frames atoms 3"],
    energies: Sequence[float] | None = None,
) -> None:
    """Write geometries [nm] in Å, with energies [kJ/mol] in kcal/mol where there are any."""
    infos = [{} if energies is None else {"energy_kcal_mol": energies[i] / KCAL_MOL} for i in range(len(positions))]
    frames = [
        ase.Atoms(molecule.numbers, own / ANGSTROM, info=info) for own, info in zip(positions, infos, strict=True)
    ]
    with new_file(path) as temporary:
        ase.io.write(temporary, frames, format="extxyz")
    say(f"Written: {path}.")


def write_picture(path: Path, content: bytes) -> None:
    """Write a PNG file."""
    with new_file(path) as temporary:
        temporary.write_bytes(content)
    say(f"Written: {path}.")
