from dataclasses import replace

import numpy as np
import pytest
from ethanol import class2_fit, real_frames, real_training, usual
from models import force_field

from hybridff.hybrid.pseudo_frames import PseudoFrames


def test_what_is_held_cannot_be_moved_by_the_rest_of_the_posterior() -> None:
    start, posterior = class2_fit()
    before = real_training(start, posterior=posterior)
    places = np.array([0, 3, 5])
    found = before.holding(places)
    assert found.posterior is not None
    widths = start.parameter_table.prior_widths[posterior.fitted]
    open_before, open_after = (np.linalg.norm(own.spread, axis=0) / widths for own in (posterior, found.posterior))
    # an orthogonal projection in double precision
    assert open_after[places].max() < 1e-9 < open_before[places].min()
    assert np.delete(open_after, places).max() > 0.1 * np.delete(open_before, places).max()
    assert [held.places for held in found.held] == [places]
    assert found.held[0].directions.shape == (len(posterior.spread), 3)


def test_a_training_stays_as_it_was_when_another_is_made_from_it() -> None:
    start, posterior = class2_fit()
    before = real_training(start, posterior=posterior)
    spread = posterior.spread.copy()
    before.holding(np.array([1])).with_pseudo_frames(PseudoFrames.at(real_frames(100, 1).positions, 0.1))
    assert before.held == ()
    assert len(before.pseudo_frames) == 0
    np.testing.assert_array_equal(posterior.spread, spread)


def test_more_is_held_after_what_is_held() -> None:
    start, posterior = class2_fit()
    found = real_training(start, posterior=posterior).holding(np.array([2])).holding(np.array([1, 4]))
    assert [held.places.tolist() for held in found.held] == [[2], [1, 4]]
    one, other = (held.directions for held in found.held)
    # directions are those of what the first have left
    np.testing.assert_allclose(one.T @ other, 0, atol=1e-9)


def test_pseudo_frames_come_after_those_that_there_are_and_have_one_energy() -> None:
    x = real_frames(100, 3).positions
    begin = real_training(force_field("ethanol"))
    found = begin.with_pseudo_frames(PseudoFrames.at(x[:1], 0.1)).with_pseudo_frames(PseudoFrames.at(x[1:], 0.2))
    np.testing.assert_array_equal(found.pseudo_frames.positions, x)
    np.testing.assert_array_equal(found.with_pseudo_energy(-3.0).pseudo_frames.energies, [-3.0] * 3)


def test_the_variance_of_a_kernel_grows_as_the_square_of_its_amplitude() -> None:
    training = real_training(force_field("ethanol"))
    (one,) = training.priors(usual()).kernels
    assert one.width == usual().widths[0]
    twice = replace(usual(), amplitudes=(2 * usual().amplitudes[0],))
    assert training.priors(twice).kernels[0].variance == pytest.approx(4 * one.variance)
