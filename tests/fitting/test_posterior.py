from functools import cache

import numpy as np
import pytest
from models import distorted
from synthetic import class2, data, dense, moved, unbounded

from hybridff.fitting import posterior
from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.linear_problem import LinearProblem, restraint_rows
from hybridff.fitting.options import FitOptions
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

NAME = "acetaldehyde"
SCALE = 0.2
OPTIONS = FitOptions(prior_scale=SCALE)
"""The width that truths are drawn with."""


def drawn(start: ForceField, seed: int) -> ForceField:
    """A truth drawn from all that is known before any data: priors and restraints."""
    problem = LinearProblem.of([(start, data(start, 60))], [])
    restraints = restraint_rows(problem)
    weights, targets = restraints.weights, restraints.targets
    precision = (weights.T @ weights).toarray() + SCALE**-2 * np.eye(len(problem.fitted))
    factor = np.linalg.cholesky(precision)
    mean = np.linalg.solve(precision, weights.T @ targets)
    random = np.linalg.solve(factor.T, np.random.default_rng(seed).normal(size=len(mean)))
    return problem.force_fields(mean + random)[0]


@cache
def fitted(seed: int) -> tuple[ForceField, FitResult]:
    start = unbounded(class2(NAME))
    truth = drawn(start, seed)
    frames = data(truth, 60, seed=10 * seed, energy=1.0, force=40.0)
    # All fits have the restraints of the same geometries, so that priors are what truths were drawn from.
    return truth, fit_linear([(start, frames)], OPTIONS)


def test_deviations_are_those_of_the_covariance_by_torchs_own_gradients() -> None:
    start = class2("propyne")
    frames = data(moved(start, 0.2), 10, energy=1.0, force=30.0)
    result = fit_linear([(start, frames)], FitOptions(prior_scale=1.0))
    (found,) = result.posteriors
    x = Frames(frames.numbers, distorted("propyne", 4, seed=5), np.zeros(4), np.zeros((4, 7, 3)))
    own = start.parameter_table.prior_widths[found.fitted]
    covariance = found.spread.T @ found.spread / np.outer(own, own)
    energies, forces, *_ = dense(start, x)
    means = dense(start, frames)[0].mean(0)
    energy, force = found.deviations(result.force_field, x.positions)
    expected = np.einsum("fi,ij,fj->f", energies - means, covariance, energies - means)
    np.testing.assert_allclose(energy, np.sqrt(expected), rtol=1e-6)
    variances = np.einsum("fi,ij,fj->f", forces, covariance, forces).reshape(4, -1)
    np.testing.assert_allclose(force, np.sqrt(variances.mean(1)), rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)) * own, result.deviations[found.fitted], rtol=1e-9)


def test_blocks_of_frames_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    _, result = fitted(0)
    (found,), x = result.posteriors, distorted(NAME, 7, seed=5)
    whole = found.deviations(result.force_field, x)
    monkeypatch.setattr(posterior, "_BLOCK_BYTES", 1)
    for one, other in zip(whole, found.deviations(result.force_field, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_coefficients_lie_within_their_error_bars() -> None:
    scores = []
    for seed in range(3):
        truth, result = fitted(seed)
        free = result.start.adjustable
        scores.append((result.end.values - truth.parameter_table.values)[free] / result.deviations[free])
    z = np.concatenate(scores)
    # Some 800 numbers, hardly correlated where priors decide: 3 % of statistical error, and that of the learnt noise.
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.12)
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.04)


def test_predicted_errors_of_frames_are_the_actual_ones() -> None:
    ratios: list[np.ndarray] = []
    for seed in range(3):
        truth, result = fitted(seed)
        x = distorted(NAME, 100, seed=77)
        energies, forces = predict(result.force_field, x)
        true_energies, true_forces = predict(truth, x)
        energy, force = result.posteriors[0].deviations(result.force_field, x)
        error = true_energies - energies
        # The offset of the fit is the mean over its own frames, as is the energy of the posterior.
        own = data(truth, 60, seed=10 * seed)
        error -= (predict(truth, own.positions)[0] - predict(result.force_field, own.positions)[0]).mean()
        ratios.append(np.stack([error**2 / energy**2, ((true_forces - forces) ** 2).mean((1, 2)) / force**2]))
    # One draw of the coefficients makes the errors of all frames: a few dozen independent directions for each of three.
    np.testing.assert_allclose(np.sqrt(np.mean(ratios, axis=(0, 2))), 1.0, atol=0.15)


def test_frames_unlike_the_data_are_less_certain() -> None:
    _, result = fitted(0)
    (found,) = result.posteriors
    energy, force = (found.deviations(result.force_field, distorted(NAME, 50, width, seed=3)) for width in (0.01, 0.02))
    assert energy[0].mean() < 0.5 * force[0].mean()
    assert energy[1].mean() < 0.5 * force[1].mean()


def test_calibration_makes_mean_squares_agree() -> None:
    truth, result = fitted(1)
    (found,) = result.posteriors
    unseen = data(truth, 40, seed=50, force=300.0)
    calibrated = found.calibrated(result.force_field, unseen)
    _, force = calibrated.deviations(result.force_field, unseen.positions)
    _, predicted = predict(result.force_field, unseen.positions)
    assert unseen.forces is not None
    actual = ((predicted - unseen.forces) ** 2).mean((1, 2))
    assert np.mean(actual) / np.mean(force**2) == pytest.approx(1.0, rel=0.05)  # 64 random vectors
    assert calibrated.scale > 1.5 * found.scale == 1.5
    again = calibrated.calibrated(result.force_field, unseen)
    assert again.scale == pytest.approx(calibrated.scale, rel=1e-12)


def test_validation_frames_calibrate_a_fit() -> None:
    start = class2("propyne")
    truth = moved(start, 0.2)
    train, validation = data(truth, 20, energy=1.0, force=30.0), data(truth, 10, seed=8, force=300.0)
    options = FitOptions(prior_scale=1.0)
    plain, judged = (fit_linear([(start, train)], options, v) for v in ((), [validation]))
    assert plain.posteriors[0].scale == 1.0
    expected = plain.posteriors[0].calibrated(plain.force_field, validation).scale
    assert judged.posteriors[0].scale == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(judged.end.values, plain.end.values)


def test_a_posterior_comes_back_from_its_file(tmp_path) -> None:
    _, result = fitted(0)
    (found,), x = result.posteriors, distorted(NAME, 5, seed=5)
    path = tmp_path / posterior.POSTERIOR
    found.write(path)
    back = posterior.Posterior.read(path, len(result.force_field.parameter_table))
    for one, other in zip(*(p.deviations(result.force_field, x) for p in (found, back)), strict=True):
        # Single precision of 273 numbers, of both signs.
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert back.scale == found.scale
