"""Options of a job that no other folder has: how data are read and split, and what the report shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hybridff.analysis.methods import check_method_names
from hybridff.analysis.programs import XTB_NAMES
from hybridff.errors import InputError
from hybridff.export.modelfile import FILE_NAME
from hybridff.foreign import exists
from hybridff.jobs.set_files import SET
from hybridff.reference.levels import is_level_name


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """How to read reference data."""

    length_unit: str | None = None
    """Unit of positions where the file names none: angstrom, bohr, nm."""

    energy_unit: str | None = None
    """Unit of energies where the file names none: kcal/mol, kJ/mol, eV, hartree."""

    force_unit: str | None = None
    """Unit of forces if not energy/length: hartree/bohr, say."""

    keep_bond_changes: bool = False
    """Use frames whose bonds differ from the molecule's as they are; otherwise those that have its bonds after
    renumbering equal atoms are renumbered, and all others left out."""

    max_energy: float | None = None
    """Leave out frames whose energy is further above the lowest frame's [kcal/mol]."""

    trust_data: bool = False
    """Go on when units, sign of the forces, order of atoms or the stereoisomer look wrong."""

    def __post_init__(self) -> None:
        if self.max_energy is not None and not self.max_energy > 0:
            raise InputError(f"option max_energy has to be a positive number, not {self.max_energy}.")


LEVELS: tuple[str, ...] = tuple(reversed(list(XTB_NAMES)))
"""Levels of theory that a fit may be pre-trained on by name, the newest first."""
_FEWEST, _MOST = 50, 10000
"""Fewest and most frames of a cheap level."""


@dataclass(frozen=True, kw_only=True)
class PretrainOptions:
    """What the fit knows before it sees the reference data."""

    pretrain: str = "none"
    """Cheap knowledge that a fit in closed form begins with, instead of stock GAFF's: none; gfn2-xtb, gfn1-xtb or
    another level of theory by its name, as for hybridff label, whose frames are made; auto, which is gfn2-xtb where
    that helps (few training frames, tblite installed); a file or folder of frames at another level; the folder of a
    model of the molecule, which may be pre-trained itself; or a parameter set, whose rows give the prior means."""

    pretrain_frames: int = 1000
    """Frames of the level that are made."""

    def __post_init__(self) -> None:
        if not _FEWEST <= self.pretrain_frames <= _MOST:
            raise InputError(
                f"option pretrain_frames has to be between {_FEWEST} and {_MOST}, not {self.pretrain_frames}."
            )
        if self.pretrain not in ("none", "auto") and not self.is_level and not exists(self.pretrain):
            raise InputError(
                f"option pretrain is {self.pretrain}, which is neither a file nor a folder; give none, auto, "
                f"{', '.join(LEVELS)}, another level of theory, a file of frames, or the folder of a model."
            )

    @property
    def is_level(self) -> bool:
        """Whether a level of theory is named, whose frames are to be made; what lies there as a file comes first."""
        return is_level_name(self.pretrain) and not exists(self.pretrain)

    @property
    def teaches_kernels(self) -> bool:
        """Whether kernels are trained on frames of the cheap level, which needs no validation frames of the data."""
        return self.pretrain != "none" and self._file is None

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that frames come from, or that a model or a parameter set is in."""
        path = Path(self.pretrain)
        if self.pretrain in ("none", "auto") or self.is_level:
            return ()
        return (path if self._file is None else self._file,)

    @property
    def _file(self) -> Path | None:
        """The file of a parameter set, or else of a model, in the folder that is named; None for anything else."""
        found = (Path(self.pretrain) / name for name in (SET, FILE_NAME))
        return next((path for path in found if path.is_file()), None)


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Which frames train, choose and test."""

    train: int | None = None
    """Training frames of each molecule; 80 % if not given."""

    validation: int | None = None
    """Validation frames of each molecule; 10 % if not given."""

    seed: int = 0
    """Seed of the random split."""

    in_order: bool = False
    """No random split: the first frames of the files, in the order in which these are named, train, the next validate,
    and the rest test."""

    def __post_init__(self) -> None:
        limits = {"train": 2, "validation": 0, "seed": 0}
        for name, lowest in limits.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise InputError(f"option {name} has to be at least {lowest}, not {value}.")


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report holds."""

    report: Literal["full", "brief"] = "full"
    """What report.html shows: full also has torsion scans, frequencies, free energies and speed, which take up to half
    a minute; brief leaves out what has to be computed after the fit."""

    compare: tuple[str, ...] = ()
    """Methods beside which the report shows the model: stock, mmff94, gfn2-xtb, sgdml … as in hybridff compare. Give it
    several times for several."""

    learning_curve: bool = False
    """Fit again to 1/8, 1/4 and 1/2 of the training frames, without the stability gate, to show what more frames would
    be worth."""

    def __post_init__(self) -> None:
        check_method_names(self.compare)
