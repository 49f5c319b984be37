import numpy as np
import pytest
from ethanol import spring_frames
from models import force_field

from hybridff.export.hot_geometries import hot_geometries
from hybridff.hybrid.hot_frames import hot_frames_of
from hybridff.hybrid.residual import Residual


def residual() -> Residual:
    return Residual.of(force_field("ethanol"), spring_frames(10), range(9))


@pytest.mark.usefixtures("broken_dynamics")
def test_dynamics_that_end_in_no_numbers_give_no_frames() -> None:
    assert hot_frames_of(residual(), 20, 0.01) is None


def test_the_terms_leave_nothing_of_hot_frames() -> None:
    found = hot_frames_of(residual(), 12, 0.01)
    assert found is not None
    assert found.energy_deviation == 0.01
    np.testing.assert_array_equal(
        found.residual.positions, hot_geometries(force_field("ethanol"), residual().positions, 12, 1000.0)
    )
    np.testing.assert_array_equal(found.residual.forces, np.zeros((12, 9, 3)))
    np.testing.assert_allclose(found.residual.energies, np.zeros(12), atol=1e-12)
