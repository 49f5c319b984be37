import math
import os
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from models import distorted
from scipy.optimize import lsq_linear
from synthetic import class2, data, dense, moved, unbounded

from hybridff.errors import FitError
from hybridff.fitting import linear, normal
from hybridff.fitting.linear import Covariance, Estimate, LinearProblem, fit_linear
from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", Path(__file__).parents[2] / "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference data are not at {DATA} (set HYBRIDFF_DATA)")

EVEN = FitOptions(energy_weight=1 / 3)
"""Energies weigh what their noise says, without the factor that they get on top."""


def rmse(model: ForceField, frames: Frames) -> float:
    found = evaluate(model, frames).force_rmse
    assert found is not None
    return found


def least_squares(problem: LinearProblem, found: Estimate) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and right-hand side whose least squares are minus the logarithm of the posterior, row by row."""
    ((model, frames),) = problem.pairs
    energies, forces, energy_left, force_left = dense(model, frames)
    noise, (weights, targets), conformers = found.noise, problem.restraints, found.conformers
    blocks = [
        (forces / noise.force, force_left / noise.force),
        ((energies - energies.mean(0)) / noise.energy, (energy_left - energy_left.mean()) / noise.energy),
        (weights.toarray(), targets),
        (conformers.weights.T, conformers.targets),
        (np.diag(np.sqrt(found.precision)), np.zeros(len(found.moves))),
    ]
    matrices, sides = zip(*blocks, strict=True)
    return np.concatenate(matrices), np.concatenate(sides)


def objective(problem: LinearProblem, found: Estimate, moves: np.ndarray) -> float:
    """Minus the logarithm of the posterior at some moves, up to a constant."""
    (weights, targets), conformers = problem.restraints, found.conformers
    return 0.5 * (
        problem.normal.force_square(moves) / found.noise.force**2
        + problem.normal.energy_square(moves) / found.noise.energy**2
        + float(((weights @ moves - targets) ** 2).sum())
        + float(((moves @ conformers.weights - conformers.targets) ** 2).sum())
        + float((found.precision * moves**2).sum())
    )


def values(result: FitResult) -> dict[tuple[str, str], float]:
    end = result.end
    return dict(zip(zip(end.quantities, end.labels, strict=True), end.values.tolist(), strict=True))


@pytest.mark.parametrize("name", ["acetaldehyde", "propyne"])
def test_a_fit_recovers_the_force_field_that_made_the_data(name: str) -> None:
    start = class2(name)
    truth = moved(start, 0.2)
    result = fit_linear([(start, data(truth, 60))], FitOptions())
    unseen = data(truth, 20, seed=7)
    # The floor of the noise is 1e-3 of the start's errors.
    assert rmse(result.force_field, unseen) < 3e-3 * rmse(start, unseen)
    assert evaluate(result.force_field, unseen, result.energy_offset).energy_rmse < 1.0
    sure = result.deviations < 0.01 * result.start.prior_widths
    sure &= result.start.adjustable
    assert sure.sum() > 50
    errors = (result.end.values - truth.parameter_table.values)[sure] / result.start.prior_widths[sure]
    assert np.abs(errors).max() < 0.05


def test_the_closed_form_is_the_least_squares_solution() -> None:
    start = unbounded(class2("propyne"))
    problem = LinearProblem([(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))], FitOptions())
    found = problem.estimate(problem.normal, prior_scale=0.7)
    matrix, right = least_squares(problem, found)
    expected = np.linalg.lstsq(matrix, right)[0]
    # The condition of the normal equations, bounded by the priors, takes some eight digits.
    np.testing.assert_allclose(found.moves, expected, rtol=0, atol=1e-6)
    covariance = np.linalg.inv(matrix.T @ matrix)
    np.testing.assert_allclose(found.covariance.root.T @ found.covariance.root, covariance, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.covariance.variances, np.diag(covariance), rtol=1e-4)
    np.testing.assert_allclose(found.precision, 0.7**-2)


@pytest.mark.parametrize("seed", [0, 1])
def test_bounds_are_kept_and_the_rest_is_optimal(seed: int) -> None:
    """Truths drawn without regard to the bounds, so that many of them hold."""
    start = class2("acetaldehyde")
    truth = moved(unbounded(start), 0.5, seed)
    problem = LinearProblem([(start, data(truth, 20, energy=1.0, force=30.0))], FitOptions())
    found = problem.estimate(problem.normal)
    lower, upper = start.parameter_table.bounds
    end = problem.parameters(found.moves).values
    assert (lower <= end).all()
    assert (end <= upper).all()
    held = np.isfinite(lower) & (end == lower)
    assert 3 <= held.sum() < np.isfinite(lower).sum()
    p = start.parameter_table
    limits = [(bound - p.values)[p.adjustable] / p.prior_widths[p.adjustable] for bound in (lower, upper)]
    matrix, right = least_squares(problem, found)
    expected = lsq_linear(matrix, right, limits, method="bvls", tol=1e-14)
    assert expected.success
    # As for the solution without bounds.
    np.testing.assert_allclose(found.moves, expected.x, rtol=0, atol=1e-5)


def test_noise_is_learnt() -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.2), 300, energy=2.0, force=60.0)
    result = fit_linear([(start, frames)], EVEN)
    # 300 energies give their deviation to 1/sqrt(600) = 4 %, 6300 force components theirs to 0.9 %.
    assert result.noise.energy == pytest.approx(2.0, rel=0.15)
    assert result.noise.force == pytest.approx(60.0, rel=0.04)


def test_energies_weigh_three_times_what_their_noise_says_and_the_option_on_top() -> None:
    start = class2("propyne")
    frames = data(moved(start, 0.2), 60, energy=2.0, force=60.0)
    problems = [LinearProblem([(start, frames)], FitOptions(energy_weight=w)) for w in (1 / 3, 1.0, 4.0)]
    noises = [problem.estimate(problem.normal).noise.energy for problem in problems]
    assert noises[0] / noises[1] == pytest.approx(math.sqrt(3))
    assert noises[1] / noises[2] == pytest.approx(2.0)


def test_evidence_finds_the_width_that_coefficients_were_drawn_with() -> None:
    start = unbounded(class2("ethanol"))
    p = start.parameter_table
    family = "angle²·angle 0"
    own = np.array([quantity == family for quantity in p.quantities])
    assert own.sum() >= 20
    draws = np.random.default_rng(0).normal(size=own.sum())
    truth = start.with_values(p.values + np.zeros(len(p)))
    for width in (0.4, 2.5):
        drawn = p.values.copy()
        drawn[own] = width * p.prior_widths[own] * draws
        truth = start.with_values(drawn)
        frames = data(truth, 100, width=0.015, energy=0.2, force=5.0)
        result = fit_linear([(start, frames)], FitOptions(widths="learnt"))
        before, after = (kinds[family].prior_width for kinds in (p.kinds, result.start.kinds))
        assert before is not None
        assert after is not None
        # As many draws give their deviation to 1/sqrt(2n), some 15 %.
        assert after / before == pytest.approx(width * np.sqrt(np.mean(draws**2)), rel=0.3)
        idle = result.start.kinds["bond·bond 0"].prior_width
        assert idle is not None
        assert idle < 0.5 * (p.kinds["bond·bond 0"].prior_width or 0.0)


def test_few_data_neither_switch_a_family_off_nor_set_it_free() -> None:
    start = class2("acetaldehyde")
    result = fit_linear([(start, data(moved(start, 3.0), 3))], FitOptions(widths="learnt"))
    p = start.parameter_table
    for name in set(np.array(p.quantities)[p.adjustable]):
        before, after = (kinds[name].prior_width for kinds in (p.kinds, result.start.kinds))
        assert before is not None
        assert after is not None
        assert 0.1 - 1e-9 <= after / before <= 10 + 1e-9


def few_rows(start: ForceField, n: int, seed: int) -> tuple[ForceField, set[tuple[str, str]]]:
    """The start with some couplings of twice their prior width, and which they are."""
    p = start.parameter_table
    families = ("bond·angle in", "bond·bond 0", "angle·angle 0", "bond·angle 0", "bond·angle² in")
    random = np.random.default_rng(seed)
    chosen = random.choice(np.flatnonzero([q in families for q in p.quantities]), n, replace=False)
    drawn = p.values.copy()
    drawn[chosen] += 2 * random.choice([-1, 1], n) * p.prior_widths[chosen]
    return start.with_values(drawn), {(p.quantities[i], p.labels[i]) for i in chosen}


@pytest.mark.parametrize("preview", [False, True])
def test_pruning_keeps_what_matters(preview: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if preview:
        monkeypatch.setattr(linear, "_MANY", 100)
        monkeypatch.setattr(linear, "_PREVIEW", 20)
    start = class2("ethanol")
    truth, chosen = few_rows(start, 15, seed=3)
    frames = data(truth, 60, width=0.015, energy=0.5, force=20.0)
    result = fit_linear([(start, frames)], FitOptions(size="small"))
    assert start.parameter_table.adjustable.sum() > 360
    assert result.start.adjustable.sum() <= 360
    assert chosen <= set(zip(result.end.quantities, result.end.labels, strict=True))
    unseen = data(truth, 20, width=0.015, seed=7)
    assert rmse(result.force_field, unseen) < 0.1 * rmse(start, unseen)


def test_a_size_that_nothing_exceeds_leaves_all_rows() -> None:
    start = class2("propyne")
    result = fit_linear([(start, data(moved(start, 0.2), 10))], FitOptions(size="small"))
    assert result.end.labels == start.parameter_table.labels


def test_rows_with_bounds_or_values_at_the_start_survive_any_pruning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FitOptions, "most_rows", lambda self, n_atoms: 1.0)
    start = class2("acetaldehyde")
    p = start.parameter_table
    result = fit_linear([(start, data(moved(start, 0.2), 10))], FitOptions())
    stay = p.adjustable & ((p.values != 0) | np.isfinite(p.bounds[0]))
    kept = Counter(np.array(result.end.quantities)[result.end.adjustable].tolist())
    assert kept == Counter(np.array(p.quantities)[stay].tolist())


@pytest.mark.parametrize("seed", range(8))
def test_a_fit_never_ends_worse_than_it_starts(seed: int) -> None:
    random = np.random.default_rng(seed)
    name = ["propyne", "acetaldehyde"][seed % 2]
    start = moved(class2(name), float(random.uniform(0, 0.3)), seed)
    truth = moved(start, float(random.uniform(0, 2)), seed + 100)
    frames = data(
        truth,
        int(random.choice([2, 3, 5, 30])),
        width=float(random.choice([0.0005, 0.005, 0.02])),
        seed=seed,
        energy=float(random.choice([0.0, 5.0, 500.0])),
        force=float(random.choice([0.0, 100.0, 1e4])),
    )
    options = FitOptions(
        prior_scale=float(random.choice([0.1, 1.0, 10.0])), energy_weight=float(random.choice([0.01, 1.0, 100.0]))
    )
    problem = LinearProblem([(start, frames)], options)
    assert options.prior_scale is not None
    found = problem.estimate(problem.normal, prior_scale=options.prior_scale)
    nothing = np.zeros(len(found.moves))
    assert objective(problem, found, found.moves) <= objective(problem, found, nothing) * (1 + 1e-9)
    for _ in range(5):
        nudge = 1e-3 * random.normal(size=len(nothing))
        lower, upper = (bound[problem.fitted] for bound in problem.start.bounds)
        there = problem.start.values[problem.fitted] + (found.moves + nudge) * problem.widths
        nudge[(there < lower) | (there > upper)] = 0.0
        assert objective(problem, found, found.moves) <= objective(problem, found, found.moves + nudge) * (1 + 1e-9)
    result = fit_linear([(start, frames)], options)
    assert result.loss_end <= result.loss_start
    assert np.isfinite(result.deviations).all()


def test_a_fit_is_deterministic_and_does_not_care_about_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.3), 20, energy=1.0, force=50.0)
    first, second = (fit_linear([(start, frames)], FitOptions()) for _ in range(2))
    np.testing.assert_array_equal(first.end.values, second.end.values)
    np.testing.assert_array_equal(first.deviations, second.deviations)
    monkeypatch.setattr(normal, "_BLOCK_BYTES", 1)
    third = fit_linear([(start, frames)], FitOptions())
    widths = np.where(first.start.adjustable, first.start.prior_widths, 1.0)
    # The order of sums, magnified by the condition of the normal equations.
    np.testing.assert_allclose(third.end.values / widths, first.end.values / widths, rtol=0, atol=1e-6)


def test_two_molecules_are_fitted_together_with_one_noise() -> None:
    starts = [class2("acetaldehyde"), class2("propyne")]
    truths = [moved(start, 0.2, seed) for seed, start in enumerate(starts)]
    frames = [data(truth, 40, energy=1.0, force=20.0) for truth in truths]
    result = fit_linear(list(zip(starts, frames, strict=True)), EVEN)
    assert result.noise.force == pytest.approx(20.0, rel=0.1)
    for model, truth, start, offset in zip(result.force_fields, truths, starts, result.energy_offsets, strict=True):
        unseen = data(truth, 20, seed=7)
        assert rmse(model, unseen) < 0.1 * rmse(start, unseen)
        assert evaluate(model, unseen, offset).energy_rmse < 2.0


def test_two_molecules_with_nothing_in_common_are_two_fits() -> None:
    starts = [class2("acetaldehyde"), class2("propyne")]
    frames = [data(moved(start, 0.2), 20, energy=1.0, force=20.0) for start in starts]
    pairs = list(zip(starts, frames, strict=True))
    both = LinearProblem(pairs, FitOptions())
    found = both.estimate(both.normal)
    posteriors = both.posteriors(found)
    for i, (start, own) in enumerate(pairs):
        alone = LinearProblem([(start, own)], FitOptions())
        solution = alone._bounded(alone._solve(alone.normal, found.noise, np.ones(len(alone.fitted))))
        widths = np.where(start.parameter_table.adjustable, start.parameter_table.prior_widths, 1.0)
        together = both.force_fields(found.moves)[i].parameter_table.values
        separate = alone.force_fields(solution.moves)[0].parameter_table.values
        # Rounding, magnified by the condition of the normal equations.
        np.testing.assert_allclose(together / widths, separate / widths, rtol=0, atol=1e-6)
        x = distorted(start.molecule.name, 10, seed=9)
        deviations = posteriors[i].deviations(start, x)
        for of_both, of_one in zip(deviations, alone.posteriors(solution)[0].deviations(start, x), strict=True):
            np.testing.assert_allclose(of_both, of_one, rtol=1e-5)


def test_learnt_widths_and_the_scale_of_priors_are_told_apart() -> None:
    """The widths of the result are those of the form, times what was learnt; the scale stands beside them."""
    start = class2("propyne")
    frames = data(moved(start, 0.02), 20, energy=1.0, force=50.0)
    result = fit_linear([(start, frames)], FitOptions(prior_scale=0.1))
    assert result.prior_scale == 0.1
    np.testing.assert_allclose(result.start.prior_widths, start.parameter_table.prior_widths, rtol=1e-12)
    assert (result.deviations <= 0.1 * result.start.prior_widths * (1 + 1e-9)).all()
    assert not result.undetermined.all()


def test_narrow_priors_leave_the_start_alone() -> None:
    start = class2("propyne")
    frames = data(moved(start, 0.3), 20, energy=1.0, force=50.0)
    result = fit_linear([(start, frames)], FitOptions(prior_scale=1e-6))
    free = start.parameter_table.adjustable
    moves = (result.end.values - start.parameter_table.values)[free] / start.parameter_table.prior_widths[free]
    # A move is the posterior's pull, 1e3 at most, times the prior's variance of 1e-12.
    assert np.abs(moves).max() < 1e-4


def test_a_fit_needs_forces() -> None:
    start = class2("propyne")
    frames = replace(data(start, 5), forces=None)
    with pytest.raises(FitError, match=r"the training frames of propyne have no forces; a fit needs them\."):
        fit_linear([(start, frames)], FitOptions())


@pytest.mark.parametrize("prior_scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(("n_frames", "width"), [(2, 0.0), (2, 0.01), (8, 0.01)])
def test_few_or_perfect_data_are_no_obstacle(n_frames: int, width: float, prior_scale: float) -> None:
    """Data that a form can follow exactly are infinitely sharp; double precision is not."""
    start = class2("acetaldehyde")
    for truth in (start, moved(start, 0.2)):
        result = fit_linear([(start, data(truth, n_frames, width=width))], FitOptions(prior_scale=prior_scale))
        assert np.isfinite(result.end.values).all()
        limit = prior_scale * result.start.prior_widths
        # Three digits of the priors are left.
        assert (result.deviations <= 1.01 * limit).all()


@needs_data
def test_110_frames_of_ethanol_give_the_accuracy_that_the_form_has() -> None:
    """rMD17; kcal/mol and kcal/mol/Å, on frames never used in the fit."""
    frames = read_frames(DATA / "ethanol_rmd17.npz")
    rows = frames.split(110, 0, seed=0)
    train, unseen = frames.subset(rows.train), frames.subset(rows.test[:200])
    owner = replace(frames.molecule(), positions=train.positions[np.argmin(train.energies)])
    start = ForceField.build(
        owner, starting_parameters(owner, StartOptions()), form="class2", geometries=train.positions
    )
    result = fit_linear([(start, train)], FitOptions())
    errors = evaluate(result.force_field, unseen, result.energy_offset)
    assert errors.force_rmse is not None
    assert errors.force_rmse / FORCE_KCAL < 1.0
    assert errors.energy_rmse / KCAL_MOL < 0.28
    assert asdict(evaluate(result.force_field, train))["force_rmse"] < errors.force_rmse


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
