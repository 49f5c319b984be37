"""Kernels on the reference data beside the terms of a fit: by validation frames, or by frames that are left out."""

from collections.abc import Sequence

from hybridff.corrections.select import LOCAL
from hybridff.fitting.fits import fit
from hybridff.fitting.posterior import Posterior
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.leaving_out import LEAST_FRAMES, check_enough, correct_leaving_out
from hybridff.hybrid.material import CorrectionTask, check_correctable, check_trainable
from hybridff.hybrid.result import Corrected
from hybridff.jobs.job import FitJob
from hybridff.progress import Progress, Say, quiet, silent


def check_kernels(
    name: str, train: Frames, validation: Frames, atoms: Sequence[Sequence[int]], *, taught: bool
) -> None:
    """Refuse what no kernels can be trained on; frames may be few where a cheap level ``taught`` kernels.

    Raises ``FitError`` and ``InputError`` as ``check_correctable`` does, or ``check_enough`` without validation frames.
    """
    if len(validation):
        check_correctable(name, train, validation, atoms)
        return
    check_trainable(name, train, validation, atoms)
    if not taught:
        check_enough(name, len(train))


def kernels_beside(
    start: ForceField,
    task: CorrectionTask,
    job: FitJob,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> Corrected | None:
    """Kernels beside the terms of a fit that began at ``start``; None where no frames can choose how strong they are.

    That is so without validation frames and with few training frames.
    """
    if task.validation is not None and len(task.validation):
        return correct_stable(task, job.gate, say=say, progress=progress)
    if len(task.frames) < LEAST_FRAMES:
        return None

    def refit(frames: Frames) -> tuple[ForceField, Posterior | None]:
        found = fit(start, frames, job.fit)
        return found.force_field, found.posteriors[0] if found.posteriors else None

    return correct_leaving_out(task, refit, job.gate, say=say, progress=progress)


def task_of(
    job: FitJob,
    force_field: ForceField,
    posterior: Posterior | None,
    frames: Frames,
    validation: Frames | None,
    atoms: Sequence[Sequence[int]],
) -> CorrectionTask:
    """Kernels on some sets of ``atoms`` as a job wants them."""
    return CorrectionTask(
        force_field=force_field,
        frames=frames,
        validation=validation,
        atoms=atoms,
        options=job.kernels,
        posterior=posterior,
        together=LOCAL in job.correction,
        seed=job.split.seed,
    )
