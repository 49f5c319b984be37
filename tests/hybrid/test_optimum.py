import math
from dataclasses import replace

import pytest
from ethanol import ATOMS, spring_task
from models import force_field

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.hybrid.choice import ChosenDescriptors, choose
from hybridff.hybrid.material import CorrectionInputs, prepare
from hybridff.hybrid.optimum import TrainingScores, optimise
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.scoring import Scored
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation


@pytest.fixture(scope="module")
def material() -> CorrectionInputs:
    return prepare(spring_task())


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test alone."""
    monkeypatch.setenv("HYBRIDFF_CACHE", str(tmp_path))


def choice(material: CorrectionInputs, score, **options) -> ChosenDescriptors:
    """A choice whose scores are a function of the hyperparameters."""
    own = replace(material.task.options, **options)
    return replace(choose(replace(material, task=replace(material.task, options=own))), predictions=score)


def rising(state: Hyperparameters) -> float:
    """Better with larger noise and length scales, without end."""
    return -math.log(state.force_noise) - math.log(state.widths[0])


def test_what_the_options_leave_open_is_changed_as_long_as_that_helps(material: CorrectionInputs) -> None:
    """Best with nine times the noise and twice the length scale of the beginning."""
    begin = choose(material).training.begin

    def score(state: Hyperparameters) -> float:
        noise, width = state.force_noise / begin.force_noise, state.widths[0] / begin.widths[0]
        return abs(math.log(noise / 9)) + abs(math.log(width / 2)) - 10

    found = optimise(choice(material, score)).hyperparameters
    assert found.force_noise == pytest.approx(9 * begin.force_noise)
    assert found.widths[0] == pytest.approx(2 * begin.widths[0])
    assert found.amplitudes == begin.amplitudes


def test_width_and_noise_are_those_that_the_options_fix(material: CorrectionInputs) -> None:
    found = optimise(choice(material, rising, kernel_width=0.7, kernel_noise=0.4))
    assert found.hyperparameters.widths == found.training.begin.widths
    assert found.hyperparameters.force_noise == found.training.begin.force_noise


def test_no_more_than_forty_hyperparameters_are_scored_by_predictions(material: CorrectionInputs) -> None:
    seen: list[Hyperparameters] = []

    def score(state: Hyperparameters) -> float:
        seen.append(state)
        return rising(state)

    optimise(choice(material, score))
    assert 38 <= len(seen) <= 41  # and one without the kernel, which needs no score


def test_a_kernel_without_gain_is_switched_off(material: CorrectionInputs) -> None:
    found = optimise(choice(material, lambda state: -0.01))
    assert found.hyperparameters.amplitudes == (0.0,)
    assert found.gains == (0.0,)


@pytest.mark.parametrize("together", [False, True])
def test_of_kernels_that_are_parts_of_one_none_is_switched_off_alone(*, together: bool) -> None:
    own = choose(prepare(replace(spring_task(), atoms=[ATOMS, (3, 4, 5)], together=together)))
    found = optimise(replace(own, predictions=lambda state: -1.0 if state.amplitudes[0] else 0.0))
    assert found.hyperparameters.amplitudes[0] > 0
    assert (found.hyperparameters.amplitudes[1] > 0) == together


def test_progress_is_the_share_of_the_search(material: CorrectionInputs) -> None:
    seen: list[float] = []
    optimise(choice(material, rising), progress=lambda fraction, what="", /: seen.append(fraction))
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == 1


def test_a_sentence_says_how_far_it_is_where_it_takes_long(
    material: CorrectionInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = choice(material, lambda state: -2 * math.log(2))
    said: list[str] = []
    optimise(own, said.append)
    assert said == []
    monkeypatch.setattr("hybridff.hybrid.optimum._SILENT", 0.0)
    optimise(own, said.append)
    assert said[0] == "kernels: 1 strengths tried; forces and energies of the validation frames 50 % better …"
    assert said[1].startswith("kernels: 2 strengths tried; ")


def test_with_few_points_kernels_are_trained_and_no_more_than_eight_times(monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[Hyperparameters] = []

    def scored(training: TrainingData, state: Hyperparameters, solver: Solver, validation: Validation) -> Scored:
        states.append(state)
        return Scored(rising(state), training)

    monkeypatch.setattr("hybridff.hybrid.optimum.scored", scored)
    optimise(choose(prepare(spring_task(points=5))))
    assert len(states) == 8


def test_what_a_training_holds_stays_held_in_later_ones(
    material: CorrectionInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainingData] = []

    def scored(training: TrainingData, state: Hyperparameters, solver: Solver, validation: Validation) -> Scored:
        seen.append(training)
        return Scored(-1.0, replace(training, n_points=len(seen)))  # another one, after each

    monkeypatch.setattr("hybridff.hybrid.optimum.scored", scored)
    own = choose(material)
    scores = TrainingScores(own.training, own.solver, material.validation, CorrectionOptions())
    for freedom in (1.0, 0.5, 0.25):
        scores(replace(own.training.begin, coefficient_scale=freedom))
    assert [training.n_points for training in seen] == [None, 1, 2]
    assert scores.training.n_points == 3


def test_the_length_scale_of_expensive_kernels_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.hybrid.optimum.scored", lambda training, state, *_: Scored(rising(state), training))
    monkeypatch.setattr("hybridff.hybrid.sparse_equations._CHEAP", 1.0)
    found = optimise(choose(prepare(spring_task(points=5))))
    assert found.hyperparameters.widths == found.training.begin.widths
    assert found.hyperparameters.force_noise > found.training.begin.force_noise


def test_two_kernels_may_have_different_strengths() -> None:
    task = replace(spring_task(), atoms=[ATOMS, (3, 4, 5)])
    own = choose(prepare(task))

    def score(state: Hyperparameters) -> float:
        """Better with a larger first and a smaller second amplitude."""
        return -abs(math.log(state.amplitudes[0]) - math.log(state.amplitudes[1])) if all(state.amplitudes) else 0.0

    found = optimise(replace(own, predictions=score))
    assert found.hyperparameters.amplitudes[0] != found.hyperparameters.amplitudes[1]
    assert min(found.gains) > 0.04
    assert force_field("ethanol").corrections == ()
