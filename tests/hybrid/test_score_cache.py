import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual
from models import force_field

from hybridff.hybrid.hot_frames import HotFrames
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.score_cache import digest, remembered
from hybridff.hybrid.scoring import Scored
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test alone."""
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


def never() -> Scored:
    raise AssertionError("it was computed again")


def class2_training() -> TrainingData:
    start, posterior = class2_fit()
    return real_training(start, posterior=posterior)


@pytest.mark.parametrize("score", [-0.12345678901234567, math.inf])
def test_a_score_is_remembered_to_the_last_digit(score: float) -> None:
    training = real_training(force_field("ethanol"))
    assert remembered("one", training, usual(), lambda: Scored(score, training)).score == score
    again = remembered("one", training, usual(), never)
    assert again.score == score
    assert again.training is training


def test_what_came_to_be_held_is_held_again() -> None:
    training = class2_training().holding(np.array([0]))
    held = training.holding(np.array([3, 5])).holding(np.array([1]))
    first = remembered("one", training, usual(), lambda: Scored(-1.0, held))
    assert first.training is held
    again = remembered("one", training, usual(), never).training
    assert [one.places.tolist() for one in again.held] == [[0], [3, 5], [1]]
    assert again.posterior is not None
    assert held.posterior is not None
    np.testing.assert_allclose(again.posterior.spread, held.posterior.spread, atol=1e-12)


def test_other_hyperparameters_another_problem_and_more_that_is_held_are_scored_anew() -> None:
    training = class2_training()
    kept = remembered("one", training, usual(), lambda: Scored(-1.0, training)).score
    other = Scored(-2.0, training)
    assert remembered("two", training, usual(), lambda: other).score == -2.0
    assert remembered("one", training.holding(np.array([0])), usual(), lambda: other).score == -2.0
    assert remembered("one", training, replace(usual(), coefficient_scale=0.5), lambda: other).score == -2.0
    assert remembered("one", training, usual(), never).score == kept


def test_a_search_has_the_same_digest_every_time_and_another_with_other_data() -> None:
    start, posterior = class2_fit()
    training, options = class2_training(), CorrectionOptions()
    validation = Validation.of(start, real_frames(60, 20), range(9))
    one = digest(training, validation, options)
    assert digest(class2_training(), Validation.of(start, real_frames(60, 20), range(9)), CorrectionOptions()) == one
    pseudo = PseudoFrames.at(real_frames(90, 1).positions, 0.1)
    others = (
        (replace(training, residual=training.residual.subset(np.arange(39))), validation, options),
        (replace(training, residual=training.residual.subset(np.arange(40)[::-1])), validation, options),
        (replace(training, posterior=None), validation, options),
        (replace(training, posterior=replace(posterior, spread=0.5 * posterior.spread)), validation, options),
        (replace(training, n_points=20), validation, options),
        (training.with_pseudo_frames(pseudo), validation, options),
        (replace(training, hot=HotFrames(training.residual, 0.01)), validation, options),
        (replace(training, hot=HotFrames(training.residual, 0.02)), validation, options),
        (training, Validation.of(start, real_frames(61, 20), range(9)), options),
        (training, validation, CorrectionOptions(kernel_width=1.0)),
    )
    assert len({one, *(digest(*other) for other in others)}) == 1 + len(others)
