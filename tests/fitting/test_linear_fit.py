import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from models import class_one_of, distorted, molecule
from synthetic import class2, data, moved
from systems import objective, system_of

from hybridff.analysis.modes import modes_of
from hybridff.export.calculator import HybridFFCalculator
from hybridff.fitting import equations
from hybridff.fitting.estimate import Hyperparameters, solve, within_bounds
from hybridff.fitting.evidence import learn_noise
from hybridff.fitting.linear_fit import estimate, fit_linear, posteriors
from hybridff.fitting.options import FitOptions
from hybridff.fitting.pruning import pruned_system
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.rest_geometry import straightened
from hybridff.gaff.start import StartOptions, starting_parameters
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", Path(__file__).parents[2] / "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the reference data are not at {DATA} (set HYBRIDFF_DATA)")


def rmse(model: ForceField, frames: Frames) -> float:
    found = evaluate(model, frames).force_rmse
    assert found is not None
    return found


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


def test_bends_of_atoms_in_line_have_the_frequencies_that_made_the_data() -> None:
    """GAFF's own with straight angles at 180 degrees, as class II is taught it: bends of propyne, in pairs."""
    truth = ForceField.build(molecule("propyne"), straightened(class_one_of("propyne")))
    fitted = fit_linear([(class2("propyne"), data(truth, 40, width=0.003))], FitOptions()).force_field
    begin = distorted("propyne", 1, width=0.0)[0]
    expected, found = (modes_of(truth.molecule.numbers, begin, HybridFFCalculator(m)) for m in (truth, fitted))
    for frequencies in (expected.frequencies, found.frequencies):
        np.testing.assert_allclose(np.diff(frequencies)[[0, 3]], 0.0, atol=0.05)
    np.testing.assert_allclose(found.frequencies[:2], expected.frequencies[:2], rtol=0, atol=2.0)
    np.testing.assert_allclose(found.frequencies[3:5], expected.frequencies[3:5], rtol=0.005, atol=0)


def test_energies_weigh_what_their_noise_says_times_the_option() -> None:
    start = class2("propyne")
    frames = data(moved(start, 0.2), 60, energy=2.0, force=60.0)
    system = system_of(start, frames)
    learnt, weights = learn_noise(system), (1.0, 4.0)
    found = [estimate(system, learnt, FitOptions(energy_weight=weight)) for weight in weights]
    noises = [each.hyperparameters.noise.energy for each in found]
    assert noises == pytest.approx([learnt.noise.energy, learnt.noise.energy / 2])
    asked = [FitOptions(energy_weight=weight, prior_scale=1.0) for weight in weights]
    reported = [fit_linear([(start, frames)], options).noise.energy for options in asked]
    assert reported == pytest.approx([learnt.noise.energy] * 2)


@pytest.mark.parametrize("seed", range(5))
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
    assert options.prior_scale is not None
    system = pruned_system([(start, frames)], options)
    problem, found = system.problem, estimate(system, learn_noise(system, options.prior_scale), options)
    nothing = np.zeros(len(found.moves))
    assert objective(system, found, found.moves) <= objective(system, found, nothing) * (1 + 1e-9)
    for _ in range(5):
        nudge = 1e-3 * random.normal(size=len(nothing))
        lower, upper = (bound[problem.fitted] for bound in problem.start.bounds)
        there = problem.start.values[problem.fitted] + (found.moves + nudge) * problem.widths
        nudge[(there < lower) | (there > upper)] = 0.0
        assert objective(system, found, found.moves) <= objective(system, found, found.moves + nudge) * (1 + 1e-9)
    result = fit_linear([(start, frames)], options)
    assert result.loss_end <= result.loss_start
    assert np.isfinite(result.deviations).all()


def test_a_fit_is_deterministic_and_does_not_care_about_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    start = class2("acetaldehyde")
    frames = data(moved(start, 0.3), 20, energy=1.0, force=50.0)
    first, second = (fit_linear([(start, frames)], FitOptions()) for _ in range(2))
    np.testing.assert_array_equal(first.end.values, second.end.values)
    np.testing.assert_array_equal(first.deviations, second.deviations)
    monkeypatch.setattr(equations, "_BLOCK_BYTES", 1)
    third = fit_linear([(start, frames)], FitOptions())
    widths = np.where(first.start.adjustable, first.start.prior_widths, 1.0)
    # The order of sums, magnified by the condition of the normal equations.
    np.testing.assert_allclose(third.end.values / widths, first.end.values / widths, rtol=0, atol=1e-6)


def test_two_molecules_are_fitted_together_with_one_noise() -> None:
    starts = [class2("acetaldehyde"), class2("propyne")]
    truths = [moved(start, 0.2, seed) for seed, start in enumerate(starts)]
    frames = [data(truth, 40, energy=1.0, force=20.0) for truth in truths]
    result = fit_linear(list(zip(starts, frames, strict=True)), FitOptions())
    assert result.noise.force == pytest.approx(20.0, rel=0.1)
    for model, truth, start, offset in zip(result.force_fields, truths, starts, result.energy_offsets, strict=True):
        unseen = data(truth, 20, seed=7)
        assert rmse(model, unseen) < 0.1 * rmse(start, unseen)
        assert evaluate(model, unseen, offset).energy_rmse < 2.0


def test_two_molecules_with_nothing_in_common_are_two_fits() -> None:
    starts = [class2("acetaldehyde"), class2("propyne")]
    frames = [data(moved(start, 0.2), 20, energy=1.0, force=20.0) for start in starts]
    pairs = list(zip(starts, frames, strict=True))
    both = pruned_system(pairs, FitOptions())
    found = estimate(both, learn_noise(both), FitOptions())
    of_both = posteriors(both, found.covariance.root())
    for i, (start, own) in enumerate(pairs):
        alone = system_of(start, own)
        given = Hyperparameters(found.hyperparameters.noise, np.ones(len(alone.problem.fitted)))
        solution = within_bounds(solve(alone, given), alone.problem.limits)
        widths = np.where(start.parameter_table.adjustable, start.parameter_table.prior_widths, 1.0)
        together = both.problem.force_fields(found.moves)[i].parameter_table.values
        separate = alone.problem.force_fields(solution.moves)[0].parameter_table.values
        # Rounding, magnified by the condition of the normal equations.
        np.testing.assert_allclose(together / widths, separate / widths, rtol=0, atol=1e-6)
        x = distorted(start.molecule.name, 10, seed=9)
        deviations = of_both[i].deviations(start, x)
        for one, other in zip(
            deviations, posteriors(alone, solution.covariance.root())[0].deviations(start, x), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5)


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
