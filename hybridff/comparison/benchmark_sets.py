"""Fits to part of a set of frames, to be judged on frames that the fit never saw."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.fitting.refit_until_stable import StableFit, fit_stable
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.dataset import Frames, Split
from hybridff.frames.reading import read_frames
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.molecules.molecule import Molecule
from hybridff.stability.gate import GateOptions

_TEST_SHARE = 0.2
"""Of the frames that whole segments give to the test, at least."""
_SAME_PLACE = 1e-5
"""Frames whose atoms are all this close are one [nm]."""
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class TrialSet:
    """Frames of one molecule with its starting parameters."""

    name: str
    molecule: Molecule
    """At the frame of lowest energy, whose charges these are; that frame tests nothing."""
    frames: Frames
    start: ClassOneParameters
    segments: Int[np.ndarray, " frames"] | None
    """Which stretch of a trajectory each frame is from; None where the frames do not depend on each other."""

    @property
    def stock(self) -> ForceField:
        """GAFF as it comes."""
        return ForceField.build(self.molecule, self.start)

    def sizes(self, wanted: list[int], validation: int, test: int) -> list[int]:
        """Training frames, no more than leave some for the rest; sizes that come out much the same are one."""
        most = len(self.frames) - validation - test
        sizes: list[int] = []
        for size in sorted(min(size, most) for size in wanted):
            if size >= 2 and (not sizes or size > 1.5 * sizes[-1]):
                sizes.append(size)
        return sizes

    def split(self, train: int, validation: int, test: int, seed: int) -> Split:
        """Random rows, ``test`` of them at most; of frames in segments, no segment serves two purposes.

        Raises ``InputError`` where there are too few.
        """
        if self.segments is None:
            parts = self.frames.split(train, validation, seed)
        else:
            parts = _split_segments(self.segments, train, validation, seed)
        lowest = int(np.argmin(self.frames.energies))
        return parts._replace(test=parts.test[parts.test != lowest][:test])

    def fit(
        self,
        form: Form,
        train: Int[np.ndarray, " train"],
        validation: Int[np.ndarray, " validation"] | None = None,
        options: FitOptions | None = None,
        gate: GateOptions | None = None,
    ) -> StableFit:
        """Fit a form to some of the frames, as the command line does."""
        frames = self.frames.subset(train)
        force_field = ForceField.build(self.molecule, self.start, form=form, geometries=frames.positions)
        judges = [] if validation is None or len(validation) < 2 else [self.frames.subset(validation)]
        return fit_stable([(force_field, frames)], options, judges, gate)


def read_trial_set(path: Path, start: StartOptions | None = None, highest: float = math.inf) -> TrialSet:
    """The usable frames of an npz file up to ``highest`` [kJ/mol] above the lowest of them.

    Segments are those of its key ``segment``, where it has one.
    """
    frames = read_frames(path)
    molecule = frames.molecule(str(path))
    usable, report = usable_frames(frames, molecule, highest=highest)
    placed = replace(molecule, positions=usable.positions[np.argmin(usable.energies)])
    parameters = starting_parameters(placed, start or StartOptions())
    segments = read_key(path, "segment")
    return TrialSet(path.stem, placed, usable, parameters, None if segments is None else segments[_used(report)])


def read_key(path: Path, key: str) -> np.ndarray | None:
    """One more array of an npz file, with a row for each of its frames; None where it has none."""
    with np.load(path, allow_pickle=False) as file:
        return file.get(key)


def unseen(
    positions: Float[np.ndarray, "frames atoms 3"], others: Float[np.ndarray, "others atoms 3"]
) -> Bool[np.ndarray, " frames"]:
    """Frames whose geometry is not among others [nm]."""
    blocks = [positions[i : i + _BLOCK] for i in range(0, len(positions), _BLOCK)]
    apart = [np.abs(block[:, None] - others[None]).max((2, 3)).min(1) > _SAME_PLACE for block in blocks]
    return np.concatenate(apart)


def _used(report: DataReport) -> Int[np.ndarray, " used"]:
    """Rows that the checks kept."""
    dropped = {*report.non_finite, *report.high, *(frame for frame, _ in report.duplicates)}
    if not report.bond_changes_kept:
        dropped |= {change.frame for change in report.bond_changes}
    return np.array([row for row in range(report.n_frames) if row not in dropped], dtype=int)


def _split_segments(segments: Int[np.ndarray, " frames"], train: int, validation: int, seed: int) -> Split:
    """Whole segments in random order go to the test, then to validation, then to training; rows are drawn from each."""
    random = np.random.default_rng(seed)
    wanted = [round(_TEST_SHARE * len(segments)), validation]
    parts: list[list[int]] = [[], [], []]
    part = 0
    for segment in random.permutation(np.unique(segments)):
        while part < len(wanted) and len(parts[part]) >= wanted[part]:
            part += 1
        parts[part] += np.flatnonzero(segments == segment).tolist()
    tests, judges, pool = (random.permutation(np.array(rows, dtype=int)) for rows in parts)
    if len(pool) < train:
        raise InputError(
            f"{train} training frames are wanted but the segments that neither test nor validate have {len(pool)}; "
            "ask for fewer."
        )
    return Split(pool[:train], judges[:validation], tests)
