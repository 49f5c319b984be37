"""Kernels where no frames are to be spared for validation: some are left out of a first fit, and choose.

The terms are fitted to the other frames alone, kernels beside them are scored by the frames left out, and what is best
there trains kernels beside the terms of the fit to all frames.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hybridff.corrections.device import within_memory
from hybridff.errors import FitError
from hybridff.fitting.posterior import Posterior
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.choice import choose, first_training
from hybridff.hybrid.correcting import stable
from hybridff.hybrid.material import CorrectionInputs, CorrectionTask, prepare
from hybridff.hybrid.optimum import BestHyperparameters, optimise
from hybridff.hybrid.result import Corrected
from hybridff.hybrid.solver import solver_of
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.stability.gate import GateOptions

LEAST_FRAMES = 20
"""Fewest training frames of which some can be left out."""
_SHARE = 5
"""One of so many frames is left out."""

Refit = Callable[[Frames], tuple[ForceField, Posterior | None]]
"""Fits the terms to some of the frames, as they were fitted to all."""


@within_memory()
def correct_leaving_out(
    task: CorrectionTask,
    refit: Refit,
    gate: GateOptions | None = None,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> Corrected:
    """Correct as ``correct_stable`` does a task without validation frames.

    Raises ``FitError`` with fewer training frames than ``LEAST_FRAMES``, and as ``prepare`` does.
    """
    check_enough(task.force_field.molecule.name, len(task.frames))
    say("kernels: how strong they should be, by frames that are left out …")
    order = np.random.default_rng(task.seed).permutation(len(task.frames))
    some, others = np.sort(order[: len(order) // _SHARE]), np.sort(order[len(order) // _SHARE :])
    force_field, posterior = refit(task.frames.subset(others))
    left_out = task.frames.subset(some)
    partly = replace(
        task, force_field=force_field, posterior=posterior, frames=task.frames.subset(others), validation=left_out
    )
    best = optimise(choose(prepare(partly), progress), say, progress)
    material = prepare(replace(task, validation=left_out), best.material.validation)
    return stable(for_all_frames(best, material), gate, say)


def check_enough(name: str, n_frames: int) -> None:
    """Raise ``FitError`` for too few training frames to leave some out."""
    if n_frames < LEAST_FRAMES:
        raise FitError(
            f"{name} has {n_frames} training frames and none for validation; a correction needs at least "
            f"{LEAST_FRAMES}, of which it leaves some out of a first fit, or validation frames."
        )


def for_all_frames(best: BestHyperparameters, material: CorrectionInputs) -> BestHyperparameters:
    """What is best with some of the frames, for kernels that are trained on all of them."""
    begin = first_training(material)
    training = replace(begin, fragments=best.training.fragments, begin=best.hyperparameters)
    return replace(best, material=material, training=training, solver=solver_of(training))
