from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from synthetic import class2, data, moved, unbounded
from systems import least_squares, system_of

from hybridff.fitting import estimate
from hybridff.fitting.equations import EnergyRows
from hybridff.fitting.estimate import (
    Covariance,
    Estimate,
    Hyperparameters,
    rough,
    solve,
    with_conformers,
    within_bounds,
)
from hybridff.fitting.evidence import learn_noise, noise_left
from hybridff.fitting.noise import Noise


def example(seed: int = 0, n: int = 5) -> Covariance:
    rows = np.random.default_rng(seed).normal(size=(n, 3 * n))
    return Covariance(np.linalg.cholesky(rows @ rows.T))


def test_the_covariance_is_the_inverse_of_what_its_factor_is_of() -> None:
    found = example()
    inverse = np.linalg.inv(found.factor @ found.factor.T)
    np.testing.assert_allclose(found.root().T @ found.root(), inverse, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.variances, np.diag(inverse), rtol=1e-10)
    columns, weights = np.random.default_rng(1).normal(size=(5, 2)), np.arange(5.0)
    assert found.total_variance(columns) == pytest.approx(np.trace(columns.T @ inverse @ columns), rel=1e-10)
    assert found.trace(weights) == pytest.approx(np.trace(np.diag(weights) @ inverse), rel=1e-10)


def test_observations_narrow_the_covariance_as_they_would_have_from_the_beginning() -> None:
    random = np.random.default_rng(2)
    rows, before = random.normal(size=(5, 3)), example()
    found = before.with_observations(rows[:, :1]).with_observations(rows[:, 1:])
    inverse = np.linalg.inv(before.factor @ before.factor.T + rows @ rows.T)
    np.testing.assert_allclose(found.root().T @ found.root(), inverse, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.variances, np.diag(inverse), rtol=1e-10)
    columns = random.normal(size=(5, 2))
    np.testing.assert_allclose(found.from_whitened(found.whitened(columns)), inverse @ columns, rtol=1e-10, atol=1e-12)
    assert found.total_variance(columns) == pytest.approx(np.trace(columns.T @ inverse @ columns), rel=1e-10)


def test_the_variance_of_many_functions_is_that_of_each() -> None:
    covariance = example(n=20)
    columns = np.random.default_rng(3).normal(size=(20, 500))
    inverse = np.linalg.inv(covariance.factor @ covariance.factor.T)
    found, exact = covariance.total_variance(columns), np.trace(columns.T @ inverse @ columns)
    assert found != exact
    # 64 probes of some 20 directions: one in 25 by chance.
    assert found == pytest.approx(exact, rel=0.15)


def test_conformers_wanted_later_count_as_those_from_the_beginning() -> None:
    start = unbounded(class2("propyne"))
    system = system_of(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))
    random = np.random.default_rng(0)
    more = EnergyRows(random.normal(size=(len(system.problem.fitted), 4)), random.normal(size=4))
    learnt = learn_noise(system)
    later = with_conformers(solve(system, learnt), more)
    first = solve(replace(system, conformers=system.conformers + more), learnt)
    np.testing.assert_allclose(later.moves, first.moves, rtol=0, atol=1e-6)
    np.testing.assert_allclose(later.covariance.variances, first.covariance.variances, rtol=1e-6)
    np.testing.assert_array_equal(later.conformers.rows, first.conformers.rows)


def test_bounds_that_hold_nothing_change_nothing() -> None:
    covariance = example()
    none = EnergyRows(np.zeros((5, 0)), np.zeros(0))
    found = Estimate(np.arange(5.0), covariance, Hyperparameters(Noise(1.0, 1.0), np.ones(5)), none)
    free = within_bounds(found, (np.full(5, -np.inf), np.full(5, np.inf)))
    assert free is found
    wide = within_bounds(found, (np.full(5, -100.0), np.full(5, 100.0)))
    np.testing.assert_allclose(wide.moves, found.moves, rtol=1e-12)


def test_noise_too_small_for_double_precision_is_raised() -> None:
    start = class2("propyne")
    system = system_of(start, data(start, 5))
    exact = Hyperparameters(Noise(1e-30, 1e-30), np.ones(len(system.problem.fitted)))
    found = solve(system, exact)
    assert np.isfinite(found.moves).all()
    raised = found.hyperparameters.noise
    assert raised.force == pytest.approx(3e-7 * np.sqrt(np.diag(system.data.force.matrix).max()), rel=1e-12)
    assert raised.energy > 1e-30
    wide = replace(exact, precision=0.25 * exact.precision)
    assert solve(system, wide).hyperparameters.noise.force == pytest.approx(2 * raised.force, rel=1e-12)


