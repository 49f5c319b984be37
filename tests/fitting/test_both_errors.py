from dataclasses import replace

import numpy as np
from models import force_field
from synthetic import data, moved

from hybridff.fitting.both_errors import fit_both, rise_sentences, rises
from hybridff.fitting.fits import fit_together
from hybridff.fitting.nonlinear_fit import fit_nonlinear
from hybridff.fitting.options import FitOptions
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

START = force_field("propyne")


def few_frames() -> list[tuple[ForceField, Frames]]:
    """Four frames with the forces of another force field and nearly the energies of the start."""
    frames = data(moved(START, 0.3), 4, width=0.004)
    near = data(START, 4, width=0.004, energy=0.5)
    return [(START, replace(frames, energies=near.energies))]


def test_a_fit_worsens_neither_energies_nor_forces_where_a_weight_helps() -> None:
    pairs = few_frames()
    plain = fit_nonlinear(pairs, FitOptions(), ())
    assert [rise.kind for rise in rises(pairs, plain.force_fields)] == ["energies"]
    found = fit_together(pairs)
    assert rises(pairs, found.force_fields) == []
    assert not np.array_equal(found.end.values, found.start.values)


def test_a_fit_that_no_weight_helps_stays_the_one_that_was_asked_for_and_says_so() -> None:
    pairs = few_frames()
    plain = fit_nonlinear(pairs, FitOptions(), ())
    weights = []

    def fit(options: FitOptions):
        weights.append(options.energy_weight)
        return plain

    assert fit_both(pairs, FitOptions(energy_weight=2.0), fit) is plain
    assert weights == [2.0, 16.0, 128.0, 1024.0]
    (sentence,) = rise_sentences(pairs, plain.force_fields)
    assert sentence.startswith("propyne: the fit makes the energies of its own training frames worse than the start")


def test_a_fit_that_worsens_nothing_is_made_once() -> None:
    pairs = [(START, data(moved(START, 0.3), 20, width=0.004))]
    calls = []

    def fit(options: FitOptions):
        calls.append(options)
        return fit_nonlinear(pairs, options, ())

    assert rises(pairs, fit_both(pairs, FitOptions(), fit).force_fields) == []
    assert len(calls) == 1


def test_errors_at_the_rounding_of_numbers_have_not_risen() -> None:
    """Data of the start itself, which it has without an error but for rounding; a displaced one has a real error."""
    pairs = [(START, data(START, 4, width=0.004))]
    near, far = moved(START, 1e-6), moved(START, 0.3)
    assert rises(pairs, [near]) == []
    assert {rise.kind for rise in rises(pairs, [far])} == {"energies", "forces"}
