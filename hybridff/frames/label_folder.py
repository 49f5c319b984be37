"""A folder of labels: reference energies and forces, one small file a frame, that many processes may fill at once.

``labels.json`` says which molecule and level of theory they are of. ``KEY.npz`` is a label, in the layout of sGDML with
one frame; ``KEY.failed.json`` says why there is none; ``KEY.claim.N`` belongs to who computes it. ``KEY`` is a hash of
the geometry, the elements, the charge and the level. Files are written whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.arrays import read_arrays
from hybridff.errors import InputError
from hybridff.foreign import read_json
from hybridff.frames.dataset import Frames, joined
from hybridff.frames.file_units import WantedUnits
from hybridff.frames.npz_files import read_npz
from hybridff.output import is_empty, new_file, write_once
from hybridff.units import ANGSTROM

CONTENTS = "labels.json"
"""Name of the file that says what a folder's labels are of."""
SECONDS = "seconds"
"""Name of the time that a label took, which is no part of what it says."""
_FORMAT = "hybridff labels 1"
_LABEL, _FAILURE = ".npz", ".failed.json"
_SAME_PLACE = 1e-8
"""Positions that differ by less have the same key [nm]."""
_LEFT_OVER = 3600.0
"""Age of a hidden file that nobody writes any more [s]."""
_LARGEST = 2**24
"""Size of a JSON file of a folder, at most [bytes]."""
_MOST_PROTONS, _MOST_CHARGE = 118, 10_000
"""Limits of atomic numbers and charges [e]."""
_NO_UNITS = WantedUnits(None, None, None)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the labels of a folder are of."""

    level: str
    """Name of the level."""
    options: Mapping[str, Any]
    """Options that the level was made with."""
    settings: str
    """The level in words, with all that its energies depend on but the version of its program."""
    theory: str
    """The level in words, with the version of the program that began the folder."""
    name: str
    """Name of the molecule."""
    smiles: str | None
    """Atom-mapped SMILES of the molecule, where it is known."""
    numbers: tuple[int, ...]
    """Atomic numbers."""
    charge: int
    """Total charge [e]."""


@dataclass(frozen=True)
class LabelFolder:
    """A folder of labels that is there."""

    path: Path
    contents: Contents

    @classmethod
    def opened(cls, path: Path, contents: Contents) -> "LabelFolder":
        """The folder at a path, made if it is not there.

        Raises ``InputError`` where it has labels of another molecule, charge or level, or cannot be written.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"cannot make the folder {path}: a file of that name exists; choose another folder.")
        if path.is_dir() and not (path / CONTENTS).exists() and not is_empty(path):
            raise InputError(f"{path} is no folder of labels and is not empty; choose another folder.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_once(path / CONTENTS, json.dumps({"format": _FORMAT, **asdict(contents)}, indent=1) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise InputError(f"cannot write {path} ({reason}); make room or choose another place.") from None
        found = cls.read(path)
        if difference := _difference(found.contents, contents):
            raise InputError(f"{path} has labels of {difference}; choose another folder.")
        return found

    @classmethod
    def read(cls, path: Path) -> "LabelFolder":
        """The folder at a path; raises ``InputError`` where there is none."""
        try:
            found = _content(path / CONTENTS)
            if found.pop("format") != _FORMAT:
                raise InputError(f"{path / CONTENTS} is of another version of hybridff; make the labels again.")
            found["numbers"] = tuple(map(int, found["numbers"]))
            return cls(path, _contents(found))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"{path} is no folder of labels ({error}); give one that hybridff label wrote.") from None

    def key(self, positions: Float[np.ndarray, "atoms 3"]) -> str:
        """Name of the label of a geometry [nm]."""
        places = np.round(positions / _SAME_PLACE).astype(np.int64)
        own = json.dumps([self.contents.settings, self.contents.numbers, self.contents.charge])
        return hashlib.sha256(own.encode() + places.tobytes()).hexdigest()[:32]

    def done(self) -> tuple[frozenset[str], frozenset[str]]:
        """Keys that have a label, and keys that have failed."""
        names = [entry.name for entry in os.scandir(self.path) if not entry.name.startswith(".")]
        labelled, failed = (
            frozenset(name.removesuffix(end) for name in names if name.endswith(end)) for end in (_LABEL, _FAILURE)
        )
        return labelled, failed - labelled

    def is_done(self, key: str) -> bool:
        """Whether a frame has a label, or has failed."""
        return (self.path / f"{key}{_LABEL}").exists() or (self.path / f"{key}{_FAILURE}").exists()

    def write(
        self,
        key: str,
        positions: Float[np.ndarray, "atoms 3"],
        energy: float,
        forces: Float[np.ndarray, "atoms 3"],
        **about: Any,
    ) -> None:
        """Write the label of a geometry [nm]: its energy [kJ/mol] and forces [kJ/mol/nm], and more ``about`` it."""
        own = self.contents
        frame = Frames(
            np.array(own.numbers),
            positions[None],
            np.array([energy]),
            forces[None],
            name=own.name,
            smiles=own.smiles,
            theory=own.theory,
        )
        with new_file(self.path / f"{key}{_LABEL}") as part, part.open("wb") as file:
            np.savez_compressed(file, **frame.arrays(), **about)

    def write_failure(self, key: str, positions: Float[np.ndarray, "atoms 3"], reasons: Sequence[str]) -> None:
        """Write why a geometry [nm] has no label."""
        found = {"reasons": list(reasons), "positions_angstrom": (positions / ANGSTROM).tolist()}
        with new_file(self.path / f"{key}{_FAILURE}") as part:
            part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    def reasons(self, key: str) -> tuple[str, ...]:
        """Why a frame has no label, attempt by attempt."""
        try:
            return tuple(map(str, _content(self.path / f"{key}{_FAILURE}")["reasons"]))
        except (ValueError, KeyError, TypeError):
            return ("unknown",)

    def forget_failure(self, key: str) -> None:
        """Let a frame that failed be tried again."""
        (self.path / f"{key}{_FAILURE}").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what processes that were killed while they wrote have left: hidden files of an hour ago."""
        for entry in os.scandir(self.path):
            with contextlib.suppress(OSError):
                if entry.name.startswith(".") and time.time() - entry.stat().st_mtime > _LEFT_OVER:
                    Path(entry.path).unlink()

    def label_files(self) -> tuple[Path, ...]:
        """The labels in the order of their keys."""
        return tuple(self.path / f"{key}{_LABEL}" for key in sorted(self.done()[0]))


def _contents(found: Mapping[str, Any]) -> Contents:
    """Contents of a file; raises ``KeyError``, ``TypeError`` or ``ValueError`` where one is missing or another kind."""
    for name in ("level", "settings", "theory", "name"):
        if not isinstance(found[name], str):
            raise TypeError(f"its {name} is no text")
    if not isinstance(found["smiles"], str | None) or not isinstance(found["options"], dict):
        raise TypeError("its SMILES or its options are of another kind")
    charge, numbers = found["charge"], found["numbers"]
    if not isinstance(charge, int) or isinstance(charge, bool) or abs(charge) > _MOST_CHARGE:
        raise TypeError("its charge is no whole number that can be")
    if not numbers or not all(1 <= number <= _MOST_PROTONS for number in numbers):
        raise ValueError("its atomic numbers are none")
    return Contents(**found)


def _content(path: Path) -> Any:
    """What a JSON file of a folder says; raises ``ValueError`` for one that cannot be read."""
    try:
        return read_json(path, "a file of a folder of labels", "run hybridff label again", largest=_LARGEST)
    except InputError as error:
        raise ValueError(str(error).rstrip(".")) from None


def is_label_folder(path: Path) -> bool:
    """Whether a path is a folder of labels."""
    return (path / CONTENTS).is_file()


def read_label_folder(path: Path) -> Frames:
    """All labels of a folder as frames, in the order of their keys; they have units, so none may be asked for.

    Raises ``InputError`` for a folder without labels, and for a damaged one.
    """
    folder = LabelFolder.read(path)
    files = folder.label_files()
    if not files:
        raise InputError(f"{path}: no frame has a label yet; run hybridff label again.")
    found = joined([read_npz(file, _NO_UNITS) for file in files])
    return replace(found, name=folder.contents.name, source=path.name)


def read_labels(folder: LabelFolder, keys: Sequence[str]) -> tuple[Frames, float]:
    """Labels of some keys as frames, in that order, and the time that they took [s].

    Raises ``InputError`` where one is missing or damaged.
    """
    files = [folder.path / f"{key}{_LABEL}" for key in keys]
    seconds = [_seconds(file) for file in files]
    found = joined([read_npz(file, _NO_UNITS) for file in files])
    return replace(found, name=folder.contents.name, source=folder.path.name), sum(seconds)


def _seconds(file: Path) -> float:
    """The time that a label took [s], 0 where its file does not say it."""
    found = read_arrays(file, (SECONDS,)).get(SECONDS, np.zeros(()))
    if found.shape or found.dtype.kind not in "iuf":
        raise InputError(f"{file} is damaged: its time is not a number; remove it, and run hybridff label again.")
    return float(found)


def _difference(own: Contents, wanted: Contents) -> str:
    """What the labels of a folder are of, and what is wanted instead; nothing where these are the same."""
    if own.numbers != wanted.numbers:
        return f"{own.name}, whose elements are not those of {wanted.name} in the same order"
    if own.charge != wanted.charge:
        return f"the charge {own.charge}, not {wanted.charge}"
    if own.settings != wanted.settings:
        return f"{own.settings}, not {wanted.settings}"
    if _name(own) != _name(wanted) or dict(own.options) != dict(wanted.options):  # processes make the level from these
        return f"the level {own.level} with other options, not {wanted.level}"
    return ""


def _name(contents: Contents) -> str:
    """Name of a level, in which case matters for classes alone."""
    return contents.level if ":" in contents.level else contents.level.lower()
