"""Labelling frames at a level of theory: from files of geometries to a folder that fits read as data."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.analysis.methods import read_options
from hybridff.errors import InputError
from hybridff.frames.checks import changed_geometries, length_problem
from hybridff.frames.claims import remove_claims
from hybridff.frames.dataset import Frames
from hybridff.frames.geometries import Geometries, read_geometries
from hybridff.frames.label_folder import Contents, LabelFolder
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.reference.cluster import label_by_cluster
from hybridff.reference.labelling import Frame, label_all
from hybridff.reference.labelling_processes import cores, label_by_processes
from hybridff.reference.level import Labeller, Level, Species, labeller_of
from hybridff.reference.level_options import LevelOptions
from hybridff.reference.levels import level_of
from hybridff.units import ANGSTROM

_SPOKEN = 60.0
"""Time between two sentences on how far the work is [s]."""
_SHOWN = 5
"""Failures that are told one by one."""


@dataclass(frozen=True, kw_only=True)
class LabelOptions(LevelOptions):
    """How frames are labelled."""

    molecule: str | None = None
    """SMILES with atom map, SDF, MOL2 or prmtop of the frames' molecule, where their file does not say it: bonds and
    charge."""

    charge: int | None = None
    """Total charge; the molecule's if left out, and 0 where that is unknown."""

    length_unit: str | None = None
    """Unit of positions where the file names none: angstrom, bohr, nm."""

    retry: bool = False
    """Try frames again that have failed before."""


@dataclass(frozen=True)
class LabelRun:
    """What has become of the frames."""

    folder: Path
    labelled: int
    """Frames labelled in this run, by any process."""
    there: int
    """Frames that had a label before."""
    failures: tuple[tuple[int, str], ...]
    """Frames without a label, counted from 1, and why."""

    @property
    def sentence(self) -> str:
        """The outcome in a line."""
        return f"{self.folder}: {self.labelled} labelled, {len(self.failures)} failed, {self.there} already there."


