"""The cache on disk."""

import json

import numpy as np
import pytest

from hybridff.cache import Checkpoint, cache_folder, cached_json


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("HYBRIDFF_CACHE", str(path))
    return path


class Counter:
    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


def test_a_value_is_computed_once_per_key():
    compute = Counter([0.1, 1 / 3])
    assert cached_json({"method": "resp", "version": 1}, compute) == [0.1, 1 / 3]
    assert cached_json({"version": 1, "method": "resp"}, compute) == [0.1, 1 / 3]
    assert compute.calls == 1
    cached_json({"method": "resp", "version": 2}, compute)
    assert compute.calls == 2


def test_a_value_is_the_same_when_computed_and_when_kept():
    assert cached_json("key", lambda: ("c3", "hc")) == ["c3", "hc"] == cached_json("key", lambda: None)


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "\x00"])
def test_a_damaged_file_is_replaced(folder, damage):
    cached_json("key", Counter(1))
    (path,) = folder.iterdir()
    path.write_text(damage, encoding="utf-8")
    assert cached_json("key", Counter(2)) == 2
    assert json.loads(path.read_text(encoding="utf-8"))["value"] == 2


def test_a_folder_that_cannot_be_made_is_done_without(folder):
    folder.write_text("a file in the place of the folder", encoding="utf-8")
    compute = Counter(1)
    assert cached_json("key", compute) == cached_json("key", compute) == 1
    assert compute.calls == 2


def test_a_failed_computation_leaves_nothing_behind(folder):
    with pytest.raises(ZeroDivisionError):
        cached_json("key", lambda: 1 / 0)
    assert not folder.exists()
    with pytest.raises(ValueError, match="not JSON"):
        cached_json("key", lambda: float("nan"))
    assert not folder.exists()


def test_the_folder_can_be_chosen(monkeypatch, folder):
    assert cache_folder() == folder
    monkeypatch.delenv("HYBRIDFF_CACHE")
    assert cache_folder().name == "hybridff"


def test_a_checkpoint_is_what_was_kept_last_until_it_is_removed():
    checkpoint = Checkpoint("a")
    assert checkpoint.read() is None
    for number in (1.0, 2.0):
        checkpoint.keep({"x": np.full(3, number)})
    assert Checkpoint("b").read() is None
    found = Checkpoint("a").read()
    assert found is not None
    np.testing.assert_array_equal(found["x"], [2.0, 2.0, 2.0])
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.read() is None


def test_a_damaged_checkpoint_is_none(folder):
    Checkpoint("a").keep({"x": np.zeros(100)})
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert Checkpoint("a").read() is None
