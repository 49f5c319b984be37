import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from hybridff.comparison import result
from hybridff.comparison.options import ComparisonOptions, TrainingOptions
from hybridff.comparison.present import FILES, comparison_section, document, write
from hybridff.comparison.result import Comparison, HotDynamics, MethodResult, duration, ordered
from hybridff.frames.accuracy import Errors
from hybridff.plots.comparison import MethodPoint
from hybridff.units import FORCE_KCAL, KCAL_MOL


def row(
    name: str, force: float, step: float, training: float | None = None, hot: HotDynamics | None = None
) -> MethodResult:
    """A force error in kcal/mol/Å; times in seconds."""
    errors = Errors(50, 0.0, 1.0 * KCAL_MOL, 2.0 * KCAL_MOL, 0.5 * force * FORCE_KCAL, force * FORCE_KCAL)
    return MethodResult(
        name, errors, training, 1e-3, step, hot or HotDynamics(40.0, 40.0, 4, ()), setting=f"{name} as it is"
    )


def comparison() -> Comparison:
    broke = HotDynamics(
        40.0, 12.0, 4, ("dynamics at 1000 K (seed 0) broke after 2.1 ps: the bond C1-C2 is long.",), 2.1
    )
    rows = (
        row("stock", 12.0, 3e-6),
        row("class2", 0.8, 8e-6, 5.0),
        MethodResult("gap", remark="gap needs quippy-ase: pip install hybridff[compare]."),
        row("mace", 1.2, 7e-3, 300.0, broke),
    )
    machine = {"processor": "some", "torch_threads": 1, "packages": {"numpy": "2"}}
    return Comparison("ethanol", 110, 50, rows, ComparisonOptions(), TrainingOptions(), ("Something odd.",), machine)


def test_the_best_comes_first_and_what_was_not_measured_last() -> None:
    assert [row.name for row in ordered(comparison().rows)] == ["class2", "mace", "stock", "gap"]


def test_the_table_is_in_field_units() -> None:
    cells = dict(zip(comparison().table().header, comparison().table().rows[1], strict=True))
    assert cells["method"] == "mace"
    assert (cells["force RMSE"], cells["force MAE"], cells["energy RMSE"]) == ("1.20", "0.60", "2.00")
    assert (cells["training"], cells["evaluation"], cells["MD step"]) == ("5 min", "1 ms", "7 ms")
    # 0.5 fs in 7 ms
    assert float(cells["ns/day"]) == pytest.approx(0.5e-6 / 7e-3 * 86400, rel=5e-3)
    assert cells["hot dynamics"] == "broke after 2.1 ps (1 of 4 runs)"
    assert comparison().table().rows[-1] == ("gap", *["–"] * 8, "not measured")


def test_what_is_odd_is_said_in_sentences() -> None:
    said = comparison().sentences()
    assert said[2] == "Something odd."
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
    found = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
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
    assert "methods side by side" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_shows_every_method_that_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Sequence[MethodPoint]] = {}

    def draw(points: Sequence[MethodPoint], title: str) -> Figure:
        drawn[title] = points
        return Figure()

    monkeypatch.setattr(result, "accuracy_against_cost", draw)
    assert comparison().picture().startswith(b"\x89PNG")
    ((title, points),) = drawn.items()
    assert title == "ethanol, 110 training frames"
    assert [(own.name, own.step, own.training, own.outcome) for own in points] == [
        ("stock", 3e-6, None, "hot dynamics held"),
        ("class2", 8e-6, 5.0, "hot dynamics held"),
        ("mace", 7e-3, 300.0, "hot dynamics broke"),
    ]


def test_a_notebook_shows_the_table() -> None:
    html = comparison()._repr_html_()
    assert html.index("class2") < html.index("mace") < html.index("not measured")


def test_without_a_measured_row_there_is_no_picture() -> None:
    none = replace(comparison(), rows=(MethodResult("gap", remark="gap failed."),))
    assert comparison_section(none).pictures == ()
    assert "gap failed." in document(none).html()
