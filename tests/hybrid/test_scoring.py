import math
from dataclasses import replace

import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual
from models import force_field

from hybridff.errors import InputError
from hybridff.hybrid.scoring import scored
from hybridff.hybrid.solver import solver_of
from hybridff.hybrid.trained import train
from hybridff.hybrid.validation import Validation


def validation(start) -> Validation:
    return Validation.of(start, real_frames(60, 30), range(9))


def test_it_is_the_score_of_the_trained_kernels() -> None:
    start = force_field("ethanol")
    training, own = real_training(start), validation(start)
    solver = solver_of(training)
    found = scored(training, usual(), solver, own)
    assert found.score == own.score(train(training, usual(), solver).hybrid(), training.fragments)
    assert found.score < -1  # stock GAFF leaves a lot


def test_what_double_precision_cannot_do_is_infinitely_bad() -> None:
    def solver(training, state):
        raise InputError("too little noise")

    start = force_field("ethanol")
    training = real_training(start)
    found = scored(training, usual(), solver, validation(start))
    assert found.score == math.inf
    assert found.training is training


@pytest.mark.parametrize(("moved", "score"), [(0.0, 0.0), (0.3, math.inf)])
def test_terms_that_are_worse_by_themselves_are_not_possible(moved: float, score: float) -> None:
    """A solver that moves the coefficients alone, and finds no kernels."""
    start, posterior = class2_fit()
    training = real_training(start, posterior=posterior)
    wide = replace(posterior, spread=np.diag(start.parameter_table.prior_widths[posterior.fitted]))
    training = replace(training, posterior=wide)
    found = scored(training, usual(), lambda own, state: ([], np.full(len(wide.spread), moved)), validation(start))
    assert found.score == pytest.approx(score, abs=1e-12)