def test_the_closed_form_is_the_least_squares_solution() -> None:
    start = unbounded(class2("propyne"))
    system = system_of(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))
    found = solve(system, learn_noise(system, 0.7))
    matrix, right = least_squares(system, found)
    expected = np.linalg.lstsq(matrix, right)[0]
    # The condition of the normal equations, bounded by the priors, takes some eight digits.
    np.testing.assert_allclose(found.moves, expected, rtol=0, atol=1e-6)
    covariance = np.linalg.inv(matrix.T @ matrix)
    np.testing.assert_allclose(found.covariance.root().T @ found.covariance.root(), covariance, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.covariance.variances, np.diag(covariance), rtol=1e-4)
    np.testing.assert_allclose(found.hyperparameters.precision, 0.7**-2)


@pytest.mark.parametrize("seed", [0, 1])
def test_bounds_are_kept_and_the_rest_is_optimal(seed: int) -> None:
    """Truths drawn without regard to the bounds, so that many of them hold."""
    start = class2("acetaldehyde")
    truth = moved(unbounded(start), 0.5, seed)
    system = system_of(start, data(truth, 20, energy=1.0, force=30.0))
    problem = system.problem
    found = within_bounds(solve(system, learn_noise(system)), problem.limits)
    lower, upper = start.parameter_table.bounds
    end = problem.parameters(found.moves).values
    assert (lower <= end).all()
    assert (end <= upper).all()
    held = np.isfinite(lower) & (end == lower)
    assert 3 <= held.sum() < np.isfinite(lower).sum()
    p = start.parameter_table
    limits = [(bound - p.values)[p.adjustable] / p.prior_widths[p.adjustable] for bound in (lower, upper)]
    matrix, right = least_squares(system, found)
    expected = lsq_linear(matrix, right, limits, method="bvls", tol=1e-14)
    assert expected.success
    # As for the solution without bounds.
    np.testing.assert_allclose(found.moves, expected.x, rtol=0, atol=1e-5)


def test_the_trace_of_many_rows_by_probes_is_that_of_the_covariance() -> None:
    random = np.random.default_rng(0)
    columns = random.normal(size=(2500, 1500))
    precision = columns @ columns.T / 100 + np.eye(2500)
    weights = random.uniform(0.5, 2.0, 2500)
    exact = (weights * np.diag(np.linalg.inv(precision))).sum()
    found = Covariance(np.linalg.cholesky(precision)).trace(weights)
    # Some 1000 directions that the columns leave free, of 64 probes: one in 250 by chance.
    assert found != exact
    assert found == pytest.approx(exact, rel=0.02)


def test_the_root_of_many_coefficients_in_single_precision_gives_their_variances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(4)
    rows, more = np.diag(np.logspace(0, 6, 50)) @ random.normal(size=(50, 150)), random.normal(size=(50, 3))
    factor = np.linalg.cholesky(rows @ rows.T)
    exact = Covariance(factor).with_observations(more).variances
    monkeypatch.setattr(estimate, "_MANY", 1)
    found = Covariance(factor).with_observations(more)
    assert found.root().dtype == np.float32
    np.testing.assert_allclose(found.variances, exact, rtol=1e-4)


def test_noise_by_single_precision_is_that_by_double(monkeypatch: pytest.MonkeyPatch) -> None:
    start = class2("propyne")
    system = system_of(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))
    learnt = learn_noise(system)
    exact = noise_left(system.data, solve(system, learnt))
    monkeypatch.setattr(estimate, "_MANY", 1)
    single = rough(system, learnt)
    found = noise_left(system.data, single)
    assert single.covariance.factor.dtype == np.float32
    assert found.force == pytest.approx(exact.force, rel=1e-3)
    # By probes, some of which are of the same sign by chance.
    assert found.energy == pytest.approx(exact.energy, rel=0.05)


def test_what_single_precision_cannot_hold_is_solved_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    start = class2("propyne")
    system = system_of(start, data(start, 5))
    exact = Hyperparameters(Noise(1e-30, 1e-30), np.ones(len(system.problem.fitted)))
    monkeypatch.setattr(estimate, "_MANY", 1)
    found = rough(system, exact)
    assert found.covariance.factor.dtype == np.float64
    np.testing.assert_array_equal(found.moves, solve(system, exact).moves)


@pytest.mark.parametrize("separate", [0, 100])
def test_energies_count_alike_one_by_one_and_summed_up(monkeypatch: pytest.MonkeyPatch, separate: int) -> None:
    start = unbounded(class2("propyne"))
    system = system_of(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))
    monkeypatch.setattr(estimate, "_SEPARATE", separate)
    found = solve(system, Hyperparameters(Noise(1.0, 30.0), np.ones(len(system.problem.fitted))))
    expected = np.linalg.lstsq(*least_squares(system, found))[0]
    np.testing.assert_allclose(found.moves, expected, rtol=0, atol=1e-6)
