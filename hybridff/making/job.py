"""All that is asked of making a force field from a molecule alone."""

import typing
from dataclasses import dataclass, field
from typing import Literal

from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.gaff.start import StartOptions
from hybridff.jobs.job import Job
from hybridff.jobs.options import PretrainOptions
from hybridff.reference.level_options import LevelOptions
from hybridff.reference.xtb import xtb_is_there
from hybridff.stability.gate import GateOptions

_CHEAP = "gfn2-xtb"
"""The cheap level where one is to be chosen."""
_TIGHT_BINDING = "gfn"
"""What the names of levels begin with that are as cheap as it."""
_LEAST_BUDGET = 8
"""Fewest labels of which some can be kept for the test."""
_TESTS, _LEAST_TESTS, _MOST_TESTS = 6, 2, 20
"""One label of so many is kept for the test, within limits."""
_ROUNDS, _LEAST_BATCH = 5, 5
"""Rounds that the labels are spent in, and fewest of a round."""
_SEEDS = 2**30
"""Seeds are less: those of conformers and dynamics, which are larger by up to thousands, have 31 bits."""


@dataclass(frozen=True, kw_only=True)
class ChoosingOptions:
    """How many geometries are labelled, and which."""

    budget: int = 60
    """Labels at most, those of the test at the end among them."""

    target: float = 1.0
    """Stop when the predicted force error (RMSE) of dynamics at 300 K is below this [kcal/mol/Å], and labels that a fit
    had not seen confirm what it predicts: not before the second round."""

    choose: Literal["posterior", "farthest", "random"] = "posterior"
    """How geometries are chosen: those that tell the fit most about the forces of dynamics at 300 K, those that are
    farthest from each other, or any."""

    batch: int | None = None
    """Labels of a round, after each of which there is a fit; a fifth of those that are not of the test, if not given,
    but 5 at least."""

    seed: int = 0
    """Seed of conformers and dynamics."""

    def __post_init__(self) -> None:
        if self.budget < _LEAST_BUDGET:
            raise InputError(f"option budget has to be at least {_LEAST_BUDGET}, not {self.budget}.")
        if not 0 <= self.target < float("inf"):
            raise InputError(f"option target has to be a number of at least 0, not {self.target}.")
        if self.batch is not None and self.batch < 2:
            raise InputError(f"option batch has to be at least 2, not {self.batch}.")
        if not 0 <= self.seed < _SEEDS:
            raise InputError(f"option seed has to be at least 0 and less than {_SEEDS}, not {self.seed}.")

    @property
    def n_test(self) -> int:
        """Labels that are kept for the test."""
        return min(max(self.budget // _TESTS, _LEAST_TESTS), _MOST_TESTS)

    @property
    def n_batch(self) -> int:
        """Labels of a round."""
        return self.batch or max(_LEAST_BATCH, -(-(self.budget - self.n_test) // _ROUNDS))


@dataclass(frozen=True, kw_only=True)
class PiecesOptions:
    """Whether a large molecule is made from labels of its pieces, and how the whole is checked."""

    pieces: Literal["auto", "yes", "no"] = "auto"
    """Cut the molecule into overlapping pieces, and label these instead of it; auto does so above 45 atoms, where no
    piece has more than two thirds of them. The budget is that of each piece then."""

    check: int = 4
    """Labels of the whole molecule that its force field is checked by where it is made from pieces."""

    check_level: str | None = None
    """Level of theory of these, such as gfn2-xtb where the whole is too large for that of the pieces; theirs, if not
    given."""

    def __post_init__(self) -> None:
        if self.check < 2:
            raise InputError(f"option check has to be at least 2, not {self.check}.")


@dataclass(frozen=True, kw_only=True)
class MakeJob(Job):
    """A force field from a molecule alone: how many labels, from which start, how chosen and fitted."""

    command: typing.ClassVar[str] = "make"

    choosing: ChoosingOptions = field(default_factory=ChoosingOptions)
    """How many geometries are labelled, and which."""

    parts: PiecesOptions = field(default_factory=PiecesOptions)
    """Whether a large molecule is made from its pieces."""

    labelling: LevelOptions = field(default_factory=LevelOptions)
    """Where labels are computed."""

    start: StartOptions = field(default_factory=StartOptions)
    """Where the starting parameters come from."""

    fit: FitOptions = field(default_factory=FitOptions)
    """How to fit."""

    gate: GateOptions = field(default_factory=GateOptions)
    """Whether fits have to prove that they are stable."""

    pretrain: str = "auto"
    """What the fits begin with instead of stock GAFF: none; gfn2-xtb or another cheap level by its name; a file or
    folder of frames at another level; the folder of a model of the molecule; or auto, which is gfn2-xtb where tblite is
    installed and the level is not tight binding itself."""

    pretrain_frames: int = 1000
    """Frames of the cheap level that are made."""

    correction: tuple[str, ...] = ()
    """Atoms that sGDML kernels are on, which the cheap level teaches beside the terms: all, local, auto, n-pi-star, or
    numbers such as 1,2,8. Give it several times for several kernels. They make small molecules more accurate, and
    sampling slower."""

    report: Literal["full", "brief"] = "full"
    """What report.html shows: full also has torsion scans, frequencies, free energies and speed, which take up to half
    a minute; brief leaves out what has to be computed after the fit."""

    def __post_init__(self) -> None:
        given = PretrainOptions(pretrain=self.pretrain, pretrain_frames=self.pretrain_frames)
        if self.correction and not given.teaches_kernels:
            raise InputError("option correction is for a cheap level that teaches kernels; give pretrain such a level.")

    def pretraining(self, level: str) -> PretrainOptions:
        """What the fits begin with, where labels are of a level."""
        name = self.pretrain
        if name == "auto":
            name = _CHEAP if xtb_is_there() and not level.lower().startswith(_TIGHT_BINDING) else "none"
        return PretrainOptions(pretrain=name, pretrain_frames=self.pretrain_frames)
