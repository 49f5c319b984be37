"""Fits that are not linear in their parameters: parameters and noise by turns, from the start or near it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from jaxtyping import Float

from hybridff.errors import FitError
from hybridff.fitting.conformers import SEARCHES, UnseenConformers, false_minima, find_unseen_conformers
from hybridff.fitting.gauss_newton import Minimum, minimise
from hybridff.fitting.noise import Noise, training_loss, weighted
from hybridff.fitting.nonlinear_problem import (
    NonlinearProblem,
    inactive_quantities,
    log_posterior,
    nonlinear_problem_of,
)
from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.progress import Progress

_NOISE_ROUNDS = 6
_NOISE_TOLERANCE = 0.02
"""Relative change of the noise below which it is learnt."""
_PRIOR_SCALES = (0.1, 0.3, 1.0)
"""Scales of the priors that validation frames choose from."""
_TOLERANCE = 1e-7
"""Relative change of the loss below which a step is the last."""
_COARSE_TOLERANCE = 3e-4
"""Tolerance where every step visits the frames, so that those that lower the loss by less are not worth a visit."""
_FEW = 200
"""Frames of a molecule that are enough to come near the solution of all."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a search ended."""

    minimum: Minimum
    """The most probable moves."""
    noise: Noise
    """The noise learnt last, which weighed energies against forces there."""
    prior_scale: float
    """Factor on the widths of all priors."""
    iterations: int
    """Gauss-Newton steps in all."""


def fit_nonlinear(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions,
    validation: Sequence[Frames] = (),
    progress: Progress | None = None,
) -> FitResult:
    """Fit by Gauss-Newton steps; ``validation`` frames choose the scale of the priors if the options leave it open."""
    begin = perf_counter()
    unseen = [find_unseen_conformers(force_field, frames.positions) for force_field, frames in pairs]
    problem = nonlinear_problem_of(pairs, options.frozen, progress).with_conformers([own.at_start for own in unseen])
    if len(problem.fitted) == 0:
        raise FitError(f"{pairs[0][0].molecule.name} has no parameter that could be fitted.")
    held: NonlinearProblem | None = None
    if validation and all(len(frames) > 1 and frames.forces is not None for frames in validation):
        held_pairs = [(force_field, frames) for (force_field, _), frames in zip(pairs, validation, strict=True)]
        held = nonlinear_problem_of(held_pairs, options.frozen)
    solution = search(problem, held, options, unseen)
    force_fields = problem.force_fields(solution.minimum.point)
    seconds = perf_counter() - begin
    nothing, noise = np.zeros(len(problem.fitted)), weighted(solution.noise, options.energy_weight)
    return FitResult(
        force_fields=force_fields,
        energy_offsets=tuple(
            evaluate(force_field, frames).energy_offset
            for force_field, (_, frames) in zip(force_fields, pairs, strict=True)
        ),
        start=problem.start,
        end=problem.parameters(solution.minimum.point),
        deviations=laplace_deviations(problem, solution),
        prior_scale=solution.prior_scale,
        noise=solution.noise,
        loss_start=training_loss(problem.squares(nothing), noise),
        loss_end=training_loss(problem.squares(solution.minimum.point), noise),
        iterations=solution.iterations,
        converged=solution.minimum.converged,
        seconds=seconds,
        unseen=tuple(own.sentence() for own in unseen),
    )


def search(
    problem: NonlinearProblem,
    held: NonlinearProblem | None,
    options: FitOptions,
    unseen: Sequence[UnseenConformers],
) -> Solution:
    """The solution, once more for as long as it has false minima at conformers that no frame shows.

    ``held`` is the problem of the validation frames.
    """
    solution = first_solution(problem, held, options, unseen)
    for _ in range(SEARCHES):
        force_fields = problem.force_fields(solution.minimum.point)
        wanted = [false_minima(own, fitted) for own, fitted in zip(unseen, force_fields, strict=True)]
        if not any(wanted):
            break
        problem = problem.with_conformers(wanted)
        again = solve_at_scale(problem, solution.prior_scale, options, solution.minimum.point)
        solution = replace(again, iterations=solution.iterations + again.iterations)
    return solution


