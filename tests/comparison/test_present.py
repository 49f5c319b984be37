import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridff.comparison.options import ComparisonOptions, TrainingOptions
from hybridff.comparison.present import (
    FILES,
    comparison_section,
    document,
    duration,
    figure_of,
    ordered,
    remarks,
    table,
    write,
)
from hybridff.comparison.quantities import Hot, Row
from hybridff.comparison.run import Comparison
from hybridff.frames.accuracy import Errors
from hybridff.units import FORCE_KCAL, KCAL_MOL


def row(name: str, force: float, step: float, training: float | None = None, hot: Hot | None = None) -> Row:
    """A force error in kcal/mol/Å; times in seconds."""
    errors = Errors(50, 0.0, 1.0 * KCAL_MOL, 2.0 * KCAL_MOL, 0.5 * force * FORCE_KCAL, force * FORCE_KCAL)
    return Row(name, errors, training, 1e-3, step, hot or Hot(40.0, 40.0, 4, ()), setting=f"{name} as it is")


def comparison() -> Comparison:
    broke = Hot(40.0, 12.0, 4, ("dynamics at 1000 K (seed 0) broke after 2.1 ps: the bond C1-C2 is long.",), 2.1)
    rows = (
        row("stock", 12.0, 3e-6),
        row("class2", 0.8, 8e-6, 5.0),
        Row("gap", remark="gap needs quippy-ase: pip install hybridff[compare]."),
        row("mace", 1.2, 7e-3, 300.0, broke),
    )
    machine = {"processor": "some", "torch_threads": 1, "packages": {"numpy": "2"}}
    return Comparison("ethanol", 110, 50, rows, ComparisonOptions(), TrainingOptions(), ("Something odd.",), machine)


def test_the_best_comes_first_and_what_was_not_measured_last() -> None:
    assert [row.name for row in ordered(comparison().rows)] == ["class2", "mace", "stock", "gap"]


def test_the_table_is_in_field_units() -> None:
    cells = dict(zip(table(comparison()).header, table(comparison()).rows[1], strict=True))
    assert cells["method"] == "mace"
    assert (cells["force RMSE"], cells["force MAE"], cells["energy RMSE"]) == ("1.20", "0.60", "2.00")
    assert (cells["training"], cells["evaluation"], cells["MD step"]) == ("5 min", "1 ms", "7 ms")
    # 0.5 fs in 7 ms
    assert float(cells["ns/day"]) == pytest.approx(0.5e-6 / 7e-3 * 86400, rel=5e-3)
    assert cells["hot dynamics"] == "broke after 2.1 ps (1 of 4 runs)"
    assert table(comparison()).rows[-1] == ("gap", *["–"] * 8, "not measured")


def test_what_is_odd_is_said_in_sentences() -> None:
    said = remarks(comparison())
    assert said[0] == "Something odd."
    assert "class2: class2 as it is." in said or "class2 as it is." in said
    assert "gap needs quippy-ase: pip install hybridff[compare]." in said
    assert any("broke after 2.1 ps: the bond C1-C2 is long." in sentence for sentence in said)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (3.14159e-6, "3.14 µs"), (2e-3, "2 ms"), (59.97, "60 s"), (300.0, "5 min"), (10000.0, "2.78 h")],
)
def test_durations_have_the_unit_that_fits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_all_files_are_written_and_hold_the_same_numbers(tmp_path: Path) -> None:
    write(comparison(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    found = json.loads((tmp_path / "comparison.json").read_text())
    by_name = {row["name"]: row for row in found["rows"]}
    assert by_name["class2"]["errors"]["force_rmse_kcal_mol_angstrom"] == pytest.approx(0.8)
    assert by_name["mace"]["hot_dynamics"]["stable"] is False
    assert by_name["gap"]["errors"] is None
    assert found["options"]["time_limit"] == 60
    assert set(found["training options"]) == {"gap", "mace"}
    with (tmp_path / "comparison.csv").open(encoding="utf-8") as file:
        lines = {line["method"]: line for line in csv.DictReader(file)}
    assert float(lines["class2"]["force RMSE [kcal/mol/Å]"]) == pytest.approx(0.8)
    assert float(lines["mace"]["MD step [µs]"]) == pytest.approx(7000)
    assert [lines[name]["stable"] for name in ("class2", "mace", "gap")] == ["yes", "no", ""]
    assert "methods side by side" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_every_method_has_a_point_and_a_name_that_covers_no_other() -> None:
    figure = figure_of(comparison())
    left, right = figure.axes
    assert [len(axes.get_lines()) for axes in (left, right)] == [3, 2]
    for axes in (left, right):
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert {text.get_text() for text in left.texts} == {"stock", "class2", "mace"}
    x, y = np.array([np.asarray(line.get_xydata())[0] for line in left.get_lines()]).T
    np.testing.assert_allclose(x, [3.0, 8.0, 7000.0])
    np.testing.assert_allclose(y, [12.0, 0.8, 1.2])


def test_the_legend_tells_what_held_from_what_was_cut_short_and_what_broke() -> None:
    rows = (*comparison().rows, row("slow", 2.0, 1e-2, hot=Hot(40.0, 1.0, 4, ())))
    (legend,) = figure_of(replace(comparison(), rows=rows)).legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["hot dynamics held", "hot dynamics broke", "held as far as it was run"]


def test_names_of_points_that_lie_together_are_told_apart() -> None:
    rows = tuple(row(f"method {i}", 1.0 + 0.01 * i, 1e-5 * (1 + 0.01 * i)) for i in range(5))
    (axes,) = figure_of(replace(comparison(), rows=rows)).axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 5
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_without_a_measured_row_there_is_no_picture() -> None:
    none = replace(comparison(), rows=(Row("gap", remark="gap failed."),))
    assert comparison_section(none).pictures == ()
    assert "gap failed." in document(none).html()
