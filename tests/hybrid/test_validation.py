import math
from dataclasses import replace

import numpy as np
import pytest
from ethanol import ATOMS, real_frames, validation_frames
from models import corrected, force_field

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.term import KernelTerm
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.validation import Validation


def validation() -> Validation:
    return Validation.of(force_field("ethanol"), validation_frames(), ATOMS)


def fragments(model: ForceField) -> list[Fragment]:
    terms = [term for term in model.corrections if isinstance(term, KernelTerm)]
    return [Fragment(term.atoms, term.expansion.descriptor, term.expansion.permutations) for term in terms]


def test_forces_that_the_terms_leave_come_before_energies() -> None:
    found, frames = validation(), validation_frames()
    energies, forces = predict(force_field("ethanol"), frames.positions)
    assert frames.forces is not None
    assert found.n_forces == frames.forces.size
    np.testing.assert_array_equal(found.left[: found.n_forces], (frames.forces - forces).ravel())
    np.testing.assert_array_equal(found.left[found.n_forces :], frames.energies - energies)


def test_deviations_do_not_count_the_zero_of_energy() -> None:
    found, frames = validation(), validation_frames()
    energies, forces = predict(force_field("ethanol"), frames.positions)
    assert frames.forces is not None
    force, energy = found.deviations()
    assert force == pytest.approx(np.sqrt(np.mean((frames.forces - forces) ** 2)))
    assert energy == pytest.approx(np.std(frames.energies - energies))


def test_no_more_than_a_hundred_frames_are_predicted_by_covariance() -> None:
    found = Validation.of(force_field("ethanol"), real_frames(0, 120), range(9))
    assert len(found.residual) == 100
    assert len(found.left) == 120 * 28


def test_the_terms_themselves_score_zero_and_better_models_less() -> None:
    """The score is a sum of logarithms, of forces and of energies."""
    start, found = force_field("ethanol"), validation()
    assert found.score(start, []) == pytest.approx(0, abs=1e-12)
    values = start.parameter_table.values
    worse = start.with_values(1.2 * values)
    energies, forces = predict(worse, found.frames.positions)
    assert found.frames.forces is not None
    force, energy = found.deviations()
    expected = math.log(np.sqrt(np.mean((found.frames.forces - forces) ** 2)) / force)
    expected += math.log(np.std(found.frames.energies - energies) / energy)
    assert found.score(worse, []) == pytest.approx(expected)
    assert expected > 0


def test_kernels_that_are_switched_off_may_be_missing() -> None:
    model, found = corrected(force_field("ethanol")), validation()
    own = fragments(model)
    other = Fragment((0, 1), own[0].descriptor, own[0].permutations)
    assert found.score(model, [*own, other]) == found.score(model, own)


def test_what_single_precision_does_to_large_weights_counts() -> None:
    """Weights that all but cancel make a kernel's energy a small difference of large numbers."""
    model, found = corrected(force_field("ethanol")), validation()
    (term,) = model.corrections
    assert isinstance(term, KernelTerm)
    scores = []
    for large in (0.0, 1e9):
        kernel = term.expansion
        points, weights = kernel.points[:1], kernel.force_weights[:1]
        twice = replace(
            kernel,
            points=points.repeat(2, 1),
            force_weights=weights.repeat(2, 1) + large * weights.new_tensor([[1.0], [-1.0]]),
            energy_weights=None,
        )
        own = force_field("ethanol").with_corrections([KernelTerm(term.atoms, twice)])
        scores.append(found.score(own, fragments(own)))
    assert scores[1] > scores[0] + 0.5
