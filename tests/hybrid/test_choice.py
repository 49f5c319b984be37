from dataclasses import replace

import numpy as np
import pytest
from ethanol import ATOMS, class2_fit, real_frames, spring_task
from models import force_field

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Objective
from hybridff.hybrid.choice import choose, first_training, predictions_of, subset, usual_hyperparameters
from hybridff.hybrid.material import CorrectionInputs, CorrectionTask, prepare
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.scoring import scored
from hybridff.hybrid.solver import solver_of
from hybridff.hybrid.training import TrainingData
from hybridff.units import FORCE_KCAL


def material(n: int = 30, **options) -> CorrectionInputs:
    return prepare(replace(spring_task(n), options=CorrectionOptions(**options)))


def test_both_descriptors_are_scored_with_the_hyperparameters_of_the_beginning() -> None:
    own = material()
    found, first = choose(own), first_training(own)
    scores = [each(first.begin) for each in predictions_of(first, own.validation.residual, own.candidates)]
    assert len(set(scores)) == 2
    assert found.predictions is not None
    assert found.predictions(first.begin) == min(scores)
    assert found.training.fragments == own.candidates[scores.index(min(scores))]


@pytest.mark.parametrize("best", [0, 1])
def test_the_descriptor_that_predicts_validation_frames_better_is_taken(
    best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = material()

    def predictions(
        training: TrainingData, validation: Residual, candidates: tuple[tuple[Fragment, ...], ...]
    ) -> list[Objective]:
        def of(number: int) -> Objective:
            return lambda state: -float(number == best)

        return [of(number) for number in range(len(candidates))]

    monkeypatch.setattr("hybridff.hybrid.choice.predictions_of", predictions)
    assert choose(own).training.fragments is own.candidates[best]


def test_with_few_points_kernels_are_trained_for_their_scores() -> None:
    found = choose(material(points=10))
    assert found.predictions is None
    assert found.training.n_points == 10
    assert found.training.fragments == found.material.candidates[0]


def test_of_many_frames_some_predict_others(monkeypatch: pytest.MonkeyPatch) -> None:
    own = material()
    assert not choose(own).partial
    monkeypatch.setattr("hybridff.hybrid.choice._PREDICTED", own.residual.n_values - 1)
    monkeypatch.setattr("hybridff.hybrid.choice._PREDICTED_BY_SOME", own.residual.n_values // 2)
    found = choose(own)
    assert found.partial
    some = subset(first_training(own)).residual
    assert len(some) == len(own.residual)  # with some directions of each
    assert some.n_values <= own.residual.n_values // 2
    assert len(found.training.residual) == len(own.residual)


def test_kernels_that_some_frames_choose_are_not_too_strong_for_conjugate_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = material()
    monkeypatch.setattr("hybridff.hybrid.choice._PREDICTED", own.residual.n_values - 1)
    monkeypatch.setattr("hybridff.hybrid.choice._PREDICTED_BY_SOME", own.residual.n_values // 2)
    found = choose(own)
    begin, score = found.training.begin, found.predictions
    assert score is not None
    assert begin.force_noise == pytest.approx(max(0.1 * own.validation.deviations()[0], first_noise(own)))
    assert begin.energy_noise == pytest.approx(0.005 * begin.force_noise)
    assert np.isfinite([score(begin), score(begin.with_noise(2 * begin.force_noise))]).all()
    assert score(begin.with_noise(0.99 * begin.force_noise)) == np.inf
    assert score(replace(begin, amplitudes=(301 * begin.force_noise,))) == np.inf
    bare = replace(own, task=replace(own.task, force_field=own.task.force_field.without_terms()))
    assert choose(bare).training.begin.force_noise == first_noise(own)
    fixed = choose(replace(own, task=replace(own.task, options=CorrectionOptions(kernel_noise=1e-3))))
    assert fixed.training.begin.force_noise == pytest.approx(1e-3 * FORCE_KCAL)


def first_noise(own: CorrectionInputs) -> float:
    return first_training(own).begin.force_noise


def test_what_would_leave_its_bounds_is_held_before_anything_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    start, posterior = class2_fit()
    table = type(start.parameter_table)
    narrow = property(lambda self: (self.values - 1e-2 * self.prior_widths, self.values + 1e-2 * self.prior_widths))
    monkeypatch.setattr(table, "bounds", narrow)
    task = CorrectionTask(
        force_field=start,
        frames=real_frames(),
        validation=real_frames(60, 20),
        atoms=[range(9)],
        options=CorrectionOptions(descriptor="distances"),
        posterior=posterior,
    )
    assert choose(prepare(task)).training.held


def test_predictions_score_as_trained_kernels_do() -> None:
    """A kernel on all atoms for twenty validation frames, of which all are predicted."""
    task = spring_task()
    own = prepare(replace(task, atoms=[range(9)]))
    training = first_training(own)
    predicted = predictions_of(training, own.validation.residual, [training.fragments])[0](training.begin)
    trained = scored(training, training.begin, solver_of(training), own.validation).score
    # noise of the forces that shifts or turns the molecule counts for trained kernels alone
    assert predicted == pytest.approx(trained, rel=0.02)


def test_a_search_begins_with_what_the_options_fix() -> None:
    begin = usual_hyperparameters(material(kernel_width=0.7, kernel_noise=0.4))
    assert begin.widths == pytest.approx((7.0,))
    assert begin.force_noise == pytest.approx(0.4 * FORCE_KCAL)


def test_amplitudes_begin_as_shares_of_the_forces_on_the_atoms_of_kernels() -> None:
    own = material()
    forces = own.task.frames.forces
    assert forces is not None
    begin = usual_hyperparameters(own)
    scale = np.sqrt(np.mean(forces[:, list(ATOMS)] ** 2))
    assert begin.amplitudes == pytest.approx((0.3 * scale,))
    assert begin.force_noise == pytest.approx(0.001 * scale)


def test_kernels_with_few_points_begin_with_more_noise() -> None:
    own = material(points=10)
    assert usual_hyperparameters(own).force_noise == pytest.approx(0.3 * own.validation.deviations()[0])


def test_first_pseudo_frames_are_at_conformers_that_no_frame_shows() -> None:
    own = material()
    assert own.region is not None
    found = first_training(own).pseudo_frames
    np.testing.assert_array_equal(found.positions, own.region.pseudo_frames(ATOMS).positions)
    assert len(found) == 40
    bare = prepare(replace(spring_task(10), force_field=force_field("ethanol").without_terms()))
    assert len(first_training(bare).pseudo_frames) == 0
