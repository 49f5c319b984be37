from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from synthetic import class2, data, moved
from systems import system_of

from hybridff.fitting.estimate import Hyperparameters, solve
from hybridff.fitting.evidence import learn_noise
from hybridff.fitting.few_data import FewData, few_data, learnt_noise, variances
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.noise import Noise


@cache
def example() -> tuple[FewData, LinearSystem]:
    """The same few frames in both ways."""
    start = class2("propyne")
    frames = replace(data(moved(start, 0.2), 6, energy=1.0, force=30.0), weights=np.linspace(0.5, 1.5, 6))
    system = system_of(start, frames)
    return few_data(system.problem, [frames for _, frames in system.problem.pairs]).with_priors(), system


def test_few_data_are_fewer_than_the_coefficients() -> None:
    few, system = example()
    assert len(few.targets) < len(system.problem.fitted)
    assert few.counts.forces == system.data.n_forces
    assert few.counts.energies == len(system.data.energy)
    assert few.counts.force_square == pytest.approx(system.data.force.constant, rel=1e-10)


def test_the_first_noise_is_that_of_the_system() -> None:
    few, system = example()
    assert few.first_noise.force == pytest.approx(system.noise.force, rel=1e-10)
    assert few.first_noise.energy == pytest.approx(system.noise.energy, rel=1e-6)  # differences of 4e5 kJ/mol


def test_variances_from_few_data_are_those_of_the_coefficients() -> None:
    few, system = example()
    noise = learn_noise(system).noise
    found = solve(system, Hyperparameters(noise, np.ones(len(system.problem.fitted))))
    np.testing.assert_allclose(variances(few, noise), found.covariance.variances, rtol=0, atol=1e-6)


def test_noise_from_few_data_is_what_is_left_over_what_is_free() -> None:
    """By the system of the coefficients: the forces that these do not follow are free."""
    few, system = example()
    noise = Noise(0.5, 20.0)
    estimate = solve(system, Hyperparameters(noise, np.ones(len(system.problem.fitted))))
    covariance = estimate.covariance.root().T @ estimate.covariance.root()
    followed = np.trace(covariance @ system.data.force.matrix) / noise.force**2
    assert 0.2 < 1 - followed / system.data.n_forces < 0.9
    expected = np.sqrt(system.data.force_square(estimate.moves) / (system.data.n_forces - followed))
    found = learnt_noise(few, noise, rounds=1)
    assert found.force == pytest.approx(expected, rel=1e-5)
    assert found.energy == noise.energy
