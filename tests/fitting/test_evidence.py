import math

import numpy as np
import pytest
from synthetic import class2, data, moved, unbounded
from systems import system_of

from hybridff.fitting.estimate import solve
from hybridff.fitting.evidence import learn_noise, learn_widths, learnt_precision, limit, noise_left
from hybridff.fitting.linear_fit import fit_linear
from hybridff.fitting.noise import Noise
from hybridff.fitting.options import FitOptions


def test_the_noise_of_data_is_learnt() -> None:
    start = class2("acetaldehyde")
    system = system_of(start, data(moved(start, 0.2), 300, energy=2.0, force=60.0))
    noise = learn_noise(system).noise
    # 300 energies give their deviation to 1/sqrt(600) = 4 %, 6300 force components theirs to 0.9 %.
    assert noise.energy == pytest.approx(2.0, rel=0.15)
    assert noise.force == pytest.approx(60.0, rel=0.04)


def test_learnt_noise_gives_itself_again() -> None:
    start = class2("propyne")
    system = system_of(start, data(moved(start, 0.2), 40, energy=1.0, force=30.0))
    learnt = learn_noise(system, rounds=20)
    again = noise_left(system.data, solve(system, learnt))
    assert again.energy == pytest.approx(learnt.noise.energy, rel=0.03)
    assert again.force == pytest.approx(learnt.noise.force, rel=0.03)


def test_data_that_a_form_follows_exactly_leave_a_little_noise() -> None:
    start = class2("propyne")
    frames = data(start, 40)
    system = system_of(start, frames)
    found = noise_left(system.data, solve(system, learn_noise(system)))
    assert found.energy == pytest.approx(1e-6, rel=0.1)
    # What rounding leaves of a sum of squares, 1e-16 of those of all forces, some ten times over.
    assert frames.forces is not None
    assert 1e-5 <= found.force < 5e-8 * np.sqrt((frames.forces**2).mean())


def test_a_scale_of_the_priors_is_part_of_their_precision() -> None:
    start = class2("propyne")
    system = system_of(start, data(moved(start, 0.2), 10, energy=1.0, force=30.0))
    learnt = learn_noise(system, 0.5)
    assert learnt.prior_scale == 0.5
    np.testing.assert_array_equal(learnt.precision, 4.0)


def test_a_family_whose_coefficients_hardly_move_gets_narrow_priors_and_the_others_wide_ones() -> None:
    start = class2("propyne")
    system = system_of(start, data(moved(start, 0.2), 40, energy=0.1, force=3.0))
    found = solve(system, learn_noise(system))
    families = np.where(np.arange(len(found.moves)) % 2, "odd", "even")
    learnt = learnt_precision(found, families)
    for family in ("odd", "even"):
        own = families == family
        assert len(set(learnt[own])) == 1
        n_determined = (1 - found.covariance.variances[own]).sum()
        expected = (n_determined + 0.5) / ((found.moves[own] ** 2).sum() + 0.5)
        assert learnt[own][0] == pytest.approx(np.clip(expected, 0.01, 100.0), rel=1e-9)
    assert learn_widths(system).precision.std() > 0


def test_evidence_finds_the_width_that_coefficients_were_drawn_with() -> None:
    start = unbounded(class2("ethanol"))
    p = start.parameter_table
    family = "angle²·angle 0"
    own = np.array([quantity == family for quantity in p.quantities])
    assert own.sum() >= 20
    draws = np.random.default_rng(0).normal(size=own.sum())
    truth = start.with_values(p.values + np.zeros(len(p)))
    for width in (0.4, 2.5):
        drawn = p.values.copy()
        drawn[own] = width * p.prior_widths[own] * draws
        truth = start.with_values(drawn)
        frames = data(truth, 100, width=0.015, energy=0.2, force=5.0)
        result = fit_linear([(start, frames)], FitOptions(widths="learnt"))
        before, after = (kinds[family].prior_width for kinds in (p.kinds, result.start.kinds))
        assert before is not None
        assert after is not None
        # As many draws give their deviation to 1/sqrt(2n), some 15 %.
        assert after / before == pytest.approx(width * np.sqrt(np.mean(draws**2)), rel=0.3)
        unused = result.start.kinds["bond·bond 0"].prior_width
        assert unused is not None
        assert unused < 0.5 * (p.kinds["bond·bond 0"].prior_width or 0.0)


def test_few_data_neither_switch_a_family_off_nor_set_it_free() -> None:
    start = class2("acetaldehyde")
    result = fit_linear([(start, data(moved(start, 3.0), 3))], FitOptions(widths="learnt"))
    p = start.parameter_table
    for name in set(np.array(p.quantities)[p.adjustable]):
        before, after = (kinds[name].prior_width for kinds in (p.kinds, result.start.kinds))
        assert before is not None
        assert after is not None
        assert 0.1 - 1e-9 <= after / before <= 10 + 1e-9


def test_turns_that_shrink_by_a_factor_are_followed_to_their_end() -> None:
    turns = [Noise(2.0 * math.exp(-(0.3**k)), 40.0 * math.exp(0.5 * 0.1**k)) for k in range(3)]
    found = limit(*turns)
    assert found.energy == pytest.approx(2.0, rel=1e-12)
    assert found.force == pytest.approx(40.0, rel=1e-12)


def test_turns_that_do_not_come_to_rest_end_with_the_last() -> None:
    assert limit(Noise(1.0, 3.0), Noise(0.5, 3.0), Noise(0.1, 3.0)) == Noise(0.1, 3.0)
    assert limit(Noise(1.0, 1.0), Noise(2.0, 2.0), Noise(1.5, 3.9)) == Noise(1.5, 3.9)
