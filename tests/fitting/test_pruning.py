from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from synthetic import class2, data, moved
from systems import system_of

from hybridff.errors import FitError
from hybridff.fitting import pruning
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.estimate import Hyperparameters, solve
from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.linear_problem import LinearProblem, linear_system
from hybridff.fitting.options import FitOptions
from hybridff.fitting.pruning import determined, force_squares, pruned, pruned_system, with_most_significant
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField


def rmse(model: ForceField, frames: Frames) -> float:
    found = evaluate(model, frames).force_rmse
    assert found is not None
    return found


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
def test_pruning_keeps_what_matters(*, preview: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if preview:
        monkeypatch.setattr(pruning, "_MANY", 100)
        monkeypatch.setattr(pruning, "_PREVIEW", 20)
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


def test_a_fit_needs_forces() -> None:
    start = class2("propyne")
    frames = replace(data(start, 5), forces=None)
    with pytest.raises(FitError, match=r"the training frames of propyne have no forces; a fit needs them\."):
        pruned_system([(start, frames)], FitOptions())


def test_the_most_significant_rows_are_those_with_the_largest_forces() -> None:
    start = class2("propyne")
    problem = LinearProblem.of([(start, data(start, 5))], [])
    found = force_squares(problem)
    by_data = np.diag(system_of(start, data(start, 5)).data.force.matrix)
    np.testing.assert_allclose(found, by_data, rtol=1e-9)
    fewer = with_most_significant(problem, len(problem.fitted) - 20)
    assert len(fewer.fitted) == len(problem.fitted) - 20
    least = np.sort(found[problem.dispensable])[:20]
    assert found.sum() - force_squares(fewer).sum() == pytest.approx(least.sum(), rel=1e-6)
    assert with_most_significant(problem, len(problem.fitted)) is problem


def test_rows_that_the_data_say_nothing_about_are_left_out() -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.2), 3, width=0.001, energy=5.0, force=300.0)
    problem = LinearProblem.of([(start, frames)], [find_unseen_conformers(start, frames.positions)])
    fewer, noise = determined(problem)
    assert noise is not None
    assert len(fewer.fitted) < len(problem.fitted)
    system = linear_system(problem, [frames])
    variances = solve(system, Hyperparameters(noise, np.ones(len(problem.fitted)))).covariance.variances
    assert len(fewer.fitted) == ((1 - variances >= 0.05) | ~problem.dispensable).sum()


def test_few_frames_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What 5 of 40 frames say counts eight times."""
    monkeypatch.setattr(pruning, "_PREVIEW", 5)
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.2), 40, width=0.002, energy=5.0, force=300.0)
    problem = LinearProblem.of([(start, frames)], [find_unseen_conformers(start, frames.positions)])
    by_few, noise = determined(problem)
    assert noise is not None
    system = linear_system(problem, [frames])
    variances = solve(system, Hyperparameters(noise, np.ones(len(system.problem.fitted)))).covariance.variances
    by_all = ((1 - variances >= 0.05) | ~system.problem.dispensable).sum()
    assert by_all < len(system.problem.fitted)
    assert len(by_few.fitted) == pytest.approx(by_all, rel=0.1)


def test_few_data_keep_the_rows_that_they_say_most_about(monkeypatch: pytest.MonkeyPatch) -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.2), 3, energy=5.0, force=300.0)
    problem = LinearProblem.of([(start, frames)], [find_unseen_conformers(start, frames.positions)])
    all_told, noise = determined(problem)
    assert noise is not None
    monkeypatch.setattr(pruning, "_ENOUGH", 100)
    fewer, _ = determined(problem)
    assert len(fewer.fitted) == 100 < len(all_told.fitted)  # more than 1.5 times the 63 force components
    variances = solve(linear_system(problem, [frames]), Hyperparameters(noise, np.ones(len(problem.fitted))))
    kept = dict.fromkeys(zip(fewer.start.quantities, fewer.start.labels, strict=True))
    names = [(problem.start.quantities[i], problem.start.labels[i]) for i in problem.fitted]
    left_out = np.array([name not in kept for name in names])
    free = problem.dispensable & ~left_out
    assert variances.covariance.variances[left_out].min() > variances.covariance.variances[free].max() - 1e-9


@pytest.mark.parametrize("limit", [determined, lambda problem: (with_most_significant(problem, 10), None)])
def test_few_data_keep_all_rows_of_a_start_that_was_fitted_before(
    monkeypatch: pytest.MonkeyPatch, limit: Callable[[LinearProblem], tuple[LinearProblem, object]]
) -> None:
    monkeypatch.setattr(pruning, "_ENOUGH", 10)
    start = class2("acetaldehyde")
    table = start.parameter_table
    fitted_before = start.with_values(table.values + 0.1 * table.adjustable)
    frames = data(start, 3, energy=5.0, force=300.0)
    unseen = find_unseen_conformers(fitted_before, frames.positions)
    problem = LinearProblem.of([(fitted_before, frames)], [unseen])
    fewer, _ = limit(problem)
    assert len(fewer.fitted) == len(problem.fitted)


def test_molecules_with_too_many_atoms_for_a_preview_keep_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_FEW", 30)
    start = class2("acetaldehyde")
    problem = LinearProblem.of([(start, data(start, 3))], [])
    assert determined(problem) == (problem, None)


def test_a_pruned_system_is_that_of_the_force_field_that_is_left() -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.2), 10, energy=1.0, force=30.0)
    fewer = pruned(system_of(start, frames), 150.0)
    assert len(fewer.problem.fitted) == 150
    ((left, _),) = fewer.problem.pairs
    anew = system_of(left, frames)
    ones = np.ones(150)
    noise = fewer.noise
    one, other = (solve(system, Hyperparameters(noise, ones)).moves for system in (fewer, anew))
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)  # the condition of the normal equations
    assert replace(anew, noise=noise).noise == fewer.noise
