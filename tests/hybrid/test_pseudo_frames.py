import numpy as np
import openmm
import pytest
from models import distorted, force_field

from hybridff.frames.accuracy import predict
from hybridff.hybrid.pseudo_frames import Anchors, hot_geometries
from hybridff.units import BOLTZMANN


def test_hot_geometries_are_those_of_dynamics_at_1000_kelvin() -> None:
    terms, frames = force_field("ethanol"), distorted("ethanol", 30, width=0.001)
    found = hot_geometries(terms, frames, 205)
    assert found.shape == (205, 9, 3)
    energies, least = predict(terms, found)[0], predict(terms, frames)[0].min()
    # 3n-6 = 21 vibrations with kT/2 each, once the first picosecond is over; all but harmonic.
    late = energies[[i for i in range(200) if i % 10 > 4]].mean() - least
    assert late == pytest.approx(21 / 2 * BOLTZMANN * 1000, rel=0.25)
    assert np.array_equal(found, hot_geometries(terms, frames, 205))


def test_a_run_that_ends_in_no_numbers_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: openmm.LangevinMiddleIntegrator, steps: int) -> None:
        raise openmm.OpenMMException("Particle coordinate is NaN")

    monkeypatch.setattr(openmm.LangevinMiddleIntegrator, "step", fail)
    assert hot_geometries(force_field("ethanol"), distorted("ethanol", 3), 20).shape == (0, 9, 3)


def test_anchors_keep_their_order_and_their_energies() -> None:
    x = distorted("ethanol", 5)
    both = Anchors.at(x[:2], 0.1) + Anchors.at(x[2:], 0.2).with_energy(3.0)
    assert len(both) == 5
    np.testing.assert_array_equal(both.positions, x)
    np.testing.assert_array_equal(both.deviations, [0.1, 0.1, 0.2, 0.2, 0.2])
    np.testing.assert_array_equal(both.energies, [0, 0, 3, 3, 3])
