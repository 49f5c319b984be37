from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual

from hybridff.corrections import iterative
from hybridff.corrections.low_rank import LowRankInverse
from hybridff.frames.accuracy import predict
from hybridff.hybrid.full_equations import CoefficientRowsCache, solve_full
from hybridff.hybrid.iterative_equations import IterativeCache, solve_iterative
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.training import TrainingData


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test alone."""
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


def forces(training: TrainingData, terms: list, moves: np.ndarray, x: np.ndarray) -> np.ndarray:
    start, posterior = training.residual.force_field, training.posterior
    values = start.parameter_table.values.copy()
    if posterior is not None:
        values[posterior.fitted] += posterior.spread.T @ moves
    return predict(start.with_values(values).with_corrections(terms), x)[1]


@pytest.mark.parametrize("free", [False, True])
def test_both_solutions_are_the_same_to_a_hundredth_of_the_noise(*, free: bool) -> None:
    start, posterior = class2_fit()
    training = real_training(start, posterior=posterior if free else None)
    state, frames = replace(usual(), coefficient_scale=0.3), real_frames(100, 20).positions
    for x, most in ((training.residual.positions, 0.01), (frames, 0.03)):
        one = forces(training, *solve_full(training, state, CoefficientRowsCache()), x)
        other = forces(training, *solve_iterative(training, state, IterativeCache()), x)
        assert np.sqrt(np.mean((one - other) ** 2)) < most * state.force_noise
        assert np.sqrt(np.mean((one - predict(start, x)[1]) ** 2)) > 3 * state.force_noise


@pytest.mark.slow
def test_a_cache_is_good_for_all_that_is_made_from_a_training() -> None:
    """Other scales of the coefficients, held ones, noise, and more pseudo-frames."""
    start, posterior = class2_fit()
    begin = real_training(start, posterior=posterior)
    more = begin.holding(np.array([0, 3])).with_pseudo_frames(PseudoFrames.at(real_frames(100, 2).positions, 0.1))
    x = real_frames(120, 10).positions
    kept = IterativeCache()
    for training, state in (
        (begin, usual()),
        (begin, replace(usual(), coefficient_scale=0.1)),
        (begin.holding(np.array([0, 3])), replace(usual(), coefficient_scale=0.1, force_noise=10.0)),
        (more, replace(usual(), coefficient_scale=0.3)),
        (more.with_pseudo_energy(3.0), replace(usual(), coefficient_scale=0.3)),
    ):
        one, other = (
            forces(training, *solve_iterative(training, state, cache), x) for cache in (kept, IterativeCache())
        )
        assert np.sqrt(np.mean((one - other) ** 2)) < 0.03 * state.force_noise


def test_progress_is_told() -> None:
    seen: list[float] = []
    training = real_training(class2_fit()[0])
    solve_iterative(training, usual(), IterativeCache(lambda share, what="", /: seen.append(share)))
    assert seen[0] == 0 < seen[-1] <= 1


def test_the_preconditioner_is_made_once_for_the_same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*arguments: Any) -> LowRankInverse:
        made.append(arguments)
        return LowRankInverse(*arguments)

    monkeypatch.setattr(iterative, "LowRankInverse", counted)
    start, posterior = class2_fit()
    training, cache = real_training(start, posterior=posterior), IterativeCache()
    held = training.holding(np.array([0, 3]))
    more = held.with_pseudo_frames(PseudoFrames.at(real_frames(100, 2).positions, 0.1))
    for own in (training, held, more):
        solve_iterative(own, usual(), cache)
    assert len(made) == 1
    solve_iterative(more, replace(usual(), force_noise=10.0), cache)
    assert len(made) == 2
