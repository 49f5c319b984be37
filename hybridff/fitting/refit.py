"""Fit force fields to reference energies and forces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from jaxtyping import Float

from hybridff.errors import FitError, InputError
from hybridff.fitting.conformers import LOOKS, Lessons, Unseen
from hybridff.fitting.gauss_newton import Minimum, minimise
from hybridff.fitting.linear import fit_linear
from hybridff.fitting.options import FitOptions
from hybridff.fitting.problem import Noise, Problem, Progress, sleeping
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import check_same_elements

_NOISE_ROUNDS = 6
_NOISE_TOLERANCE = 0.02
_PRIOR_SCALES = (0.1, 0.3, 1.0)
_TOLERANCE = 1e-7
_COARSE_TOLERANCE = 3e-4
"""Where every step visits the frames, those that lower the loss by less than this part of it are not worth a visit."""
_FEW = 200
"""Frames of a molecule that are enough to come near the solution of all."""


def fit(
    force_field: ForceField,
    train: Frames,
    options: FitOptions | None = None,
    validation: Frames | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Fit the parameters of one molecule; see ``fit_together``."""
    return fit_together([(force_field, train)], options, [] if validation is None else [validation], progress)


def fit_together(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions | None = None,
    validation: Sequence[Frames] = (),
    progress: Progress | None = None,
) -> FitResult:
    """Fit the intramolecular parameters of several molecules at once.

    Maximises the posterior of all parameters given energies and forces: Gaussian residuals, Gaussian priors around the
    start. The deviations of the residuals weigh energies against forces; they are learnt by turns with the parameters.
    Charges and Lennard-Jones parameters towards other molecules stay as they are. ``validation`` frames, in the order
    of ``pairs``, choose the scale of the priors where the options leave it open. Deterministic; the training loss
    never ends above that of the start.

    Raises ``InputError`` for frames of another molecule or an option that is not for the form; ``FitError`` without
    forces, with fewer than two frames, or when nothing can be fitted.
    """
    options = options or FitOptions()
    check_request(pairs, options)
    if all(is_linear(force_field) for force_field, _ in pairs):
        return fit_linear(pairs, options, validation, progress)
    begin = perf_counter()
    unseen = [Unseen(force_field, frames.positions) for force_field, frames in pairs]
    problem = Problem(pairs, options.frozen, progress, [own.first for own in unseen])
    if len(problem.adjustable) == 0:
        raise FitError(f"{pairs[0][0].molecule.name} has no parameter that could be fitted.")
    judge = None
    if validation and all(len(frames) > 1 and frames.forces is not None for frames in validation):
        judged = [(force_field, frames) for (force_field, _), frames in zip(pairs, validation, strict=True)]
        judge = Problem(judged, options.frozen)
    solution = _search(pairs, problem, judge, options, unseen)
    force_fields = problem.force_fields(solution.minimum.point)
    seconds = perf_counter() - begin
    noise, squares = solution.noise, problem.squares(solution.minimum.point)
    return FitResult(
        force_fields=force_fields,
        energy_offsets=tuple(
            evaluate(force_field, frames).energy_offset
            for force_field, (_, frames) in zip(force_fields, pairs, strict=True)
        ),
        start=problem.start,
        end=problem.parameters(solution.minimum.point),
        deviations=_deviations(problem, solution.minimum, solution.prior_scale),
        prior_scale=solution.prior_scale,
        noise=noise,
        loss_start=problem.loss(problem.squares(np.zeros(len(problem.adjustable))), noise),
        loss_end=problem.loss(squares, noise),
        iterations=solution.iterations,
        converged=solution.minimum.converged,
        seconds=seconds,
        unseen=tuple(own.sentence() for own in unseen),
    )


def check_request(pairs: Sequence[tuple[ForceField, Frames]], options: FitOptions) -> None:
    """Raise what ``fit_together`` does before it starts."""
    if not any(force_field.parameter_table.adjustable.any() for force_field, _ in pairs):
        raise FitError(f"{pairs[0][0].molecule.name} has no parameter that could be fitted.")
    closed = all(is_linear(force_field) for force_field, _ in pairs)
    misplaced = ("pairs",) if closed else ("size", "widths")
    for name in misplaced:
        if getattr(options, name) != getattr(FitOptions(), name):
            others = "GAFF's own pair interactions" if closed else "forms fitted in closed form, as class2 is"
            raise InputError(f"option {name} is for {others}; leave it out, or choose another form.")
    for force_field, frames in pairs:
        if force_field.corrections:
            raise FitError(f"{force_field.molecule.name} has corrections; fit it without them, and correct the result.")
        check_same_elements(force_field.molecule, frames.numbers, f"the training data of {force_field.molecule.name}")
        if len(frames) < 2:
            raise FitError(
                f"{force_field.molecule.name} has {len(frames)} training frame; a fit needs at least two, "
                "and some tens to be of use."
            )


def is_linear(force_field: ForceField) -> bool:
    """Whether no parameter of a feature is fitted, only coefficients."""
    adjustable = force_field.parameter_table.adjustable
    return not any(adjustable[index].any() for rows in force_field.table.features for index in rows.parameters.values())


