"""Benchmark sets: frames of one molecule, fits to part of them, and frames that the fit never saw."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.analysis.torsions import Torsion, angles_of
from hybridff.arrays import read_arrays
from hybridff.corrections.select import chosen_atoms
from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.fitting.refit_until_stable import StableFit, fit_stable
from hybridff.fitting.result import FitResult
from hybridff.frames.checks import DataReport, usable_frames
from hybridff.frames.dataset import Frames, Split
from hybridff.frames.reading import read_frames
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.forms import Form
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.result import Corrected
from hybridff.jobs.job import FitJob
from hybridff.jobs.kernels import kernels_beside, task_of
from hybridff.jobs.options import PretrainOptions, SplitOptions
from hybridff.jobs.pretraining import Untaught, pretrained
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Say, quiet
from hybridff.stability.gate import GateOptions, StabilityReport

_TEST_SHARE = 0.2
"""Share of the frames that whole segments give to the test, at least."""
_SAME_PLACE = 1e-5
"""Frames whose atoms are all this close are one [nm]."""
_NEAR = 0.5
"""Cosine of the largest difference of the torsions of one isomer."""
_BLOCK = 64
"""Frames whose distances from all others are in memory at once."""


@dataclass(frozen=True, eq=False)
class BenchmarkSet:
    """Frames of one molecule with its starting parameters."""

    name: str
    """Name of the set, which is that of its file."""
    molecule: Molecule
    """The molecule at the frame of lowest energy, whose charges these are; that frame tests nothing."""
    frames: Frames
    """All usable frames."""
    start: ClassOneParameters
    """Parameters that a fit begins with."""
    segments: Int[np.ndarray, " frames"] | None
    """Which stretch of a trajectory each frame is from; None where the frames do not depend on each other."""

    @property
    def stock(self) -> ForceField:
        """Stock GAFF."""
        return ForceField.build(self.molecule, self.start)

    def sizes(self, wanted: list[int], validation: int, test: int) -> list[int]:
        """Numbers of training frames that leave some for the rest; sizes that come out much the same are one."""
        most = len(self.frames) - validation - test
        sizes: list[int] = []
        for size in sorted(min(size, most) for size in wanted):
            if size >= 2 and (not sizes or size > 1.5 * sizes[-1]):
                sizes.append(size)
        return sizes

    def split(self, train: int, validation: int, test: int, seed: int) -> Split:
        """Choose random rows, ``test`` of them at most; of frames in segments, no segment serves two purposes.

        Raises ``InputError`` where there are too few.
        """
        if self.segments is None:
            parts = self.frames.split(train, validation, seed)
        else:
            parts = _split_segments(self.segments, train, validation, seed)
        lowest = int(np.argmin(self.frames.energies))
        return parts._replace(test=parts.test[parts.test != lowest][:test])

    def isomer(self, name: str, atoms: Torsion, minimum: Float[np.ndarray, "atoms 3"]) -> "BenchmarkSet":
        """The set of this name of the frames whose torsion is nearer than 60° to that of a minimum [nm]."""
        own, wanted = angles_of(self.frames.positions, [atoms]), angles_of(minimum[None], [atoms])
        kept = np.flatnonzero(np.cos(own - wanted)[:, 0] > _NEAR)
        segments = None if self.segments is None else self.segments[kept]
        return replace(self, name=name, frames=self.frames.subset(kept), segments=segments)


@dataclass(frozen=True, kw_only=True)
class BenchmarkFit:
    """What is fitted to a benchmark set, and how."""

    form: Form | None = "class2"
    """Functional form; None for stock GAFF, which is not fitted."""
    fit: FitOptions = field(default_factory=FitOptions)
    """How its coefficients are fitted."""
    correction: str | None = None
    """Atoms with kernels beside the form: all, local, auto, n-pi-star, or numbers; see ``hybridff fit``."""
    kernels: CorrectionOptions = field(default_factory=CorrectionOptions)
    """How the kernels are trained."""
    gate: GateOptions = field(default_factory=GateOptions)
    """Whether the fit has to prove that it is stable."""
    validated_priors: bool = True
    """Whether validation frames choose the scale of the terms' priors; they choose the strength of kernels anyway."""
    pretrain: str = "none"
    """What the terms and the kernels on all atoms know before they see the frames, as in ``hybridff fit``."""
    seed: int = 0
    """Seed of the choices of the kernels' training."""


