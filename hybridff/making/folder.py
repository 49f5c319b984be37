"""The folder of a force field that was made: what it is of, and where its parts are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.errors import InputError
from hybridff.foreign import exists, read_json
from hybridff.gaff.charges import METHODS
from hybridff.making.job import MakeJob, PiecesOptions
from hybridff.making.rounds import keep
from hybridff.molecules.molecule import Molecule
from hybridff.output import is_empty
from hybridff.units import ANGSTROM

CONTENTS = "make.json"
"""Name of the file that says what is made."""
_FORMAT = "hybridff make 1"
_LABELS, _TEST, _START = "labels", "test", "start"
_MAY_CHANGE = ("budget", "target", "batch", "processes", "scheduler", "report", "choose")
"""Options that may be others when a folder goes on."""
_OLDER = {"pieces": "no", "check": PiecesOptions.check}
"""What folders were begun with that are older than these options."""
_FILES = ("options", "start", "topology", "charges", "pretrain")
"""Options that are files or folders, or may be."""
_CHOSEN = "auto"
"""Pre-training that is to be chosen."""
_WORDS = (*METHODS, "none", _CHOSEN)
"""What these options may be beside files, whatever lies there under such a name."""


@dataclass(frozen=True)
class MakeFolder:
    """A folder of ``hybridff make``."""

    path: Path
    level: str
    """Name of the level of theory of the labels."""
    molecule: Molecule
    """The molecule."""
    job: MakeJob
    """What was asked for first."""

    @property
    def labels(self) -> Path:
        """The folder of the labels that fits are made to."""
        return self.path / _LABELS

    @property
    def test(self) -> Path:
        """The folder of the labels that nothing is fitted to."""
        return self.path / _TEST

    @property
    def start(self) -> Path:
        """The folder of what the first round begins with."""
        return self.path / _START

    @classmethod
    def opened(cls, path: Path, molecule: Molecule, level: str, job: MakeJob) -> "MakeFolder":
        """The folder at a path, made if it is not there.

        Where the job leaves pre-training to be chosen, the choice of the first run is that of all.

        Raises ``InputError`` where it is of another molecule, level or start, or no such folder.
        """
        if path.exists() and not path.is_dir():
            raise InputError(f"cannot make the folder {path}: a file of that name exists; choose another folder.")
        if path.is_dir() and not (path / CONTENTS).exists() and not is_empty(path):
            raise InputError(f"{path} is no folder of hybridff make and is not empty; choose another folder.")
        wanted = _content(molecule, level, replace(job, pretrain=job.pretraining(level).pretrain))
        keep(path / CONTENTS, wanted)
        own = _read(path)
        begun = {**_OLDER, **_with_whole_paths(own["options"])}
        if job.pretrain == _CHOSEN:
            wanted["options"]["pretrain"] = begun.get("pretrain")
        for name, value in wanted.items():
            if name not in ("options", "positions_angstrom", "name") and own[name] != value:
                raise InputError(f"{path} is of the {name} {own[name]}, not {value}; choose another folder.")
        for name in sorted({*begun, *wanted["options"]} - set(_MAY_CHANGE)):
            if begun.get(name) != wanted["options"].get(name):
                raise InputError(
                    f"{path} was begun with {name} = {begun.get(name)}, not {wanted['options'].get(name)}; "
                    "choose another folder, or go on as it was begun."
                )
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> "MakeFolder":
        """The folder at a path; raises ``InputError`` where there is none."""
        own = _read(path)
        try:
            molecule = Molecule.from_smiles(own["molecule"], own["name"])
            if own["positions_angstrom"] is not None:
                positions = np.array(own["positions_angstrom"], dtype=float) * ANGSTROM
                molecule = _placed(molecule, positions)
            return cls(path, str(own["level"]), molecule, MakeJob.from_options(own["options"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError(f"{path / CONTENTS} is damaged ({error}); make the force field again.") from None


def _content(molecule: Molecule, level: str, job: MakeJob) -> dict[str, Any]:
    if molecule.smiles is None:
        raise InputError(f"{molecule.name} has no bond orders, which make needs; give a SMILES, SDF or MOL2.")
    positions = None if molecule.positions is None else (molecule.positions / ANGSTROM).tolist()
    return {
        "format": _FORMAT,
        "molecule": molecule.smiles,
        "name": molecule.name,
        "positions_angstrom": positions,
        "level": level,
        "options": _with_whole_paths({name: value for name, value in job.options().items() if value is not None}),
    }


def _with_whole_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name, those that are files with the whole path: the next command may be given in another folder."""
    found = dict(options)
    for name in _FILES:
        value = found.get(name)
        if isinstance(value, str) and value not in _WORDS and exists(value):
            found[name] = str(Path(value).resolve())
    return found


def _read(path: Path) -> Mapping[str, Any]:
    if not (path / CONTENTS).is_file():
        raise InputError(f"{path} is no folder of hybridff make: there is no {CONTENTS} in it.")
    found = read_json(path / CONTENTS, "a folder of hybridff make", "make the force field again")
    if not isinstance(found, dict) or found.get("format") != _FORMAT or not isinstance(found.get("options"), dict):
        raise InputError(f"{path / CONTENTS} is damaged or of another version of hybridff; make the force field again.")
    missing = [name for name in ("molecule", "name", "positions_angstrom", "level") if name not in found]
    if missing:
        raise InputError(f"{path / CONTENTS} is damaged ({missing[0]} is missing); make the force field again.")
    return found


def _placed(molecule: Molecule, positions: np.ndarray) -> Molecule:
    if positions.shape != (len(molecule.numbers), 3):
        raise ValueError("its positions are not those of the molecule")
    return replace(molecule, positions=positions)
