"""Damped Gauss-Newton (Levenberg-Marquardt) within bounds, for a loss that only ever goes down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear

_ACTIVE_SET_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A loss at some point, its gradient and its Gauss-Newton Hessian."""

    loss: float
    """The loss, any unit."""
    gradient: Float[np.ndarray, " n"]
    """Its first derivatives."""
    hessian: Float[np.ndarray, "n n"]
    """Its second derivatives, or what the slopes of residuals give of them."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a minimisation ended."""

    point: Float[np.ndarray, " n"]
    """The lowest point that was found."""
    quadratic: Quadratic
    """Loss and derivatives there."""
    iterations: int
    """Steps that were tried."""
    converged: bool
    """Whether it ended before the steps ran out."""


def minimise(
    evaluate: Callable[[Float[np.ndarray, " n"]], Quadratic],
    starts: Sequence[Float[np.ndarray, " n"]],
    lower: Float[np.ndarray, " n"],
    upper: Float[np.ndarray, " n"],
    *,
    max_iterations: int,
    tolerance: float = 1e-7,
) -> Minimum:
    """Minimise from the lowest of ``starts``; the loss at the end is never above the loss at any of them.

    Each step minimises the damped quadratic model within the bounds. A step that does not lower the loss is refused
    and the damping raised (D. Marquardt, SIAM J. Appl. Math. 11, 431 (1963)). Converged when a step lowers the loss,
    or promises to lower it, by less than ``tolerance`` of it.
    """
    point, here = min(((start, evaluate(start)) for start in starts), key=lambda found: found[1].loss)
    damping = 1e-6
    for iteration in range(max_iterations):
        damped = here.hessian + damping * np.diag(np.diag(here.hessian))
        step = bounded_quadratic(damped, here.gradient, lower - point, upper - point)
        promise = -(here.gradient @ step + 0.5 * step @ here.hessian @ step)
        if promise <= tolerance * here.loss:
            return Minimum(point, here, iteration, converged=True)
        trial = np.clip(point + step, lower, upper)
        there = evaluate(trial)
        if not there.loss < here.loss:
            damping *= 10.0
            if damping > 1e12:
                return Minimum(point, here, iteration, converged=True)
            continue
        finished = here.loss - there.loss <= tolerance * here.loss
        point, here, damping = trial, there, max(damping / 10.0, 1e-12)
        if finished:
            return Minimum(point, here, iteration + 1, converged=True)
    return Minimum(point, here, max_iterations, converged=False)


def bounded_quadratic(
    hessian: Float[np.ndarray, "n n"],
    gradient: Float[np.ndarray, " n"],
    lower: Float[np.ndarray, " n"],
    upper: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """The minimum of ``gradient·x + x·hessian·x/2`` within bounds, for a positive definite Hessian.

    Primal-dual active sets (M. Hintermüller, K. Ito, K. Kunisch, SIAM J. Optim. 13, 865 (2002)). Should they not
    settle, which is rare, the slower method of Stark and Parker, which always does.
    """
    at_lower = at_upper = np.zeros(len(gradient), dtype=bool)
    for _ in range(_ACTIVE_SET_ROUNDS):
        free = ~(at_lower | at_upper)
        x = np.where(at_lower, lower, np.where(at_upper, upper, 0.0))
        x[free] = np.linalg.solve(hessian[np.ix_(free, free)], -(gradient + hessian @ x)[free])
        multiplier = hessian @ x + gradient
        new_lower = (x < lower) | (at_lower & (multiplier > 0))
        new_upper = (x > upper) | (at_upper & (multiplier < 0))
        if (new_lower == at_lower).all() and (new_upper == at_upper).all():
            return np.clip(x, lower, upper)
        at_lower, at_upper = new_lower, new_upper
    factor = np.linalg.cholesky(hessian)
    target = -solve_triangular(factor, gradient, lower=True)
    found = lsq_linear(factor.T, target, (lower, upper), method="bvls", tol=1e-14, max_iter=100 * len(gradient))
    return np.clip(found.x, lower, upper)
