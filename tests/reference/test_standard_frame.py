import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybridff.reference.standard_frame import standard_frame

WATER = np.array([[0.0, 0.0, 0.0], [0.099, 0.005, 0.0], [-0.02, 0.098, 0.003]])
METHANE = 0.063 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
LINE = 0.116 * np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, -1]])
SHAPES = {
    "water": (np.array([8, 1, 1]), WATER),
    "a symmetric top": (np.array([6, 1, 1, 1, 1]), METHANE),
    "a line": (np.array([6, 8, 8]), LINE),
    "an atom": (np.array([18]), np.zeros((1, 3))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_molecule_that_was_moved_and_turned_lies_in_the_same_place(shape: str) -> None:
    numbers, positions = SHAPES[shape]
    expected = standard_frame(numbers, positions).into(positions)
    for turn in Rotation.random(5, random_state=1).as_matrix():
        moved = positions @ turn.T + 3.0
        found = standard_frame(numbers, moved).into(moved)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_vectors_come_back_as_they_were_and_the_axes_are_no_mirror() -> None:
    frame = standard_frame(*SHAPES["water"])
    np.testing.assert_allclose(np.linalg.det(frame.axes), 1.0)
    np.testing.assert_allclose(frame.turned_back(frame.into(WATER)), WATER - frame.centre, atol=1e-15)
