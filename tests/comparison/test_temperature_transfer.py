import numpy as np
import pytest
from benchmark import benchmark_set

from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.comparison.temperature_transfer import FrameDeviations, fitted_rows, frame_deviations
from hybridff.frames.accuracy import evaluate
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, EV

HOW = BenchmarkFit(form="class2", gate=GateOptions(gate="none"), validated_priors=False)


def test_errors_of_every_test_set_are_in_mev() -> None:
    data = benchmark_set()
    tests = [data.frames.subset(np.arange(60, 70)), data.frames.subset(np.arange(70, 80))]
    found = fitted_rows(data, tests, HOW, (80, 0), seeds=3)
    rows = data.frames.split(80, 0, 0)
    fitted = fit_as_the_command_does(data, rows, HOW)
    forces = [evaluate(fitted.force_field, frames, fitted.energy_offset).force_rmse for frames in tests]
    # all frames train, so that there is one choice of them
    assert found.force == " / ".join(f"{(force or 0) / (EV / 1000 / ANGSTROM):.1f}" for force in forces)
    assert found.gate == "not asked for"
    assert found.verdicts == ("seed 0: no gate.",)


def test_several_choices_of_frames_have_a_range() -> None:
    data = benchmark_set()
    found = fitted_rows(data, [data.frames], HOW, (40, 0), seeds=2)
    assert found.energy.count("±") == 1
    assert [verdict[:6] for verdict in found.verdicts] == ["seed 0", "seed 1"]


def test_a_posterior_predicts_how_far_it_is_off() -> None:
    data = benchmark_set()
    fitted = fit_as_the_command_does(data, data.split(30, 20, 30, 0), HOW)
    found = frame_deviations(fitted, data.frames)
    assert found.force.shape == found.energy.shape == (2, 80)
    whole = evaluate(fitted.force_field, data.frames, fitted.energy_offset)
    assert np.sqrt((found.force[1] ** 2).mean()) == pytest.approx(whole.force_rmse)
    assert (found.force[0] > 0).all()


def test_rank_correlations_are_of_predicted_and_actual() -> None:
    up, down = np.arange(10.0), np.arange(10.0)[::-1]
    found = FrameDeviations(np.stack([up, down]), np.stack([up, up**3]))
    assert found.rank_correlations() == pytest.approx((1.0, -1.0))
    joined = FrameDeviations.joined([found, found])
    assert joined.force.shape == (2, 20)
