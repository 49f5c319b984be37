import numpy as np
import pytest
from scipy.optimize import least_squares, minimize

from hybridff.fitting.gauss_newton import Quadratic, bounded_quadratic, minimise


def random_problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positive definite Hessian of condition up to 1e4, gradient, and bounds around 0, some of them infinite or 0."""
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 25))
    basis, _ = np.linalg.qr(random.normal(size=(n, n)))
    hessian = (basis * np.geomspace(1.0, 10 ** random.uniform(-4, 0), n)) @ basis.T
    lower, upper = -random.exponential(size=n), random.exponential(size=n)
    lower[random.random(n) < 0.3] = -np.inf
    upper[random.random(n) < 0.3] = np.inf
    lower[random.random(n) < 0.1] = 0.0
    return (hessian + hessian.T) / 2, random.normal(size=n), lower, upper


CYCLING = (314, 409, 422)
"""Problems in which the active sets go round in circles."""


def cycling_problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    n = random.integers(1, 40)
    condition = 10 ** random.uniform(0, 8)
    basis, _ = np.linalg.qr(random.normal(size=(n, n)))
    hessian = (basis * np.geomspace(1, 1 / condition, n)) @ basis.T
    gradient = random.normal(size=n)
    lower, upper = -random.exponential(size=n), random.exponential(size=n)
    lower[random.random(n) < 0.3] = -np.inf
    upper[random.random(n) < 0.3] = np.inf
    lower[random.random(n) < 0.1] = 0.0
    return (hessian + hessian.T) / 2, gradient, lower, upper


def value(x: np.ndarray, hessian: np.ndarray, gradient: np.ndarray) -> float:
    return float(gradient @ x + 0.5 * x @ hessian @ x)


@pytest.mark.parametrize("problem", [*map(random_problem, range(60)), *map(cycling_problem, CYCLING)])
def test_the_bounded_quadratic_is_solved_as_scipy_solves_it(problem: tuple[np.ndarray, ...]) -> None:
    hessian, gradient, lower, upper = problem
    x = bounded_quadratic(hessian, gradient, lower, upper)
    assert (lower <= x).all()
    assert (x <= upper).all()
    expected = minimize(
        value,
        np.zeros(len(x)),
        (hessian, gradient),
        jac=lambda y, h, g: g + h @ y,
        bounds=list(zip(lower, upper, strict=True)),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-12, "maxiter": 10000, "maxfun": 100000},
    )
    # Ours is exact; L-BFGS-B may stop short of the minimum of an ill-conditioned problem, never below it.
    assert value(x, hessian, gradient) <= expected.fun + 1e-10 * abs(expected.fun)


@pytest.mark.parametrize("seed", range(60))
def test_no_move_within_the_bounds_lowers_the_quadratic(seed: int) -> None:
    hessian, gradient, lower, upper = random_problem(seed)
    x = bounded_quadratic(hessian, gradient, lower, upper)
    slope = hessian @ x + gradient
    allowed = np.where(x <= lower, np.minimum(slope, 0.0), np.where(x >= upper, np.maximum(slope, 0.0), slope))
    # Condition 1e4 costs the solve four of its digits.
    np.testing.assert_allclose(allowed, 0.0, atol=1e-10 * np.abs(gradient).max())


def test_without_bounds_it_is_the_solution_of_the_linear_equations() -> None:
    hessian, gradient, _, _ = random_problem(3)
    infinite = np.full(len(gradient), np.inf)
    x = bounded_quadratic(hessian, gradient, -infinite, infinite)
    np.testing.assert_allclose(x, -np.linalg.solve(hessian, gradient), rtol=1e-12)


def rosenbrock(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and Jacobian of a curved valley."""
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def quadratic(x: np.ndarray) -> Quadratic:
    residual, jacobian = rosenbrock(x)
    return Quadratic(0.5 * float(residual @ residual), jacobian.T @ residual, jacobian.T @ jacobian)


def bounds(upper: float) -> tuple[np.ndarray, np.ndarray]:
    return np.full(2, -3.0), np.full(2, upper)


@pytest.mark.parametrize("upper", [3.0, 0.8])
@pytest.mark.parametrize("start", [(-1.2, 1.0 - 0.3), (0.0, 0.0), (-2.9, -2.9), (0.7, -1.0)])
def test_a_curved_valley_is_followed_to_scipys_minimum(start: tuple[float, float], upper: float) -> None:
    found = minimise(quadratic, [np.array(start)], *bounds(upper), max_iterations=200)
    expected = least_squares(
        lambda x: rosenbrock(x)[0], start, lambda x: rosenbrock(x)[1], bounds=bounds(upper), xtol=1e-15, ftol=1e-15
    )
    assert found.converged
    # A loss good to 1e-9 of itself is a point good to some 1e-5.
    np.testing.assert_allclose(found.point, expected.x, atol=1e-4)
    assert found.quadratic.loss == pytest.approx(quadratic(found.point).loss)


@pytest.mark.parametrize("max_iterations", [0, 1, 2, 3, 5, 10])
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_never_ends_above_the_start(max_iterations: int, seed: int) -> None:
    start = np.random.default_rng(seed).uniform(-3, 3, 2)
    found = minimise(quadratic, [start], *bounds(3.0), max_iterations=max_iterations)
    assert found.quadratic.loss <= quadratic(start).loss
    assert found.iterations <= max_iterations


def test_the_minimum_itself_is_left_alone() -> None:
    found = minimise(quadratic, [np.ones(2)], *bounds(3.0), max_iterations=10)
    assert found.point.tolist() == [1.0, 1.0]
    assert (found.iterations, found.converged) == (0, True)


def test_of_several_starts_the_lowest_is_taken_and_each_is_evaluated_once() -> None:
    visited = []

    def watched(x: np.ndarray) -> Quadratic:
        visited.append(x.tolist())
        return quadratic(x)

    starts = [np.array([-1.2, 0.7]), np.ones(2), np.array([0.0, 2.0])]
    found = minimise(watched, starts, *bounds(3.0), max_iterations=10)
    assert found.point.tolist() == [1.0, 1.0]
    assert visited == [start.tolist() for start in starts]


def test_running_out_of_iterations_is_admitted() -> None:
    assert not minimise(quadratic, [np.array([-1.2, 0.7])], *bounds(3.0), max_iterations=2).converged


def test_a_loss_that_is_not_a_number_is_refused() -> None:
    def cliff(x: np.ndarray) -> Quadratic:
        here = quadratic(x)
        return here if x[0] < 0.5 else Quadratic(np.nan, here.gradient, here.hessian)

    found = minimise(cliff, [np.array([0.0, 0.0])], *bounds(3.0), max_iterations=100)
    assert found.point[0] < 0.5
    assert found.quadratic.loss < quadratic(np.zeros(2)).loss


def test_steps_stay_within_the_bounds() -> None:
    visited = []

    def watched(x: np.ndarray) -> Quadratic:
        visited.append(x)
        return quadratic(x)

    lower, upper = bounds(0.8)
    minimise(watched, [np.array([-1.2, 0.7])], lower, upper, max_iterations=100)
    assert all((lower <= x).all() and (x <= upper).all() for x in visited)
