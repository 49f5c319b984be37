import numpy as np
import pytest
from models import distorted, force_field

from hybridff.export.hot_geometries import hot_geometries
from hybridff.frames.accuracy import predict
from hybridff.units import BOLTZMANN


def test_hot_geometries_are_those_of_dynamics_at_their_temperature() -> None:
    terms, frames = force_field("ethanol"), distorted("ethanol", 30, width=0.001)
    found = hot_geometries(terms, frames, 205, 1000.0)
    assert found.shape == (205, 9, 3)
    energies, least = predict(terms, found)[0], predict(terms, frames)[0].min()
    # 3n-6 = 21 vibrations with kT/2 each, once the first picosecond is over; all but harmonic.
    late = energies[[i for i in range(200) if i % 10 > 4]].mean() - least
    assert late == pytest.approx(21 / 2 * BOLTZMANN * 1000, rel=0.25)
    assert np.array_equal(found, hot_geometries(terms, frames, 205, 1000.0))


@pytest.mark.usefixtures("broken_dynamics")
def test_a_run_that_ends_in_no_numbers_gives_none() -> None:
    assert hot_geometries(force_field("ethanol"), distorted("ethanol", 3), 20, 1000.0).shape == (0, 9, 3)
