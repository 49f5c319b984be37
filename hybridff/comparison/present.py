"""A comparison for people: sentences, the section of a report, files."""

import csv
import io
import json
from pathlib import Path

from hybridff.comparison.result import Comparison, MethodResult, ordered
from hybridff.document.blocks import Document, Picture, Section, Table
from hybridff.export.dynamics import parse_time
from hybridff.units import FORCE_KCAL

FILES = ("comparison.csv", "comparison.json", "comparison.png", "report.html")
_COLUMNS = (
    "method",
    "force RMSE [kcal/mol/Å]",
    "force MAE [kcal/mol/Å]",
    "energy RMSE [kcal/mol]",
    "energy MAE [kcal/mol]",
    "training [s]",
    "evaluation [µs]",
    "MD step [µs]",
    "ns/day",
    "hot dynamics [ps]",
    "hot dynamics planned [ps]",
    "stable",
    "setting",
    "remark",
)
_ERRORS = (
    "force_rmse_kcal_mol_angstrom",
    "force_mae_kcal_mol_angstrom",
    "energy_rmse_kcal_mol",
    "energy_mae_kcal_mol",
)


def comparison_section(comparison: Comparison) -> Section:
    """Table and picture with what they mean, for a report."""
    measured = [row for row in comparison.rows if row.errors is not None]
    best = next((row for row in ordered(measured)), None)
    pictures = () if best is None else (Picture(comparison.picture(), _alt(comparison, best), wide=True),)
    return Section("Comparison", tuple(comparison.sentences()), comparison.table(), pictures)


def _alt(comparison: Comparison, best: MethodResult) -> str:
    assert best.errors is not None
    return (
        "Scatter plots of the force error of each method against the time of a step of dynamics and of training; the "
        f"smallest error of {len(comparison.rows)} methods is {(best.errors.force_rmse or 0.0) / FORCE_KCAL:.2f} "
        f"kcal/mol/Å, that of {best.name}."
    )


def document(comparison: Comparison) -> Document:
    """The section as a page of its own, with what ran it."""
    machine = comparison.machine
    rows = [(name, str(value)) for name, value in machine.items() if name != "packages"]
    rows += [(name, str(value)) for name, value in machine.get("packages", {}).items()]
    about = Section("Provenance", (), Table(("what", "value"), tuple(rows)))
    return Document(f"{comparison.molecule}: methods side by side", (comparison_section(comparison), about))


def write(comparison: Comparison, folder: Path) -> None:
    """Write the files of ``FILES`` into a folder that exists; no picture where no row was measured."""
    section = comparison_section(comparison)
    (folder / "comparison.csv").write_text(_csv(comparison), encoding="utf-8")
    (folder / "comparison.json").write_text(
        json.dumps(comparison.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for picture in section.pictures:
        (folder / "comparison.png").write_bytes(picture.data)
    (folder / "report.html").write_text(document(comparison).html(), encoding="utf-8")


def _csv(comparison: Comparison) -> str:
    """The rows with numbers in the units that the header names."""
    step = parse_time(comparison.options.step, "the step")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in ordered(comparison.rows):
        writer.writerow(_csv_cells(row, step))
    return buffer.getvalue()


def _csv_cells(row: MethodResult, step: float) -> list[str]:
    """Cells of a row of the file, with a time step [ps]."""
    errors, hot = row.errors, row.hot
    found = {} if errors is None else errors.in_field_units()
    numbers = [
        *(found.get(name) for name in _ERRORS),
        row.training,
        None if row.evaluation is None else 1e6 * row.evaluation,
        None if row.step is None else 1e6 * row.step,
        row.ns_per_day(step),
        None if hot is None else hot.simulated,
        None if hot is None else hot.planned,
    ]
    stable = "" if hot is None or not hot.planned else "yes" if hot.stable else "no"
    return [row.name, *("" if n is None else f"{n:.6g}" for n in numbers), stable, row.setting, row.remark]
