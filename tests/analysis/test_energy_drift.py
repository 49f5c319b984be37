import numpy as np
import pytest
from models import force_field

from hybridff.analysis.energy_drift import DriftOptions, energy_drift, regression


def test_a_line_without_noise_has_its_slope_and_no_error() -> None:
    slope, error = regression(3.0 + 0.25 * np.arange(50.0) + 1e-9 * np.random.default_rng(0).normal(size=50))
    assert slope == pytest.approx(0.25)
    assert error < 1e-9


def test_errors_are_those_of_the_scatter_of_many_lines() -> None:
    random = np.random.default_rng(1)
    fits = np.array([regression(random.normal(size=40)) for _ in range(400)])
    assert fits[:, 1].mean() == pytest.approx(fits[:, 0].std(), rel=0.15)  # 400 lines know it to 4 %


def test_neighbours_that_know_of_each_other_make_errors_larger() -> None:
    random = np.random.default_rng(2)
    noise = random.normal(size=(300, 60))
    correlated = np.zeros_like(noise)
    for i in range(1, 60):
        correlated[:, i] = 0.7 * correlated[:, i - 1] + noise[:, i]
    fits = np.array([regression(values) for values in correlated])
    plain = np.array([regression(random.permutation(values)) for values in correlated])
    assert fits[:, 1].mean() > 1.5 * plain[:, 1].mean()
    assert fits[:, 1].mean() == pytest.approx(fits[:, 0].std(), rel=0.4)


def test_a_force_field_without_a_thermostat_does_not_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.energy_drift._WARM", 0.2)
    found = energy_drift(force_field("ethanol"), DriftOptions(time=1.0))
    assert found.error > 0
    assert abs(found.slope) < 4 * found.error
    assert abs(found.plain_slope) < 4 * found.plain_error
    assert found.slope != found.plain_slope


def test_a_run_is_the_same_again_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridff.analysis.energy_drift._WARM", 0.1)
    one, again, other = (energy_drift(force_field("ethanol"), DriftOptions(time=0.5, seed=seed)) for seed in (0, 0, 1))
    assert one == again
    assert one != other
