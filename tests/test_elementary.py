from collections.abc import Callable

import numpy as np
import pytest
from numba import njit

from hybridff import elementary

FUNCTIONS = {"exp": np.exp, "tanh": np.tanh, "sin": np.sin, "cos": np.cos}
GRID = np.concatenate([np.linspace(-30, 30, 100_003), np.geomspace(1e-12, 1e4, 1001)])


def over(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """A function on arrays, in a loop that is compiled to vector instructions."""

    @njit(error_model="numpy")
    def run(x):
        y = np.empty_like(x)
        for i in range(len(x)):
            y[i] = function(x[i])
        return y

    return run


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_numpys(name: str) -> None:
    x = np.minimum(GRID, 700.0) if name == "exp" else GRID
    # Two units in the last place; tanh loses digits near 0, where it is a difference.
    atol = 3e-16 if name != "exp" else 0.0
    np.testing.assert_allclose(over(getattr(elementary, name))(x), FUNCTIONS[name](x), rtol=5e-16, atol=atol)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nan_stays(name: str) -> None:
    assert np.isnan(over(getattr(elementary, name))(np.full(9, np.nan))).all()


def test_functions_far_away() -> None:
    far = np.array([-np.inf, -1e300, -800.0, 800.0, 1e300, np.inf])
    assert over(elementary.exp)(far).tolist() == [0, 0, 0, np.inf, np.inf, np.inf]
    assert over(elementary.tanh)(far).tolist() == [-1, -1, -1, 1, 1, 1]
    million = np.linspace(-1e6, 1e6, 10_001)
    np.testing.assert_allclose(over(elementary.sin)(million), np.sin(million), rtol=0, atol=1e-15)


def test_the_angle_of_a_point_is_numpys() -> None:
    @njit(error_model="numpy")
    def run(y, x):
        angle = np.empty_like(x)
        for i in range(len(x)):
            angle[i] = elementary.atan2(y[i], x[i])
        return angle

    generator = np.random.default_rng(0)
    y, x = generator.normal(size=(2, 100_000)) * 10.0 ** generator.integers(-12, 3, (2, 100_000))
    np.testing.assert_allclose(run(y, x), np.arctan2(y, x), rtol=5e-16)
    special = np.array([[0.0, 0.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0], [np.nan, 1.0], [1.0, np.nan]]).T
    np.testing.assert_array_equal(run(*special), np.arctan2(*special))
