from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmark import benchmark_set

from hybridff.comparison import learning_curves as lc
from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet
from hybridff.comparison.learning_curves import CurvePoint
from hybridff.frames.dataset import Split


def point(method: str, train: int, seed: int, force: float = 1.0, set_: str = "ethanol") -> CurvePoint:
    return CurvePoint(set_, method, train, seed, 20, 0.1, force, 1.5)


def test_measurements_are_kept_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "new" / "curves.csv"
    assert lc.read_points(path) == []
    points = [point("class2", 25, 0), point("sgdml", 25, 1, 0.5)]
    for own in points:
        lc.append_point(path, own)
    assert lc.read_points(path) == points
    header = path.read_text(encoding="utf-8").splitlines()[0]
    assert header == "set,method,train,seed,n_test,energy_rmse,force_rmse,seconds"


def test_only_splits_that_all_methods_have_are_compared() -> None:
    points = [point("class2", 25, 0), point("class2", 25, 1), point("sgdml", 25, 1), point("class2", 50, 2)]
    assert lc.comparable(points) == [points[1], points[2], points[3]]


def test_means_of_the_splits_with_their_number() -> None:
    points = [point("class2", 25, 0, 1.0), point("class2", 25, 1, 2.0), point("sgdml", 25, 0, 3.0)]
    points += [point("class2", 50, 0, 0.5), point("class2", 25, 0, 9.0, "aspirin")]
    found = lc.curve_table(points)
    assert found.header == ("set", "method", "25", "50")
    assert found.rows == (
        ("ethanol", "class2", "1.50 (2)", "0.50 (1)"),
        ("ethanol", "sgdml", "3.00 (1)", ""),
        ("aspirin", "class2", "9.00 (1)", ""),
    )
    panels = lc.curve_panels(points)
    assert list(panels["ethanol"]["class2"].x) == [25, 50]
    assert list(panels["ethanol"]["class2"].y) == [1.5, 0.5]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["harmonic", "harmonic + kernel", "sgdml"])
def test_every_kind_of_method_is_measured_on_unseen_frames(method: str) -> None:
    data = benchmark_set()
    found = lc.measured_point(data, data.split(20, 15, 30, 1), method, 1)
    assert found is not None
    assert (found.set, found.method, found.train, found.seed, found.n_test) == ("ethanol", method, 20, 1, 30)
    assert 0 < found.force_rmse < 200  # kcal/mol/Å: such frames are far from any form


def test_what_a_level_teaches_first_is_a_method_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stock = (data := benchmark_set(40)).stock

    def fit(data: BenchmarkSet, split: Split, how: BenchmarkFit) -> SimpleNamespace:
        asked.append((how.form, how.correction, how.pretrain, how.seed))
        return SimpleNamespace(force_field=stock)

    monkeypatch.setattr(lc, "fit_as_the_command_does", fit)
    for method in ("class2", "class2 after gfn2-xtb", "class2 + kernel after gfn2-xtb"):
        assert lc.trained(data, data.split(20, 0, 10, 0), method, 3) is stock
    assert asked == [
        ("class2", None, "none", 3),
        ("class2", None, "gfn2-xtb", 3),
        ("class2", "all", "gfn2-xtb", 3),
    ]
    points = [point("class2 after gfn2-xtb", 10, 0, 1.0), point("class2", 10, 0, 2.0)]
    assert [row[1] for row in lc.curve_table(points).rows] == ["class2", "class2 after gfn2-xtb"]


def test_what_does_not_fit_into_memory_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lc, "train_sgdml", lambda data, train, validation: None)
    data = benchmark_set(40)
    assert lc.measured_point(data, data.split(20, 5, 10, 0), "sgdml", 0) is None
