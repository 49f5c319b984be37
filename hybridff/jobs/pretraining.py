"""A force field that a cheap level of theory has taught, from which the fit to the reference data begins.

The fit to many frames of the cheap level is the mean of the prior of the fit to few reference frames: their difference
is small and smooth, so that the prior around it is narrow (``fitting.difference``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from hybridff.analysis.methods import model_of
from hybridff.errors import FitError, InputError
from hybridff.export.modelfile import FILE_NAME
from hybridff.fitting.difference import around
from hybridff.fitting.fits import is_linear
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.refit_until_stable import fit_stable
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.frames.label_folder import is_label_folder
from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.result import Corrected
from hybridff.jobs.job import FitJob
from hybridff.jobs.kernels import task_of
from hybridff.jobs.options import LEVELS
from hybridff.jobs.parameter_sets import applied_to, check_version
from hybridff.jobs.reading import read_data
from hybridff.jobs.set_files import SavedSet, is_set, read_set
from hybridff.jobs.starting import form_at_start
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, parts, quiet, silent
from hybridff.reference.level_frames import LevelSampling, level_frames
from hybridff.reference.levels import level_of
from hybridff.reference.xtb import xtb_is_there
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL

_FRAMES, _FIT = 0.5, 0.7
"""What the progress is once frames are made, and once the terms are fitted; kernels take the rest."""
_KERNEL_FRAMES, _CHOOSING, _LEAST_WEIGHT = 500, 100, 0.5
"""Most frames of a cheap level that train kernels, most by which their strength is chosen, and the least weight of all
of these."""
_NO_GATE = GateOptions(gate="none")
_FEW = 150
"""Most training frames of a molecule for which ``auto`` takes a cheap level: with 250 of uracil, errors are larger with
it than without (docs/results/few-labels.md)."""


@dataclass(frozen=True, eq=False)
class Untaught:
    """A molecule before any fit."""

    molecule: Molecule
    parameters: ClassOneParameters
    """Stock GAFF."""
    train: Frames
    """The reference data that the fit after this one is to use."""
    kernel_atoms: tuple[tuple[int, ...], ...] = ()
    """Atoms of each kernel that the cheap level is to teach, counted from 0."""


@dataclass(frozen=True, eq=False)
class Pretraining:
    """What a cheap level has taught one molecule."""

    source: str
    """The level in words, or the file, model or parameter set."""
    force_field: ForceField
    """The fit to the cheap level, with the prior widths of what the reference data may change, and with kernels."""
    n_frames: int | None
    """Number of its frames; None for a model or a set."""
    force_rmse: float | None
    """What the fit leaves of the forces of these frames [kJ/mol/nm]; None for a model or a set."""
    seconds: float
    """Time for frames, fit and kernels [s]."""
    kernels: Corrected | None = None
    """Kernels trained on what the fit leaves of the frames; None where none were asked for."""

    def sentences(self) -> tuple[str, ...]:
        """Where the fit began, and what became of the kernels."""
        if self.n_frames is None or self.force_rmse is None:
            return (f"The fit began with {self.source}.",)
        began = (
            f"The fit began with one to {self.n_frames} frames of {self.source}, which leaves "
            f"{self.force_rmse / FORCE_KCAL:.2f} kcal/mol/Å of their forces ({self.seconds:.0f} s with the frames)."
        )
        return (began,) if self.kernels is None else (began, *self.kernels.sentences())


def with_level(job: FitJob, start: ForceField, n_train: int) -> FitJob:
    """The job, with a level or none in place of ``auto``, for so many training frames of each molecule."""
    if job.pretraining.pretrain != "auto":
        return job
    helps = n_train <= _FEW and is_linear(start) and xtb_is_there()
    return replace(job, pretraining=replace(job.pretraining, pretrain=LEVELS[0] if helps else "none"))


def pretrained(
    molecules: Sequence[Untaught], job: FitJob, say: Say = quiet, progress: Progress = silent
) -> list[Pretraining]:
    """Teach molecules that are fitted together what the job's option ``pretrain`` names.

    Raises ``InputError`` for a file or model that is not of the molecule, and for forms that are not linear;
    ``MissingProgramError`` where the level's program is missing.
    """
    wanted = job.pretraining.pretrain
    begin = perf_counter()
    if is_set(wanted):
        saved = read_set(wanted)
        return [_of_set(saved, wanted, job, own) for own in molecules]
    if Path(wanted).is_dir() and not is_label_folder(Path(wanted)):
        return [_of_model(Path(wanted), own) for own in molecules]
    shares = parts(part(progress, 0.0, _FRAMES, "cheap frames"), [1] * len(molecules))
    frames = [_frames(own, job, say, share) for own, share in zip(molecules, shares, strict=True)]
    pairs = [
        (form_at_start(own.molecule, own.parameters, job, cheap.positions), cheap)
        for own, cheap in zip(molecules, frames, strict=True)
    ]
    for force_field, _ in pairs:
        _check_linear(force_field)
    say("fit to the cheap level …")
    fitting = part(progress, _FRAMES, _FIT, "fit to the cheap level")
    found = fit_stable(pairs, job.fit, gate=_NO_GATE, progress=fitting).result
    shares = parts(part(progress, _FIT, 1.0, "kernels of the cheap level"), [1] * len(molecules))
    made = []
    for own, force_field, posterior, cheap, share in zip(
        molecules, found.force_fields, found.posteriors, frames, shares, strict=True
    ):
        kernels = _kernels(own, force_field, posterior, cheap, job, say, share) if own.kernel_atoms else None
        taught = force_field if kernels is None else kernels.force_field
        rmse = evaluate(taught, cheap).force_rmse
        made.append(
            Pretraining(cheap.theory or wanted, around(taught), len(cheap), rmse, perf_counter() - begin, kernels)
        )
    return made


def _kernels(
    own: Untaught, terms: ForceField, posterior: Posterior, cheap: Frames, job: FitJob, say: Say, progress: Progress
) -> Corrected:
    """Kernels beside the terms of a fit to a cheap level, trained on frames that count; some choose how strong."""
    some = cheap if cheap.weights is None else cheap.subset(cheap.weights >= _LEAST_WEIGHT)
    n_choosing = min(_CHOOSING, len(some) // 6)
    rows = some.split(min(_KERNEL_FRAMES, len(some) - n_choosing), n_choosing, job.split.seed)
    task = task_of(job, terms, posterior, some.subset(rows.train), some.subset(rows.validation), own.kernel_atoms)
    return correct_stable(task, _NO_GATE, say=say, progress=progress)


def _frames(own: Untaught, job: FitJob, say: Say, progress: Progress) -> Frames:
    """Frames of the level, or of the file, that the job names."""
    options, molecule = job.pretraining, own.molecule
    if options.is_level:
        level = level_of(options.pretrain)
        stock = ForceField.build(molecule, own.parameters)
        small = form_at_start(own.molecule, own.parameters, job, own.train.positions)
        _check_linear(small)
        sampling = LevelSampling(stock, small, own.train, options.pretrain_frames, job.split.seed)
        return level_frames(sampling, level, say, progress)
    (read,) = read_data([options.pretrain], molecule, job.reading)
    if read.frames.forces is None:
        raise FitError(f"{options.pretrain}: the data have no forces, which pre-training needs.")
    return read.frames


def _of_model(folder: Path, own: Untaught) -> Pretraining:
    """A model of the same molecule as the start."""
    if not (folder / FILE_NAME).is_file():
        raise InputError(f"option pretrain: the folder {folder} has no {FILE_NAME}; name one that fit wrote.")
    model = model_of(folder, own.molecule)
    _check_linear(model)
    return Pretraining(f"the model {folder}", around(model), None, None, 0.0)


def _of_set(saved: SavedSet, folder: str, job: FitJob, own: Untaught) -> Pretraining:
    """What a parameter set says of the molecule as the start, by rows that the set has.

    Rows that the set knows nothing of keep their own prior widths, as quantities of their own.
    """
    if job.form.form != "class2":
        raise InputError(f"option pretrain: the set {folder} is of the form class2; leave the option form out.")
    if own.kernel_atoms:
        raise InputError(f"option pretrain: the set {folder} knows no kernels; leave correction out.")
    check_version(saved, job.starting, folder)
    applied = applied_to(saved, own.molecule, own.parameters)
    found = around(applied.force_field)
    table = found.parameter_table
    quantities, kinds = list(table.quantities), dict(table.kinds)
    for place in np.flatnonzero(table.adjustable)[applied.levels < 0]:
        name = f"{quantities[place]}, guessed"
        kinds[name] = KINDS[quantities[place]]
        quantities[place] = name
    start = found.with_parameters(replace(table, quantities=tuple(quantities), kinds=kinds), share="symmetry")
    counts = applied.counts
    words = f"the parameter set {folder}, which knows {sum(counts.values()) - counts['guessed']} of "
    return Pretraining(f"{words}{sum(counts.values())} rows", start, None, None, 0.0)


def _check_linear(force_field: ForceField) -> None:
    if not is_linear(force_field):
        raise InputError(
            f"option pretrain is for forms that are fitted in closed form, as class2 is, not for {force_field.form}; "
            "leave it out, or choose another form."
        )
