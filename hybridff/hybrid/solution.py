"""Kernels with the best hyperparameters, or more noise, and what is known of them."""

from dataclasses import dataclass, replace
from time import perf_counter

from hybridff.corrections.hyperparameters import LEAST_GAIN, Hyperparameters
from hybridff.corrections.term import KernelTerm
from hybridff.frames.accuracy import evaluate
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.optimum import BestHyperparameters
from hybridff.hybrid.result import Corrected
from hybridff.hybrid.trained import train
from hybridff.hybrid.unseen import train_with_wells


@dataclass(frozen=True, eq=False)
class Solution:
    """The outcome of one more training."""

    corrected: Corrected
    optimum: BestHyperparameters
    """Where a solution with other noise goes on: with the coefficients that are held, and the pseudo-frames."""


def solve(optimum: BestHyperparameters, noise: float = 1.0) -> Solution:
    """Train kernels with ``noise`` times the best noise; leave them out where they are no better than the terms alone.

    Raises ``InputError`` where double precision fails.
    """
    begin, best, region = perf_counter(), optimum.hyperparameters, optimum.material.region
    if not any(best.amplitudes):
        return Solution(without_kernels(optimum), optimum)
    state = replace(best, force_noise=noise * best.force_noise, energy_noise=noise * best.energy_noise)
    if region is None:
        found = train(optimum.training, state, optimum.solver)
    else:
        found = train_with_wells(optimum.training, state, optimum.solver, region)
    optimum = replace(optimum, training=found.training)
    score = optimum.material.validation.score(found.hybrid(), found.training.fragments)
    if score > -LEAST_GAIN:
        remark = "There is no correction: on the validation frames the force field is about as good without it."
        return Solution(without_kernels(optimum, remark), optimum)
    if optimum.partial and len(best.amplitudes) == 1:
        optimum = replace(optimum, gains=(-score,))
    corrected = _corrected(optimum, found.hybrid(), state)
    return Solution(replace(corrected, seconds=corrected.seconds + perf_counter() - begin), optimum)


def without_kernels(optimum: BestHyperparameters, *remarks: str) -> Corrected:
    """The force field as it was, with reasons for that."""
    found = _corrected(optimum, optimum.material.task.force_field, optimum.hyperparameters)
    return replace(found, remarks=remarks)


def _corrected(optimum: BestHyperparameters, hybrid: ForceField, state: Hyperparameters) -> Corrected:
    """What is known of a force field with kernels."""
    task, training = optimum.material.task, optimum.training
    added = hybrid.corrections[len(task.force_field.corrections) :]
    kernels = [term.expansion for term in added if isinstance(term, KernelTerm)]
    sizes = iter([int(kernel.force_weights.any(1).sum()) for kernel in kernels])
    points = tuple(next(sizes, 0) if amplitude else 0 for amplitude in state.amplitudes)
    return Corrected(
        hybrid,
        evaluate(hybrid, task.frames).energy_offset,
        tuple(fragment.atoms for fragment in training.fragments),
        state,
        optimum.gains,
        points,
        len(task.frames) if any(points) else 0,
        optimum.seconds,
        any(fragment.descriptor.angles for fragment in training.fragments),
        any(points) and task.posterior is not None,
        len(training.pseudo_frames),
    )
