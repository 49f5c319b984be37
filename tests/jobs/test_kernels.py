from dataclasses import replace

import numpy as np
import pytest
from ethanol import ATOMS, spring_frames, spring_task, validation_frames
from models import force_field

from hybridff.errors import FitError, InputError
from hybridff.jobs.job import FitJob
from hybridff.jobs.kernels import check_kernels, kernels_beside


def test_kernels_need_validation_frames_or_training_frames_to_leave_out_or_a_cheap_level() -> None:
    none = spring_frames(10).subset(np.zeros(0, dtype=int))
    check_kernels("ethanol", spring_frames(10), validation_frames(), [ATOMS], taught=False)
    check_kernels("ethanol", spring_frames(20), none, [ATOMS], taught=False)
    check_kernels("ethanol", spring_frames(10), none, [ATOMS], taught=True)
    with pytest.raises(FitError, match="ethanol has 10 training frames and none for validation; a correction needs at"):
        check_kernels("ethanol", spring_frames(10), none, [ATOMS], taught=False)
    with pytest.raises(FitError, match="has 3 validation frames; a correction needs at least 5"):
        check_kernels("ethanol", spring_frames(20), spring_frames(3), [ATOMS], taught=True)
    with pytest.raises(InputError, match="two corrections are on the same atoms"):
        check_kernels("ethanol", spring_frames(20), none, [ATOMS, ATOMS], taught=True)


def test_too_few_frames_without_validation_frames_have_no_kernels() -> None:
    job = FitJob.of(gate="none")
    task = spring_task(10)
    none = task.frames.subset(np.zeros(0, dtype=int))
    assert kernels_beside(force_field("ethanol"), replace(task, validation=none), job) is None
