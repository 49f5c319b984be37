from dataclasses import replace

import pytest
from ethanol import ATOMS, spring_frames, spring_task, validation_frames
from models import force_field

from hybridff.errors import FitError
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.leaving_out import correct_leaving_out
from hybridff.stability.gate import GateOptions

NO_GATE = GateOptions(gate="none")


class Refit:
    """Fits nothing, and knows the frames that it was asked to fit to."""

    def __init__(self) -> None:
        self.frames: list[Frames] = []

    def __call__(self, frames: Frames) -> tuple[ForceField, Posterior | None]:
        self.frames.append(frames)
        return force_field("ethanol"), None


def test_a_kernel_chosen_by_frames_that_are_left_out_is_trained_on_all_frames() -> None:
    task, refit = replace(spring_task(40), validation=None), Refit()
    found = correct_leaving_out(task, refit, NO_GATE)
    assert [len(frames) for frames in refit.frames] == [32]
    assert found.n_frames == 40
    assert found.n_points == (40,)
    by_validation = correct_stable(spring_task(40), NO_GATE)
    before, by_others, by_own = (
        evaluate(one, validation_frames()).force_rmse or 0.0
        for one in (force_field("ethanol"), by_validation.force_field, found.force_field)
    )
    assert by_own == pytest.approx(by_others, rel=0.5)
    assert by_own < 0.3 * before


def test_a_kernel_that_does_not_help_on_the_frames_left_out_is_switched_off() -> None:
    noise = replace(spring_task(40), frames=spring_frames(40, extra=0.0, noise=60.0), validation=None)
    found = correct_leaving_out(noise, Refit(), NO_GATE)
    assert found.force_field.corrections == ()
    assert found.atoms == (tuple(ATOMS),)
    assert "switched off" in found.sentences()[-1]


def test_too_few_frames_to_leave_some_out_are_refused() -> None:
    with pytest.raises(FitError, match="ethanol has 10 training frames and none for validation"):
        correct_leaving_out(replace(spring_task(10), validation=None), Refit(), NO_GATE)
