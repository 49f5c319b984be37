"""Fits that are linear in everything fitted: closed form, with learnt noise, pruned, within bounds."""

import math
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
from jaxtyping import Float

from hybridff.fitting.conformers import SEARCHES, false_minima
from hybridff.fitting.equations import NormalEquations
from hybridff.fitting.estimate import (
    Estimate,
    Hyperparameters,
    column_squares,
    solve,
    with_conformers,
    within_bounds,
)
from hybridff.fitting.evidence import learn_noise, learn_widths
from hybridff.fitting.linear_problem import LinearProblem, LinearSystem, conformer_rows
from hybridff.fitting.noise import training_loss, weighted
from hybridff.fitting.options import FitOptions
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.prior_scale import LeftOut, best_scale
from hybridff.fitting.pruning import pruned_system
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Quantity
from hybridff.progress import Progress


def fit_linear(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions,
    validation: Sequence[Frames] = (),
    progress: Progress | None = None,
) -> FitResult:
    """Fit in closed form; ``validation`` frames calibrate the predicted deviations."""
    begin = perf_counter()
    system = pruned_system(pairs, options, progress)
    options, left_out = with_best_scale(system, options)
    found = estimate(system, learnt_hyperparameters(system, options), options)
    return linear_result(system, found, options, validation, perf_counter() - begin, left_out)


def with_best_scale(system: LinearSystem, options: FitOptions) -> tuple[FitOptions, LeftOut | None]:
    """Options whose scale of the priors is the best for frames that are left out, where they leave it open.

    Also what is known of these frames; None where the scale stays as it is.
    """
    if options.prior_scale is not None or options.widths == "learnt":
        return options, None
    found = best_scale(system.problem)
    if found is None:
        return options, None
    return replace(options, prior_scale=found.prior_scale), found


def learnt_hyperparameters(system: LinearSystem, options: FitOptions) -> Hyperparameters:
    """The noise and, where the options want them, the prior widths that the data speak for."""
    learn = learn_widths if options.widths == "learnt" else learn_noise
    return learn(system, options.prior_scale or 1.0)


def estimate(
    system: LinearSystem,
    hyperparameters: Hyperparameters,
    options: FitOptions,
    stiff_labels: NormalEquations | None = None,
) -> Estimate:
    """The most probable moves within their bounds, once more for as long as they give false minima.

    ``stiff_labels``, what frames labelled by a stiffer fit say of the moves, count as data do.
    """
    hyperparameters = replace(hyperparameters, noise=weighted(hyperparameters.noise, options.energy_weight))
    if stiff_labels is not None:
        system = replace(system, data=stiff_labels + system.data)
    problem = system.problem
    free = solve(system, hyperparameters)
    found = within_bounds(free, problem.limits, problem.root)
    for _ in range(SEARCHES):
        force_fields = problem.force_fields(found.moves)
        wanted = [false_minima(unseen, fitted) for unseen, fitted in zip(problem.unseen, force_fields, strict=True)]
        if not any(wanted):
            break
        free = with_conformers(free, conformer_rows(problem, wanted))
        found = within_bounds(free, problem.limits, problem.root)
    return found


def linear_result(
    system: LinearSystem,
    found: Estimate,
    options: FitOptions,
    validation: Sequence[Frames],
    seconds: float,
    left_out: LeftOut | None = None,
) -> FitResult:
    """What an estimate says, its predicted deviations calibrated by ``validation`` frames or those ``left_out``."""
    problem, noise = system.problem, found.hyperparameters.noise
    force_fields = problem.force_fields(found.moves)
    root = found.covariance.root()
    if problem.root is not None:
        root = (problem.root.astype(root.dtype) @ root.T).T
    deviations = np.zeros(len(problem.start))
    deviations[problem.fitted] = np.sqrt(column_squares(root)) * problem.widths
    shared = (
        Posterior(problem.fitted, root * problem.widths, np.zeros(len(root.T))) if problem.root is not None else None
    )
    found_posteriors = posteriors(system, root)
    if validation and all(len(frames) and frames.forces is not None for frames in validation):
        found_posteriors = tuple(
            posterior.calibrated(force_field, frames)
            for posterior, force_field, frames in zip(found_posteriors, force_fields, validation, strict=True)
        )
    elif left_out is not None:
        found_posteriors = tuple(replace(posterior, scale=left_out.calibration) for posterior in found_posteriors)
    nothing = np.zeros(len(problem.fitted))
    return FitResult(
        force_fields=force_fields,
        energy_offsets=tuple(
            evaluate(force_field, frames).energy_offset
            for force_field, (_, frames) in zip(force_fields, problem.pairs, strict=True)
        ),
        start=replace(problem.start, kinds=learnt_kinds(problem, found.hyperparameters)),
        end=problem.parameters(found.moves),
        deviations=deviations,
        noise=weighted(noise, 1 / options.energy_weight),
        loss_start=training_loss(system.data.squares(nothing), noise),
        loss_end=training_loss(system.data.squares(found.moves), noise),
        iterations=1,
        converged=True,
        prior_scale=found.hyperparameters.prior_scale,
        seconds=seconds,
        posteriors=found_posteriors,
        unseen=tuple(unseen.sentence() for unseen in problem.unseen),
        left_out=None if left_out is None else left_out.force_error,
        shared=shared if shared is None else replace(shared, scale=_scale_of(found_posteriors)),
        shares=problem.shares,
    )


def _scale_of(several: Sequence[Posterior]) -> float:
    """One scale for several posteriors: the root of the mean of their squares."""
    return math.sqrt(sum(posterior.scale**2 for posterior in several) / len(several))


def posteriors(system: LinearSystem, root: Float[np.ndarray, "n n"]) -> tuple[Posterior, ...]:
    """What is known of each molecule's coefficients, from a root of the covariance of the changes of all.

    May overwrite it.
    """
    problem, column = system.problem, system.problem.column_of
    made = []
    for position, means in zip(problem.positions, system.data.means, strict=True):
        fitted = np.flatnonzero(column[position] >= 0)
        own = column[position[fitted]]
        widths: Float[np.ndarray, " own"] = problem.widths[own]
        alone = len(problem.positions) == 1 and np.array_equal(own, np.arange(len(root)))
        spread = root.T if alone else root.T[own]  # rows, each one piece of memory
        spread *= widths[:, None]
        made.append(Posterior(fitted, spread.T, means[own] / widths))
    return tuple(made)


def learnt_kinds(problem: LinearProblem, hyperparameters: Hyperparameters) -> dict[str, Quantity]:
    """The quantities with the prior widths that were learnt, less the scale of all of them."""
    kinds = dict(problem.start.kinds)
    for i, precision in zip(problem.fitted, hyperparameters.precision, strict=True):
        name = problem.start.quantities[i]
        width = problem.start.kinds[name].prior_width
        assert width is not None
        kinds[name] = replace(kinds[name], prior_width=width / math.sqrt(precision) / hyperparameters.prior_scale)
    return kinds
