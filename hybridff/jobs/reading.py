"""Reading what a job works on: the molecule, reference data, and which of their frames do what."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.dataset import Frames, Split
from hybridff.frames.reading import read_frames
from hybridff.frames.stereo import check_stereo
from hybridff.gaff.start import PRMTOP_SUFFIXES, StartOptions
from hybridff.jobs.options import DataOptions, SplitOptions
from hybridff.jobs.provenance import inputs_of
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.molecules.parsing import is_file, path_and_record
from hybridff.molecules.pdb import molecule_of_pdb
from hybridff.units import KCAL_MOL

_TRAIN_FRACTION, _VALIDATION_FRACTION = 0.8, 0.1


@dataclass(frozen=True, eq=False)
class Data:
    """Reference data of one molecule, checked."""

    molecule: Molecule
    frames: Frames
    """Frames that can be used."""
    report: DataReport
    """What was left out and what is odd."""
    files: tuple[Path, ...]
    options: DataOptions


@dataclass(frozen=True, eq=False)
class Structure:
    """A molecule that the user named, and what comes with it."""

    molecule: Molecule
    start: StartOptions
    """Where the starting parameters come from: a prmtop brings its own."""
    files: tuple[Path, ...]
    """Files that were read."""


def read_structure(text: str, start: StartOptions | None = None) -> Structure:
    """The molecule of a SMILES, or of an SDF, MOL2 or prmtop file; of a PDB file where ``start`` has its SMILES.

    Raises ``InputError`` for anything else.
    """
    path, start = path_and_record(text)[0], start or StartOptions()
    if start.bonds_from is not None and path.suffix.lower() != ".pdb":
        raise InputError(f"option bonds_from is for a molecule in a .pdb file, which {text} is not; leave it out.")
    molecule = Molecule.read(text) if start.bonds_from is None else molecule_of_pdb(path, start.bonds_from)
    if path.suffix.lower() in PRMTOP_SUFFIXES and start.start is None:
        start = replace(start, start=path)
    return Structure(molecule, start, (path,) if is_file(path) else ())


def read_data(
    paths: Sequence[str | Path], molecule: Molecule | None = None, options: DataOptions | None = None
) -> list[Data]:
    """Read data files, those of the same molecule together, and keep the frames that can be used.

    Raises ``InputError`` when ``molecule`` is given but the files hold several molecules, or another.
    """
    options, named = options or DataOptions(), [Path(path) for path in paths]
    units = {name: getattr(options, name) for name in ("length_unit", "energy_unit", "force_unit")}
    alone = {path: read_frames(path, **units) for path in named} if molecule is None else {}
    groups: dict[tuple, list[Path]] = {} if molecule is None else {(): named}
    for path in named if molecule is None else ():
        groups.setdefault((alone[path].smiles, *alone[path].numbers.tolist()), []).append(path)
    found = []
    for files in groups.values():
        one = alone[files[0]] if len(files) == 1 and molecule is None else None
        frames = one or read_frames(files, molecule=molecule, **units)
        owner = frames.molecule(str(files[0])) if molecule is None else molecule
        check_same_elements(owner, frames.numbers, str(files[0]))
        usable, report = usable_frames(
            frames,
            owner,
            keep_bond_changes=options.keep_bond_changes,
            accept_problem=options.trust_data,
            where=", ".join(map(str, files)),
            highest=math.inf if options.max_energy is None else options.max_energy * KCAL_MOL,
        )
        if not options.trust_data:
            rows = report.rows()
            other, notes = check_stereo(owner, usable.positions, ", ".join(map(str, files)), rows)
            usable = usable.subset(np.flatnonzero(~other))
            report = replace(
                report,
                n_used=len(usable),
                other_isomers=tuple(rows[other].tolist()),
                notes=(*report.notes, *notes),
            )
        found.append(Data(owner, usable, report, tuple(files), options))
    return found


def split_frames(frames: Frames, options: SplitOptions | None = None) -> Split:
    """Training, validation and test rows; numbers that are not given are fractions of the frames."""
    options, n = options or SplitOptions(), len(frames)
    train = min(max(2, int(_TRAIN_FRACTION * n)), n) if options.train is None else options.train
    rest = max(n - train, 0)
    validation = min(int(_VALIDATION_FRACTION * n), rest) if options.validation is None else options.validation
    found = frames.split(train, validation, options.seed)
    if not options.in_order:
        return found
    return Split(*np.split(np.arange(n), [train, train + validation]))


def split_of(saved: SavedModel, data: Data) -> Split | None:
    """The split of the fit, if these are the files that it read and as many of their frames are usable as were then."""
    frames = saved.provenance.get("frames")
    if not isinstance(frames, dict) or set(frames) != set(Split._fields):
        return None
    parts = [np.array(frames[name], dtype=np.int64) for name in Split._fields]
    same = len(inputs_of(saved, data.files)) == len(data.files)
    return Split(*parts) if same and sum(map(len, parts)) == len(data.frames) else None


def parts_of(frames: Frames, rows: Split) -> dict[str, Frames]:
    """Training, validation and test frames by these names, as far as there are any."""
    return {name: frames.subset(getattr(rows, name)) for name in rows._fields if len(getattr(rows, name))}