def first_solution(
    problem: NonlinearProblem,
    held: NonlinearProblem | None,
    options: FitOptions,
    unseen: Sequence[UnseenConformers],
) -> Solution:
    """The solution; a problem that visits the frames at every step first goes to the solution of some of them.

    Before that, what does nothing at the start, such as a network without output, is left out.
    """
    begin = np.zeros(len(problem.fitted))
    if problem.everywhere:
        return solve(problem, held, options, begin)
    few = [(member.force_field, some_of(member.frames)) for member in problem.members]
    wanted = [own.at_start for own in unseen]
    fewer = any(len(some) < len(member.frames) for (_, some), member in zip(few, problem.members, strict=True))
    part = nonlinear_problem_of(few, options.frozen).with_conformers(wanted) if fewer else problem
    if inactive := {name for force_field, _ in few for name in inactive_quantities(force_field)}:
        active = nonlinear_problem_of(few, (*options.frozen, *inactive)).with_conformers(wanted)
        first = solve_at_scale(active, options.prior_scale or 1.0, options, np.zeros(len(active.fitted)))
        begin[np.isin(problem.fitted, active.fitted)] = first.minimum.point
    found = solve(part, held, options, begin)
    return solve_at_scale(problem, found.prior_scale, options, found.minimum.point) if fewer else found


def some_of(frames: Frames) -> Frames:
    """Frames spread evenly over all."""
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), _FEW)).round().astype(int)
    return frames.subset(chosen)


def solve(
    problem: NonlinearProblem, held: NonlinearProblem | None, options: FitOptions, begin: Float[np.ndarray, " n"]
) -> Solution:
    """The solution at the scale of the priors that the options name, or that the validation frames prefer."""
    if options.prior_scale is not None or held is None:
        return solve_at_scale(problem, options.prior_scale or 1.0, options, begin)
    solutions: list[Solution] = []
    for scale in _PRIOR_SCALES:
        solutions.append(solve_at_scale(problem, scale, options, begin))
        begin = solutions[-1].minimum.point
    noise = weighted(solutions[-1].noise, options.energy_weight)
    losses = [training_loss(held.squares(solution.minimum.point), noise) for solution in solutions]
    return solutions[int(np.argmin(losses))]


def solve_at_scale(
    problem: NonlinearProblem, prior_scale: float, options: FitOptions, begin: Float[np.ndarray, " n"]
) -> Solution:
    """Parameters and noise by turns, in a few rounds; each from where the last ended or from the start."""
    moves, iterations = begin, 0
    tolerance = _TOLERANCE if problem.everywhere else _COARSE_TOLERANCE
    learnt = problem.noise(moves)
    for _ in range(_NOISE_ROUNDS):
        noise = learnt
        minimum = minimise(
            log_posterior(problem, weighted(noise, options.energy_weight), prior_scale),
            (np.zeros(len(moves)), moves),
            *problem.bounds,
            max_iterations=options.max_iterations,
            tolerance=tolerance,
        )
        moves, iterations = minimum.point, iterations + minimum.iterations
        learnt = problem.noise(moves)
        if max(abs(learnt.energy / noise.energy - 1), abs(learnt.force / noise.force - 1)) < _NOISE_TOLERANCE:
            break
    return Solution(minimum, noise, prior_scale, iterations)


def laplace_deviations(problem: NonlinearProblem, solution: Solution) -> Float[np.ndarray, " parameters"]:
    """Posterior standard deviations by Laplace's approximation; the prior's part of the Hessian is its least value."""
    deviations = np.zeros(len(problem.start))
    eigenvalues, vectors = np.linalg.eigh(solution.minimum.quadratic.hessian)
    variances = vectors**2 @ (1 / np.maximum(eigenvalues, solution.prior_scale**-2))
    deviations[problem.fitted] = np.sqrt(variances) * problem.widths
    return deviations
