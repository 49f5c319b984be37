import numpy as np
import pytest

from hybridff import read_frames
from hybridff.comparison.sgdml_program import dataset, search
from hybridff.frames.dataset import Frames


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


def test_the_search_ends_at_the_second_length_scale_in_a_row_that_is_worse_than_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sgdml")
    module = "hybridff.comparison.sgdml_program"
    errors = {5: 2.0, 10: 2.1, 20: 1.5, 30: 1.6, 40: 1.7, 60: 1.0}
    monkeypatch.setattr("sgdml.train.GDMLTrain", lambda: None)
    monkeypatch.setattr(f"{module}.trained", lambda *arguments: {"sig": arguments[3], "perms": np.arange(2)})
    monkeypatch.setattr(f"{module}.error", lambda model, _: errors[model["sig"]])
    model, seen = search({}, {}, list(errors), 1e-10)
    assert model["sig"] == 20
    assert seen == [2.0, 2.1, 1.5, 1.6, 1.7]