@dataclass(frozen=True, eq=False)
class BenchmarkModel:
    """A fit to part of a benchmark set."""

    force_field: ForceField
    """The force field, with kernels where they were asked for."""
    energy_offset: float | None
    """Reference minus model energy [kJ/mol]; None for stock GAFF, which has none."""
    terms: StableFit | None
    """The fit of the terms alone; None for stock GAFF."""
    corrected: Corrected | None
    """What became of the kernels; None where none were asked for."""

    @property
    def result(self) -> FitResult:
        """The fit of the terms; there has to be one."""
        assert self.terms is not None
        return self.terms.result

    @property
    def remarks(self) -> tuple[str, ...]:
        """What had to be done for the terms to pass the stability gate."""
        return () if self.terms is None else self.terms.remarks

    @property
    def reports(self) -> tuple[StabilityReport, ...]:
        """The gate's reports on the terms; none without a gate."""
        return () if self.terms is None else self.terms.reports

    @property
    def passed(self) -> bool:
        """Whether the terms passed the stability gate; true where there is none."""
        return self.terms is None or self.terms.passed


def fit_as_the_command_does(data: BenchmarkSet, rows: Split, how: BenchmarkFit, say: Say = quiet) -> BenchmarkModel:
    """Fit a form to the training frames, then train kernels beside it, as ``hybridff fit`` does with the same options.

    Validation frames choose the scale of the priors and how strong kernels are; none are needed for a form alone.
    """
    train, held = data.frames.subset(rows.train), data.frames.subset(rows.validation)
    start, offset, terms, posterior = data.stock, None, None, None
    atoms = [] if how.correction is None else chosen_atoms(how.correction, data.molecule, train.positions)
    job = FitJob(
        split=SplitOptions(seed=how.seed),
        correction=() if how.correction is None else (how.correction,),
        kernels=how.kernels,
        fit=how.fit,
        gate=how.gate,
        pretraining=PretrainOptions(pretrain=how.pretrain),
    )
    force_field = start
    if how.form is not None:
        start = ForceField.build(data.molecule, data.start, form=how.form, geometries=train.positions)
        if how.pretrain != "none":
            start = pretrained([Untaught(data.molecule, data.start, train, tuple(atoms))], job)[0].force_field
        choosing = [held] if how.validated_priors and len(held) > 1 else []
        terms = fit_stable([(start, train)], how.fit, choosing, how.gate)
        result = terms.result
        force_field, offset = result.force_field, result.energy_offset
        posterior = result.posteriors[0] if result.posteriors else None
    task = task_of(job, force_field, posterior, train, held, atoms)
    corrected = kernels_beside(start, task, job, say=say) if atoms else None
    if corrected is None:
        return BenchmarkModel(force_field, offset, terms, None)
    return BenchmarkModel(corrected.force_field, corrected.energy_offset, terms, corrected)


def read_benchmark_set(path: Path, start: StartOptions | None = None, highest: float = math.inf) -> BenchmarkSet:
    """The usable frames of an npz file up to ``highest`` [kJ/mol] above the lowest of them.

    Segments are those of its key ``segment``, where it has one.
    """
    frames = read_frames(path)
    molecule = frames.molecule(str(path))
    usable, report = usable_frames(frames, molecule, highest=highest)
    placed = replace(molecule, positions=usable.positions[np.argmin(usable.energies)])
    parameters = starting_parameters(placed, start or StartOptions())
    segments = read_key(path, "segment")
    return BenchmarkSet(path.stem, placed, usable, parameters, None if segments is None else segments[_used(report)])


def read_key(path: Path, key: str) -> np.ndarray | None:
    """One more array of an npz file, with a row for each of its frames; None where it has none."""
    return read_arrays(path, (key,)).get(key)


def read_unseen_by_temperature(path: Path, known: Path) -> dict[int, Frames]:
    """Frames of an npz file whose geometry is not in another file, by their key ``temperature`` [K].

    Raises ``InputError`` where the file has no such key.
    """
    frames, temperature = read_frames(path), read_key(path, "temperature")
    if temperature is None:
        raise InputError(f"{path} has no key temperature, by which its frames are told apart.")
    new = unseen(frames.positions, read_frames(known).positions)
    return {int(kelvin): frames.subset(new & (temperature == kelvin)) for kelvin in np.unique(temperature)}


def unseen(
    positions: Float[np.ndarray, "frames atoms 3"], others: Float[np.ndarray, "others atoms 3"]
) -> Bool[np.ndarray, " frames"]:
    """Whether each geometry is not among others [nm]."""
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
    """Give whole segments in random order to the test, then to validation, then to training; draw rows from each."""
    random = np.random.default_rng(seed)
    wanted = [round(_TEST_SHARE * len(segments)), validation]
    parts: list[list[int]] = [[], [], []]
    part = 0
    for segment in random.permutation(np.unique(segments)):
        while part < len(wanted) and len(parts[part]) >= wanted[part]:
            part += 1
        parts[part] += np.flatnonzero(segments == segment).tolist()
    tests, held, pool = (random.permutation(np.array(rows, dtype=int)) for rows in parts)
    if len(pool) < train:
        raise InputError(
            f"{train} training frames are wanted but the segments that neither test nor validate have {len(pool)}; "
            "ask for fewer."
        )
    return Split(pool[:train], held[:validation], tests)
