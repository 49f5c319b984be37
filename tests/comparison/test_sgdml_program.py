import numpy as np
import pytest

from hybridff import read_frames
from hybridff.comparison.sgdml_program import dataset
from hybridff.dataset import Frames


def test_a_data_set_is_in_the_program_s_units() -> None:
    frames = Frames(np.array([1, 1]), np.full((1, 2, 3), 0.1), np.array([4.184]), np.full((1, 2, 3), 41.84))
    found = dataset(frames, "some")
    assert (float(found["R"][0, 0, 0]), found["r_unit"]) == (pytest.approx(1.0), "Ang")
    assert (float(found["E"][0]), found["e_unit"]) == (pytest.approx(1.0), "kcal/mol")
    assert found["F"][0, 0, 0] == pytest.approx(1.0)
    assert {found["name"], found["md5"]} == {"some"}


def test_the_bundled_frames_go_there_and_back() -> None:
    frames = read_frames("hybridff/data/ethanol.npz").subset(np.arange(3))
    found = dataset(frames, "ethanol")
    np.testing.assert_allclose(found["R"] / 10, frames.positions)
    np.testing.assert_array_equal(found["z"], frames.numbers)
