"""Fit force fields to reference energies and forces."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from jaxtyping import Float

from hybridff.analysis.errors import evaluate
from hybridff.dataset import Frames
from hybridff.errors import FitError
from hybridff.fit.gauss_newton import Minimum, minimise
from hybridff.fit.options import FitOptions
from hybridff.fit.problem import Noise, Problem, Progress
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters

_NOISE_ROUNDS = 4
_UNDETERMINED = 0.5


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fit: the force fields, and what the data said about every parameter."""

    force_fields: tuple[ForceField, ...]
    energy_offsets: tuple[float, ...]
    """Reference minus model energy of each molecule, the mean over its training frames [kJ/mol]."""
    start: Parameters
    end: Parameters
    deviations: Float[np.ndarray, " parameters"]
    """Posterior standard deviation of each parameter [internal units]; 0 for those not fitted."""
    noise: Noise
    loss_start: float
    """Training loss of the starting force field, at the final noise."""
    loss_end: float
    iterations: int
    converged: bool
    options: FitOptions
    seconds: float
    """Time in the solver."""

    @property
    def force_field(self) -> ForceField:
        """The force field of a fit to one molecule."""
        (force_field,) = self.force_fields
        return force_field

    @property
    def energy_offset(self) -> float:
        """The energy offset of a fit to one molecule [kJ/mol]."""
        (offset,) = self.energy_offsets
        return offset

    @property
    def undetermined(self) -> np.ndarray:
        """True for parameters whose posterior is more than half as wide as their prior: shape (parameters,), bool."""
        return self.deviations > _UNDETERMINED * self.options.prior_scale * self.start.prior_widths

    @property
    def at_bound(self) -> np.ndarray:
        """True for parameters that ended at a bound: shape (parameters,), bool."""
        lower, upper = self.start.bounds
        return (self.deviations > 0) & ((self.end.values <= lower) | (self.end.values >= upper))

    def largest_moves(self, n: int) -> list[int]:
        """The ``n`` parameters that moved most, in units of their prior widths."""
        widths = np.where(self.start.adjustable, self.start.prior_widths, np.inf)
        moves = np.abs(self.end.values - self.start.values) / widths
        return [int(i) for i in np.argsort(-moves, kind="stable")[:n] if moves[i] > 0]


def fit(
    force_field: ForceField, train: Frames, options: FitOptions | None = None, progress: Progress | None = None
) -> FitResult:
    """Fit the parameters of one molecule; see ``fit_together``."""
    return fit_together([(force_field, train)], options, progress)


def fit_together(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Fit the intramolecular parameters of several molecules at once.

    Maximises the posterior of all parameters given energies and forces: Gaussian residuals, Gaussian priors around the
    start. The deviations of the residuals weigh energies against forces; they are learnt by turns with the parameters.
    Charges and Lennard-Jones parameters towards other molecules stay as they are. Deterministic; the training loss
    never ends above that of the start.

    Raises ``FitError`` without forces, with fewer than two frames, or when nothing can be fitted.
    """
    options = options or FitOptions()
    for force_field, frames in pairs:
        if len(frames) < 2:
            raise FitError(
                f"{force_field.molecule.name} has {len(frames)} training frame; a fit needs at least two, "
                "and some tens to be of use."
            )
    begin = perf_counter()
    problem = Problem(pairs, options.frozen, progress)
    n = len(problem.adjustable)
    if n == 0:
        raise FitError(f"{pairs[0][0].molecule.name} has no parameter that could be fitted.")
    at_start = problem.squares(np.zeros(n))
    noise = problem.noise(at_start, options.energy_weight)
    moves, iterations = np.zeros(n), 0
    for _ in range(_NOISE_ROUNDS):
        minimum = _minimise(problem, moves, noise, options)
        moves, iterations = minimum.point, iterations + minimum.iterations
        learnt = problem.noise(problem.squares(moves), options.energy_weight)
        if abs(learnt.energy / noise.energy - 1) < 0.02 and abs(learnt.force / noise.force - 1) < 0.02:
            break
        noise = learnt
    else:
        minimum = _minimise(problem, moves, noise, options)
        moves, iterations = minimum.point, iterations + minimum.iterations

    force_fields = problem.force_fields(moves)
    seconds = perf_counter() - begin
    return FitResult(
        force_fields=force_fields,
        energy_offsets=tuple(
            evaluate(force_field, frames).energy_offset
            for force_field, (_, frames) in zip(force_fields, pairs, strict=True)
        ),
        start=problem.start,
        end=problem.parameters(moves),
        deviations=_deviations(problem, minimum),
        noise=noise,
        loss_start=problem.loss(at_start, noise),
        loss_end=problem.loss(problem.squares(moves), noise),
        iterations=iterations,
        converged=minimum.converged,
        options=options,
        seconds=seconds,
    )


def _minimise(problem: Problem, moves: Float[np.ndarray, " n"], noise: Noise, options: FitOptions) -> Minimum:
    """Minimise at a given noise, from ``moves`` or from the start, whichever is lower."""
    posterior = problem.posterior(noise, options.prior_scale)
    begin = min((moves, np.zeros(len(moves))), key=lambda point: posterior(point).loss)
    return minimise(posterior, begin, *problem.bounds, max_iterations=options.max_iterations)


def _deviations(problem: Problem, minimum: Minimum) -> Float[np.ndarray, " parameters"]:
    """Posterior standard deviations by Laplace's approximation."""
    deviations = np.zeros(len(problem.start))
    widths = problem.start.prior_widths[problem.adjustable]
    deviations[problem.adjustable] = np.sqrt(np.diag(np.linalg.inv(minimum.quadratic.hessian))) * widths
    return deviations
