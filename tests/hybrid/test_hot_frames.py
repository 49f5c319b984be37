import numpy as np
import openmm
import pytest
from ethanol import spring_frames
from models import distorted, force_field

from hybridff.frames.accuracy import predict
from hybridff.hybrid.hot_frames import hot_frames_of, hot_geometries
from hybridff.hybrid.residual import Residual
from hybridff.units import BOLTZMANN


@pytest.fixture
def broken_dynamics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamics that end in no numbers at once."""

    def fail(self: openmm.LangevinMiddleIntegrator, steps: int) -> None:
        raise openmm.OpenMMException("Particle coordinate is NaN")

    monkeypatch.setattr(openmm.LangevinMiddleIntegrator, "step", fail)


def residual() -> Residual:
    return Residual.of(force_field("ethanol"), spring_frames(10), range(9))


def test_hot_geometries_are_those_of_dynamics_at_1000_kelvin() -> None:
    terms, frames = force_field("ethanol"), distorted("ethanol", 30, width=0.001)
    found = hot_geometries(terms, frames, 205)
    assert found.shape == (205, 9, 3)
    energies, least = predict(terms, found)[0], predict(terms, frames)[0].min()
    # 3n-6 = 21 vibrations with kT/2 each, once the first picosecond is over; all but harmonic.
    late = energies[[i for i in range(200) if i % 10 > 4]].mean() - least
    assert late == pytest.approx(21 / 2 * BOLTZMANN * 1000, rel=0.25)
    assert np.array_equal(found, hot_geometries(terms, frames, 205))


@pytest.mark.usefixtures("broken_dynamics")
def test_a_run_that_ends_in_no_numbers_gives_none() -> None:
    assert hot_geometries(force_field("ethanol"), distorted("ethanol", 3), 20).shape == (0, 9, 3)
    assert hot_frames_of(residual(), 20, 0.01) is None


def test_the_terms_leave_nothing_of_hot_frames() -> None:
    found = hot_frames_of(residual(), 12, 0.01)
    assert found is not None
    assert found.energy_deviation == 0.01
    np.testing.assert_array_equal(
        found.residual.positions, hot_geometries(force_field("ethanol"), residual().positions, 12)
    )
    np.testing.assert_array_equal(found.residual.forces, np.zeros((12, 9, 3)))
    np.testing.assert_allclose(found.residual.energies, np.zeros(12), atol=1e-12)
