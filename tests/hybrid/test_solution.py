from dataclasses import replace

import numpy as np
import pytest
from ethanol import ATOMS, spring_task

from hybridff.fitting.conformers import ConformerEnergies
from hybridff.frames.accuracy import evaluate
from hybridff.hybrid.choice import choose
from hybridff.hybrid.material import prepare
from hybridff.hybrid.optimum import BestHyperparameters
from hybridff.hybrid.solution import solve, without_kernels


@pytest.fixture(scope="module")
def optimum() -> BestHyperparameters:
    """A kernel with the hyperparameters that a search begins with."""
    own = choose(prepare(spring_task()))
    return BestHyperparameters(own.material, own.training, own.solver, own.training.begin, (0.5,), 2.0)


def test_kernels_are_trained_on_all_frames(optimum: BestHyperparameters) -> None:
    found = solve(optimum).corrected
    assert [term.atoms for term in found.force_field.corrections] == [ATOMS]
    assert found.n_points == (30,)
    assert found.n_frames == 30
    assert found.atoms == (ATOMS,)
    assert found.gains == (0.5,)
    assert not found.joint
    assert not found.angular
    assert found.seconds > 2.0
    task = optimum.material.task
    assert found.energy_offset == evaluate(found.force_field, task.frames).energy_offset


def test_noise_is_a_factor_of_the_best(optimum: BestHyperparameters) -> None:
    best, found = optimum.hyperparameters, solve(optimum, 3.0).corrected.hyperparameters
    assert found.force_noise == 3 * best.force_noise
    assert found.energy_noise == 3 * best.energy_noise
    assert found.amplitudes == best.amplitudes


def test_kernels_that_are_switched_off_are_not_trained(optimum: BestHyperparameters) -> None:
    off = replace(optimum, hyperparameters=optimum.hyperparameters.without(0))
    found = solve(off)
    assert found.optimum is off
    assert found.corrected.force_field is optimum.material.task.force_field
    assert found.corrected.n_points == (0,)
    assert found.corrected.remarks == ()


def test_a_kernel_that_is_no_better_than_the_terms_is_left_out(
    optimum: BestHyperparameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PredictionScore said something else, say."""
    monkeypatch.setattr("hybridff.hybrid.solution.LEAST_GAIN", 100.0)
    found = solve(optimum).corrected
    assert found.force_field.corrections == ()
    assert found.n_points == (0,)
    assert found.sentences()[-1].startswith("There is no correction: on the validation frames")


def test_a_solution_goes_on_with_the_pseudo_frames_of_the_last(
    optimum: BestHyperparameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = optimum.training.pseudo_frames.positions[:1]
    monkeypatch.setattr(
        "hybridff.hybrid.unseen.false_minima", lambda unseen, hybrid: ConformerEnergies(at, at, np.zeros(1))
    )
    before = len(optimum.training.pseudo_frames)
    first = solve(optimum)
    assert first.corrected.n_pseudo_frames == before + 3
    assert solve(first.optimum, 3.0).corrected.n_pseudo_frames == before + 6
    assert len(optimum.training.pseudo_frames) == before


def test_without_kernels_the_force_field_is_what_it_was(optimum: BestHyperparameters) -> None:
    found = without_kernels(optimum, "They are dangerous.")
    assert found.force_field is optimum.material.task.force_field
    assert found.remarks == ("They are dangerous.",)
    assert found.seconds == optimum.seconds
    assert found.sentences()[0].endswith("is switched off.")