@dataclass(frozen=True, eq=False)
class _Solution:
    minimum: Minimum
    noise: Noise
    prior_scale: float
    iterations: int


def _search(
    pairs: Sequence[tuple[ForceField, Frames]],
    problem: Problem,
    judge: Problem | None,
    options: FitOptions,
    unseen: Sequence[Unseen],
) -> _Solution:
    """The solution, once more for as long as it has wells at conformers that no frame shows."""
    solution = _first(pairs, problem, judge, options, [own.first for own in unseen])
    for _ in range(LOOKS):
        force_fields = problem.force_fields(solution.minimum.point)
        wells = [own.wells(fitted) for own, fitted in zip(unseen, force_fields, strict=True)]
        if not any(wells):
            break
        problem.teach(wells)
        again = _solve(problem, solution.prior_scale, options, solution.minimum.point)
        solution = replace(again, iterations=solution.iterations + again.iterations)
    return solution


def _first(
    pairs: Sequence[tuple[ForceField, Frames]],
    problem: Problem,
    judge: Problem | None,
    options: FitOptions,
    lessons: Sequence[Lessons | None],
) -> _Solution:
    """The solution; a problem that visits the frames at every step first goes to the solution of some of them."""
    begin = np.zeros(len(problem.adjustable))
    if problem.everywhere:
        return _best(problem, judge, options, begin)
    few = [(force_field, _some(frames)) for force_field, frames in pairs]
    fewer = any(len(some) < len(frames) for (_, some), (_, frames) in zip(few, pairs, strict=True))
    part = Problem(few, options.frozen, lessons=lessons) if fewer else problem
    if asleep := {name for force_field, _ in pairs for name in sleeping(force_field)}:
        awake = Problem(few, (*options.frozen, *asleep), lessons=lessons)
        first = _solve(awake, options.prior_scale or 1.0, options, np.zeros(len(awake.adjustable)))
        begin[np.isin(problem.adjustable, awake.adjustable)] = first.minimum.point
    found = _best(part, judge, options, begin)
    return _solve(problem, found.prior_scale, options, found.minimum.point) if fewer else found


def _some(frames: Frames) -> Frames:
    """Frames spread evenly over all."""
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), _FEW)).round().astype(int)
    return frames.subset(chosen)


def _best(problem: Problem, judge: Problem | None, options: FitOptions, begin: Float[np.ndarray, " n"]) -> _Solution:
    """The solution at the scale of the priors that the options name, or that the validation frames prefer."""
    if options.prior_scale is not None or judge is None:
        return _solve(problem, options.prior_scale or 1.0, options, begin)
    solutions: list[_Solution] = []
    for scale in _PRIOR_SCALES:
        solutions.append(_solve(problem, scale, options, begin))
        begin = solutions[-1].minimum.point
    noise = solutions[-1].noise
    losses = [judge.loss(judge.squares(solution.minimum.point), noise) for solution in solutions]
    return solutions[int(np.argmin(losses))]


def _solve(problem: Problem, prior_scale: float, options: FitOptions, begin: Float[np.ndarray, " n"]) -> _Solution:
    """Parameters and noise by turns, at most ``_NOISE_ROUNDS`` times."""
    moves, iterations = begin, 0
    learnt = problem.noise(problem.squares(moves), options.energy_weight)
    for _ in range(_NOISE_ROUNDS):
        noise = learnt
        minimum = _minimise(problem, moves, noise, prior_scale, options.max_iterations)
        moves, iterations = minimum.point, iterations + minimum.iterations
        learnt = problem.noise(problem.squares(moves), options.energy_weight)
        if max(abs(learnt.energy / noise.energy - 1), abs(learnt.force / noise.force - 1)) < _NOISE_TOLERANCE:
            break
    return _Solution(minimum, noise, prior_scale, iterations)


def _minimise(
    problem: Problem, moves: Float[np.ndarray, " n"], noise: Noise, prior_scale: float, max_iterations: int
) -> Minimum:
    """Minimise at a given noise, from ``moves`` or from the start, whichever is lower."""
    posterior = problem.posterior(noise, prior_scale)
    begin = min((np.zeros(len(moves)), moves), key=lambda point: posterior(point).loss)
    tolerance = _TOLERANCE if problem.everywhere else _COARSE_TOLERANCE
    return minimise(posterior, begin, *problem.bounds, max_iterations=max_iterations, tolerance=tolerance)


def _deviations(problem: Problem, minimum: Minimum, prior_scale: float) -> Float[np.ndarray, " parameters"]:
    """Posterior standard deviations by Laplace's approximation; the prior's part of the Hessian is its least value."""
    deviations = np.zeros(len(problem.start))
    widths = problem.start.prior_widths[problem.adjustable]
    eigenvalues, vectors = np.linalg.eigh(minimum.quadratic.hessian)
    variances = vectors**2 @ (1 / np.maximum(eigenvalues, prior_scale**-2))
    deviations[problem.adjustable] = np.sqrt(variances) * widths
    return deviations
