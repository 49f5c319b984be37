from dataclasses import replace

import numpy as np
import pytest
from ethanol import class2_fit, energies_of_kernels, real_frames, real_training, usual
from models import force_field

from hybridff import Frames
from hybridff.frames.accuracy import predict
from hybridff.hybrid.hot_frames import HotFrames
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.sparse_equations import SparseProblemCache, solve_sparse, widths_are_cheap
from hybridff.hybrid.training import TrainingData


def moves_of(training: TrainingData, cache: SparseProblemCache) -> np.ndarray:
    return solve_sparse(training, usual(), cache)[1]


def test_equations_are_kept_for_the_last_two_length_scales() -> None:
    cache, training = SparseProblemCache(), real_training(force_field("ethanol"), 5)
    first, second = (cache.problem(training, (width,)) for width in (10.0, 20.0))
    assert cache.problem(training, (10.0,)) is first
    assert cache.problem(training, (20.0,)) is second
    cache.problem(training, (40.0,))  # the first one goes
    assert cache.problem(training, (20.0,)) is second
    assert cache.problem(training, (10.0,)) is not first


def test_kept_equations_hold_coefficients_as_new_ones_do() -> None:
    start, posterior = class2_fit()
    cache, training = SparseProblemCache(), real_training(start, 15, posterior=posterior)
    whole = moves_of(training, cache)
    held = training.holding(np.array([0, 3])).holding(np.array([5]))
    kept, new = moves_of(held, cache), moves_of(held, SparseProblemCache())
    assert held.posterior is not None
    by_kept, by_new, before = (held.posterior.spread.T @ moves for moves in (kept, new, whole))
    widths = start.parameter_table.prior_widths[posterior.fitted]
    # in units of the widths of their priors; conditions of 1e8 and more leave half of the digits
    assert np.abs((by_kept - by_new) / widths).max() < 1e-4
    assert np.abs((by_new - before) / widths).max() > 1e-2


def test_kept_equations_take_in_newer_pseudo_frames_as_new_ones_do() -> None:
    x, start = real_frames(100, 2).positions, force_field("ethanol")
    cache, training = SparseProblemCache(), real_training(start, 15)
    solve_sparse(training, usual(), cache)
    some = training.with_pseudo_frames(PseudoFrames.at(x[:1], 1e-4)).with_pseudo_energy(-3.0)
    solve_sparse(some, usual(), cache)
    more = some.with_pseudo_frames(PseudoFrames.at(x[1:], 1e-4)).with_pseudo_energy(-5.0)
    energies = [
        energies_of_kernels(start.with_corrections(solve_sparse(more, usual(), own)[0]), x)
        for own in (cache, SparseProblemCache())
    ]
    np.testing.assert_allclose(energies[0], energies[1], rtol=1e-3)
    terms, _ = solve_sparse(training, usual(), SparseProblemCache())
    without = energies_of_kernels(start.with_corrections(terms), x)
    assert np.abs(energies[0] - without).min() > 0.1


def test_hot_frames_hold_kernels_with_few_points() -> None:
    start = force_field("ethanol")
    x = real_frames(100, 30).positions
    labelled = Frames(start.molecule.numbers, x, *predict(start, x))
    hot = HotFrames(Residual.of(start, labelled, range(9)), 0.01)
    forces = []
    for own in (hot, None):
        terms, _ = solve_sparse(real_training(start, 15, hot=own), usual(), SparseProblemCache())
        hybrid = start.with_corrections(terms)
        forces.append(np.std(predict(hybrid, x)[1] - labelled.forces))
    assert forces[0] < 0.9 * forces[1]


def test_coefficients_that_are_less_free_move_less() -> None:
    start, posterior = class2_fit()
    training = real_training(start, 15, posterior=posterior)
    free = moves_of(training, SparseProblemCache())
    _, bound = solve_sparse(training, replace(usual(), coefficient_scale=0.01), SparseProblemCache())
    assert np.linalg.norm(bound) < 0.1 * np.linalg.norm(free)


@pytest.mark.parametrize(("n_points", "cheap"), [(None, True), (10, True), (100_000, False)])
def test_other_length_scales_are_tried_where_equations_are_small(n_points: int | None, *, cheap: bool) -> None:
    """A hundred thousand points are as many as memory allows: 7000 functions."""
    training = real_training(force_field("ethanol"), n_points)
    frames = replace(training, residual=training.residual.subset(np.zeros(3000, dtype=int)))
    assert widths_are_cheap(frames) is cheap
