from functools import partial

import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual
from models import force_field

from hybridff.frames.accuracy import predict
from hybridff.hybrid.full_equations import solve_full
from hybridff.hybrid.iterative_equations import solve_iterative
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.solver import solver_of


def test_a_covariance_that_takes_long_is_not_factored(monkeypatch: pytest.MonkeyPatch) -> None:
    training = real_training(force_field("ethanol"))
    n = training.residual.n_values
    for most, solve in ((n, solve_full), (n - 1, solve_iterative)):
        monkeypatch.setattr("hybridff.corrections.device._DIRECT", most)
        solver = solver_of(training)
        assert isinstance(solver, partial)
        assert solver.func is solve


def test_as_many_points_as_frames_are_the_same_by_both_equations() -> None:
    start = force_field("ethanol")
    x = real_frames(100, 5).positions
    forces = []
    for n_points in (None, 40):
        training = real_training(start, n_points)
        terms, moves = solver_of(training)(training, usual())
        assert moves.shape == (0,)
        forces.append(predict(start.with_corrections(terms), x)[1])
    # a jitter of 1e-10 on the points, and 880 equations whose condition is 1e6
    np.testing.assert_allclose(forces[0], forces[1], atol=1e-3 * np.std(forces[0] - predict(start, x)[1]))


@pytest.mark.parametrize("n_points", [None, 15])
def test_a_solver_knows_what_was_held_after_a_solution(n_points: int | None) -> None:
    start, posterior = class2_fit()
    begin = real_training(start, n_points, posterior=posterior)
    held = begin.holding(np.array([0, 3, 5]))
    later, early = solver_of(begin), solver_of(begin)
    later(begin, usual())
    assert held.posterior is not None
    one, other = (held.posterior.spread.T @ solver(held, usual())[1] for solver in (later, early))
    # in units of the widths of their priors; conditions of 1e8 and more leave half of the digits
    assert np.abs((one - other) / start.parameter_table.prior_widths[posterior.fitted]).max() < 1e-4


@pytest.mark.parametrize("n_points", [None, 15])
def test_a_solver_knows_pseudo_frames_that_came_after_a_solution(n_points: int | None) -> None:
    start, place = force_field("ethanol"), real_frames(100, 1).positions
    energies, means = [], []
    for early in (True, False):
        training = real_training(start, n_points)
        solver = solver_of(training)
        if not early:
            solver(training, usual())
        terms, _ = solver(training.with_pseudo_frames(PseudoFrames.at(place, 1e-4)).with_pseudo_energy(-3.0), usual())
        hybrid = start.with_corrections(terms)
        energies.append(float(predict(hybrid, place)[0][0] - predict(start, place)[0][0]))
        x = real_frames().positions
        means.append(float(np.mean(predict(hybrid, x)[0] - predict(start, x)[0])))
    # rows that are added to equations, or there from the beginning
    assert energies[0] == pytest.approx(energies[1], abs=1e-3 * abs(energies[0]))
    assert energies[0] - means[0] == pytest.approx(-3.0, abs=1.0)