def label_frames(
    files: str | Path | Sequence[str | Path],
    level: str,
    out: str | Path,
    options: LabelOptions | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> LabelRun:
    """Label geometries at a level of theory, as ``hybridff label`` does, into a folder that may have labels already.

    Other processes may label into the same folder at the same time. ``level`` is a name such as ``pbe-d3bj/def2-svp``,
    ``gfn2-xtb`` or ``module:Class``. ``say`` is told what a user should know, ``progress`` how far the work is.

    Raises ``InputError`` for files, names and options that cannot be used, and ``MissingProgramError`` without the
    program of the level.
    """
    options = options or LabelOptions()
    given = read_geometries([files] if isinstance(files, str | Path) else files, options.length_unit)
    for note in given.notes:
        say(f"Note: {note}")
    if options.molecule is not None:
        given = replace(given, molecule=Molecule.read(options.molecule))
    return label_geometries(given, level, out, options, say=say, progress=progress)


def label_geometries(
    given: Geometries,
    level: str,
    out: str | Path,
    options: LabelOptions | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> LabelRun:
    """Label geometries as ``label_frames`` does, which reads them from files; raises as it does."""
    options, molecule = options or LabelOptions(), given.molecule
    if molecule is not None:
        check_same_elements(molecule, given.numbers, "the file of geometries")
    bare, finite = _bare(given), np.isfinite(given.positions).all(axis=(1, 2))
    problem = length_problem(bare, np.flatnonzero(finite)) if finite.any() else None
    if problem is not None:
        raise InputError(f"{given.name}: {problem}")
    species = _species(given, molecule, options.charge, say)
    own = level_options(level, options.options)
    wanted = level_of(level, own)
    label = labeller_of(wanted, species)
    folder = LabelFolder.opened(Path(out), _contents(level, own, wanted, species, molecule))
    folder.sweep()
    _say_of_bonds(given, molecule, say)
    frames = _frames(given, folder, say)
    labelled, failed = folder.done()
    if options.retry:
        for key in failed & set(frames):
            folder.forget_failure(key)
        failed = frozenset()
    left = [frame for key, frame in frames.items() if key not in labelled | failed]
    if left:
        _label(folder, label, left, options, _Watch(folder, frozenset(own.key for own in left), say, progress))
    return _run(folder, frames, labelled, say)


def _bare(given: Geometries) -> Frames:
    """Geometries as frames without energies, for what looks at positions alone."""
    return Frames(given.numbers, given.positions, np.zeros(len(given.positions)), None)


def level_options(level: str, file: Path | None) -> dict[str, Any]:
    """Options of a level from a TOML file, where there is one; raises ``InputError`` for a file that is none."""
    return {} if file is None else read_options(file).get(level, {})


def _label(folder: LabelFolder, label: Labeller, left: list[Frame], options: LabelOptions, watch: "_Watch") -> None:
    """Label frames where the options say."""
    if options.scheduler is not None:
        label_by_cluster(folder, left, options.scheduler, watch.look)
        return
    processes = min(options.processes or cores(), len(left))
    if processes > 1:
        label_by_processes(folder, left, processes, watch.look)
    else:
        label_all(folder, label, left, watch.look)


def _species(given: Geometries, molecule: Molecule | None, charge: int | None, say: Say) -> Species:
    if charge is None and molecule is None:
        say(f"Note: {given.name} has no known bonds, so its charge is taken to be 0; give the molecule or the charge.")
    known = 0 if molecule is None else molecule.charge
    if charge is not None and molecule is not None and charge != known:
        raise InputError(
            f"option charge is {charge}, but {molecule.name} has the charge {known}; leave one of them out."
        )
    name = given.name if molecule is None else molecule.name
    return Species(given.numbers, known if charge is None else charge, name)


def _contents(
    name: str, options: dict[str, object], level: Level, species: Species, molecule: Molecule | None
) -> Contents:
    return Contents(
        level=name,
        options=options,
        settings=level.settings,
        theory=level.theory,
        name=species.name,
        smiles=None if molecule is None else molecule.smiles,
        numbers=tuple(species.numbers.tolist()),
        charge=species.charge,
    )


def _frames(given: Geometries, folder: LabelFolder, say: Say) -> dict[str, Frame]:
    """Frames by their keys, each once, in the order of the files."""
    found: dict[str, Frame] = {}
    for number, positions in enumerate(given.positions, start=1):
        if not np.isfinite(positions).all():
            say(f"Note: frame {number} is left out: a position is no number.")
            continue
        key = folder.key(positions)
        found.setdefault(key, Frame(key, positions, number))
    return found


def _say_of_bonds(given: Geometries, molecule: Molecule | None, say: Say) -> None:
    """Say which frames are not the molecule any more."""
    if molecule is None:
        return
    changes = changed_geometries(molecule, given.positions)
    for change in changes[:_SHOWN]:
        verb = "broken" if change.broken else "formed"
        say(
            f"Note: frame {change.frame + 1} has other bonds than {molecule.name}: {change.pair} at "
            f"{change.distance / ANGSTROM:.2f} Å is {verb}; it is labelled, and fits leave it out."
        )
    if len(changes) > _SHOWN:
        say(f"Note: {len(changes) - _SHOWN} more frames have other bonds than {molecule.name}.")


def _run(folder: LabelFolder, frames: dict[str, Frame], before: frozenset[str], say: Say) -> LabelRun:
    """What has become of all frames."""
    labelled, failed = folder.done()
    for key in labelled | failed:
        remove_claims(folder.path, key)  # of processes that were killed after their frame was done
    failures = tuple(
        (frame.number, "; then: ".join(folder.reasons(key))) for key, frame in frames.items() if key not in labelled
    )
    for number, reason in failures[:_SHOWN]:
        say(f"Note: frame {number} failed: {reason}.")
    there = len(before & set(frames))
    return LabelRun(folder.path, len(frames) - there - len(failures), there, failures)


@dataclass
class _Watch:
    """Looks at a folder now and then, and tells how far the work is."""

    folder: LabelFolder
    keys: frozenset[str]
    say: Say
    progress: Progress
    begin: float = field(default_factory=time.monotonic)
    spoken: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Tell how many frames are done, and how much time is left."""
        labelled, failed = self.folder.done()
        done, total = len(self.keys & (labelled | failed)), len(self.keys)
        now = time.monotonic()
        left = f", {_words((now - self.begin) / done * (total - done))} left" if done else ""
        sentence = f"{done} of {total} frames done{left}"
        self.progress(done / total, sentence)
        if now - self.spoken > _SPOKEN:
            self.spoken = now
            self.say(f"{sentence}.")


def _words(seconds: float) -> str:
    """A time that is no more exact than it is known."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
