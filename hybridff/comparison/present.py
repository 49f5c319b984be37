"""A comparison for people: table, picture, section of a report, files."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hybridff.comparison.quantities import Row
from hybridff.comparison.run import Comparison
from hybridff.document.blocks import Document, Picture, Section, Table
from hybridff.export.dynamics import parse_time
from hybridff.units import FORCE_KCAL, KCAL_MOL

HEADER = (
    "method",
    "force RMSE",
    "force MAE",
    "energy RMSE",
    "energy MAE",
    "training",
    "evaluation",
    "MD step",
    "ns/day",
    "hot dynamics",
)
FILES = ("comparison.csv", "comparison.json", "comparison.png", "report.html")
_SECONDS_PER_DAY = 86400
_STABLE, _UNSTABLE, _UNKNOWN = "#0b6e99", "#c44e3b", "#888888"
_PLACES = (
    (8, 0, "left", "center_baseline"),
    (-8, 0, "right", "center_baseline"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (6, 6, "left", "bottom"),
    (6, -6, "left", "top"),
    (-6, 6, "right", "bottom"),
    (-6, -6, "right", "top"),
)
"""Of a label beside its point: offset in points, and the corner of it that is there."""
_FAR = 2.6
"""Offsets are so many times larger where nothing near is free."""


def table(comparison: Comparison) -> Table:
    """A line for each method, the best force error first; what failed comes last."""
    step = parse_time(comparison.options.step, "the step")
    return Table(HEADER, tuple(_cells(row, step) for row in ordered(comparison.rows)))


def ordered(rows: Sequence[Row]) -> list[Row]:
    """By force error, rows without one last."""
    return sorted(rows, key=lambda row: np.inf if row.errors is None else row.errors.force_rmse or 0.0)


def comparison_section(comparison: Comparison) -> Section:
    """Table and picture with what they mean, for a report."""
    measured = [row for row in comparison.rows if row.errors is not None]
    best = next((row for row in ordered(measured)), None)
    pictures = () if best is None else (Picture(picture_of(comparison), _alt(comparison, best), wide=True),)
    return Section("Comparison", (*explanation(comparison), *remarks(comparison)), table(comparison), pictures)


def _alt(comparison: Comparison, best: Row) -> str:
    assert best.errors is not None
    return (
        "Scatter plots of the force error of each method against the time of a step of dynamics and of training; the "
        f"smallest error of {len(comparison.rows)} methods is {(best.errors.force_rmse or 0.0) / FORCE_KCAL:.2f} "
        f"kcal/mol/Å, that of {best.name}."
    )


def explanation(comparison: Comparison) -> tuple[str, ...]:
    """What the columns are."""
    options, machine = comparison.options, comparison.machine
    n_test = next((row.errors.n_frames for row in comparison.rows if row.errors is not None), 0)
    temperatures = " and ".join(f"{temperature:g}" for temperature in options.temperatures)
    hot = (
        f"Hot dynamics: {options.runs} Langevin runs of {options.time} at each of {temperatures} K, or as much of them "
        f"as {options.time_limit:g} s allow; broken is what breaks a bond, brings atoms on top of each other or falls "
        "into a hole. "
        if options.runs and options.temperatures
        else ""
    )
    return (
        f"Errors on {n_test} test frames; {comparison.n_train} frames trained and {comparison.n_validation} validated "
        "sgdml, gap and mace, and the fitted models unless a remark says otherwise. Energies in kcal/mol after "
        "subtraction of a constant over the training frames; force components in kcal/mol/Å.",
        "Evaluation: energy and forces of a frame through ASE, whose own 0.2 ms are most of it for force fields. "
        "MD step: Langevin dynamics of the isolated molecule in OpenMM, Reference platform; ns/day with steps of "
        f"{options.step}. {hot}"
        f"{machine.get('processor', 'Unknown processor')}; threads of PyTorch: {machine.get('torch_threads', '?')}.",
    )


def remarks(comparison: Comparison) -> tuple[str, ...]:
    """On the frames, on what was trained, on rows that are missing or not like the others, and on what broke."""
    lines = list(comparison.remarks)
    for row in comparison.rows:
        parts = []
        if row.setting and row.setting != row.name:
            parts.append(row.setting)
        if row.remark:
            parts.append(row.remark)
        if row.hot is not None and row.hot.broken:
            parts.append(row.hot.broken[0])
        if parts:
            text = "; ".join(part.rstrip(".") for part in parts)
            lines.append(f"{text}." if text.startswith(row.name) else f"{row.name}: {text}.")
    return tuple(lines)


def document(comparison: Comparison) -> Document:
    """The section as a page of its own, with what ran it."""
    machine = comparison.machine
    rows = [(name, str(value)) for name, value in machine.items() if name != "packages"]
    rows += [(name, str(value)) for name, value in machine.get("packages", {}).items()]
    about = Section("Provenance", (), Table(("what", "value"), tuple(rows)))
    return Document(f"{comparison.molecule}: methods side by side", (comparison_section(comparison), about))


def write(comparison: Comparison, folder: Path) -> None:
    """The files of ``FILES``, into a folder that exists; no picture where no row was measured."""
    section = comparison_section(comparison)
    (folder / "comparison.csv").write_text(_csv(comparison), encoding="utf-8")
    (folder / "comparison.json").write_text(
        json.dumps(comparison.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    for picture in section.pictures:
        (folder / "comparison.png").write_bytes(picture.data)
    (folder / "report.html").write_text(document(comparison).html(), encoding="utf-8")


def duration(seconds: float | None) -> str:
    """With three digits and the unit that fits."""
    if seconds is None:
        return "–"
    for limit, unit in ((1e-3, 1e-6), (1.0, 1e-3), (120.0, 1.0), (7200.0, 60.0), (np.inf, 3600.0)):
        if seconds < limit:
            value = f"{seconds / unit:.3g}"
            return f"{float(value):g} " + {1e-6: "µs", 1e-3: "ms", 1.0: "s", 60.0: "min", 3600.0: "h"}[unit]
    raise AssertionError


def ns_per_day(row: Row, step: float) -> float | None:
    """With a time step [ps]."""
    return None if row.step is None else step * 1e-3 / row.step * _SECONDS_PER_DAY


def picture_of(comparison: Comparison) -> bytes:
    """Accuracy against the cost of dynamics and of training, a point for each method."""
    buffer = io.BytesIO()
    figure_of(comparison).savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def figure_of(comparison: Comparison) -> Figure:
    """The picture; methods without training stand at the left edge of its second panel."""
    rows = [row for row in comparison.rows if row.errors is not None and row.step is not None]
    trained = [row for row in rows if row.training]
    with mpl.rc_context({"font.size": 9}):
        ratios = [1.3, 1.0] if trained else [1.0]
        figure = Figure(figsize=(10.2 if trained else 6.6, 4.6), layout="constrained")
        panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        _panel(panels[0], rows, [1e6 * (row.step or 0) for row in rows], "time of a step of dynamics [µs]")
        panels[0].set_ylabel("RMSE of force components [kcal/mol/Å]")
        if trained:
            _panel(panels[1], trained, [row.training or 0 for row in trained], "time of training [s]")
        figure.legend(handles=_legend(rows), loc="outside lower center", ncols=4, frameon=False)
        title = f"{comparison.molecule}, {comparison.n_train} training frames"
        figure.suptitle(title)
        figure.draw_without_rendering()
        for axes, own in zip(panels, (rows, trained), strict=False):
            _label(axes, [row.name for row in own])
        return figure


def _panel(axes: Axes, rows: Sequence[Row], costs: Sequence[float], what: str) -> None:
    """Points on logarithmic axes."""
    for row, cost in zip(rows, costs, strict=True):
        assert row.errors is not None
        assert row.errors.force_rmse is not None
        look = {"linestyle": "", "markersize": 7, "markeredgewidth": 2, **_look(row)[1]}
        axes.plot(cost, row.errors.force_rmse / FORCE_KCAL, **look)
    axes.set(xscale="log", yscale="log", xlabel=what)
    axes.margins(0.14)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _look(row: Row) -> tuple[str, dict[str, Any]]:
    """How a point looks, and what that means."""
    if row.hot is None or not row.hot.planned:
        return "no hot dynamics", {"color": _UNKNOWN, "marker": "s"}
    if not row.hot.stable:
        return "hot dynamics broke", {"color": _UNSTABLE, "marker": "x"}
    if row.hot.complete:
        return "hot dynamics held", {"color": _STABLE, "marker": "o"}
    return "held as far as it was run", {"color": _STABLE, "marker": "o", "markerfacecolor": "white"}


def _legend(rows: Sequence[Row]) -> list[mpl.lines.Line2D]:
    looks = dict(map(_look, rows))
    return [
        mpl.lines.Line2D([], [], linestyle="", markeredgewidth=2, label=words, **look) for words, look in looks.items()
    ]


def _label(axes: Axes, names: Sequence[str]) -> None:
    """A name beside each point, where it covers no other name or point."""
    points = np.array([np.asarray(line.get_xydata())[0] for line in axes.get_lines()])
    pixels = axes.transData.transform(points)
    half = 5.0 * axes.figure.dpi / 72
    taken = [mpl.transforms.Bbox([point - half, point + half]) for point in pixels]
    inside = axes.get_window_extent()
    for name, point in sorted(zip(names, points.tolist(), strict=True), key=lambda item: -item[1][0]):
        places = [(scale * x, scale * y, h, v) for scale in (1, _FAR) for x, y, h, v in _PLACES]
        for number, (x, y, horizontal, vertical) in enumerate(places):
            text = axes.annotate(
                name, point, (x, y), textcoords="offset points", ha=horizontal, va=vertical, fontsize="small"
            )
            box = text.get_window_extent()
            free = not any(box.overlaps(other) for other in taken) and inside.x0 <= box.x0 and box.x1 <= inside.x1
            if free or number == len(places) - 1:
                taken.append(box)
                break
            text.remove()


def _cells(row: Row, step: float) -> tuple[str, ...]:
    if row.errors is None:
        return (row.name, *("–" for _ in HEADER[1:-1]), "not measured")
    errors, speed = row.errors, ns_per_day(row, step)
    assert errors.force_rmse is not None
    assert errors.force_mae is not None
    return (
        row.name,
        f"{errors.force_rmse / FORCE_KCAL:.2f}",
        f"{errors.force_mae / FORCE_KCAL:.2f}",
        f"{errors.energy_rmse / KCAL_MOL:.2f}",
        f"{errors.energy_mae / KCAL_MOL:.2f}",
        duration(row.training),
        duration(row.evaluation),
        duration(row.step),
        "–" if speed is None else f"{float(f'{speed:.3g}'):g}",
        "–" if row.hot is None else str(row.hot),
    )


def _csv(comparison: Comparison) -> str:
    """Numbers in the units that its header names."""
    step = parse_time(comparison.options.step, "the step")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
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
        ]
    )
    for row in ordered(comparison.rows):
        errors, hot = row.errors, row.hot
        kept: list[float | int | None] = [None] * 4
        if errors is not None:
            found = errors.in_field_units()
            kept = [found[f"{what}_kcal_mol{'_angstrom' if 'force' in what else ''}"] for what in _ERRORS]
        numbers = [
            *kept,
            row.training,
            None if row.evaluation is None else 1e6 * row.evaluation,
            None if row.step is None else 1e6 * row.step,
            ns_per_day(row, step),
            None if hot is None else hot.simulated,
            None if hot is None else hot.planned,
        ]
        stable = "" if hot is None or not hot.planned else "yes" if hot.stable else "no"
        writer.writerow(
            [row.name, *("" if n is None else f"{n:.6g}" for n in numbers), stable, row.setting, row.remark]
        )
    return buffer.getvalue()


_ERRORS = ("force_rmse", "force_mae", "energy_rmse", "energy_mae")
