from functools import cache

import numpy as np
import pytest
from synthetic import class2, data, moved

from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.few_data import FewRows, few_data
from hybridff.fitting.fits import fit
from hybridff.fitting.linear_problem import LinearProblem
from hybridff.fitting.noise import Noise
from hybridff.fitting.options import FitOptions
from hybridff.fitting.prior_scale import best_scale, left_out_errors
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

NAME = "propyne"
N_FRAMES, N_FORCES = 6, 21


def problem_of(start: ForceField, frames: Frames) -> LinearProblem:
    return LinearProblem.of([(start, frames)], [find_unseen_conformers(start, frames.positions)])


@cache
def example() -> FewRows:
    start = class2(NAME)
    frames = data(moved(start, 0.2), N_FRAMES, energy=1.0, force=30.0)
    return few_data(problem_of(start, frames), [frames])


def places(frame: int) -> np.ndarray:
    """Places of the forces of a frame, and of its energy."""
    return np.append(np.arange(frame * N_FORCES, (frame + 1) * N_FORCES), N_FRAMES * N_FORCES + frame)


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_the_error_of_frames_that_are_left_out_is_that_of_fits_without_them(scale: float) -> None:
    few, noise, square, variance = example(), Noise(2.0, 50.0), 0.0, 0.0
    found = few.with_priors(scale)
    weights = found.scales(noise) ** 2
    prior = np.eye(len(few.rows)) / scale**2
    prior[np.ix_(few.restrained, few.restrained)] += few.restraints.T @ few.restraints
    wanted = np.zeros(len(few.rows))
    wanted[few.restrained] = few.restraints.T @ few.wanted
    for frame in range(N_FRAMES):
        out = places(frame)
        rest = np.setdiff1d(np.arange(len(few.targets)), out)
        rows = few.rows[:, rest] * weights[rest]
        precision, forces = rows @ few.rows[:, rest].T + prior, few.rows[:, out[:-1]]
        moves = np.linalg.solve(precision, rows @ few.targets[rest] + wanted)
        square += ((few.targets[out[:-1]] - moves @ forces) ** 2).sum()
        variance += (forces * np.linalg.solve(precision, forces)).sum()
    error, calibration = left_out_errors(found, noise, [places(frame) for frame in range(N_FRAMES)])
    assert error == pytest.approx(np.sqrt(square / (N_FRAMES * N_FORCES)), rel=1e-6)
    assert calibration == pytest.approx(np.sqrt(square / variance), rel=1e-5)


def test_small_moves_want_narrow_priors_and_large_ones_those_that_are_shipped() -> None:
    start = class2(NAME)
    small, large = (best_scale(problem_of(start, data(moved(start, size), 12, force=20.0))) for size in (0.02, 3.0))
    assert small is not None
    assert large is not None
    assert small.prior_scale == 0.25
    assert large.prior_scale == 1.0


def test_very_few_frames_and_many_data_leave_the_scale_alone() -> None:
    start = class2(NAME)
    assert best_scale(problem_of(start, data(moved(start, 0.2), 4))) is None
    assert best_scale(problem_of(start, data(moved(start, 0.2), 170))) is None


def test_a_fit_says_how_well_it_predicts_frames_that_it_does_not_see_unless_the_scale_is_given() -> None:
    start = class2(NAME)
    frames = data(moved(start, 0.1), 8, force=20.0)
    found, given = fit(start, frames), fit(start, frames, FitOptions(prior_scale=0.5))
    assert found.left_out is not None
    assert found.left_out > found.noise.force
    assert found.posteriors[0].scale != 1.0
    assert given.posteriors[0].scale == 1.0
    assert given.left_out is None
    assert given.prior_scale == 0.5
