"""Accuracy of methods against what they cost, with names that cover nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hybridff.units import FORCE_KCAL

Outcome = Literal["no hot dynamics", "hot dynamics broke", "hot dynamics held", "held as far as it was run"]
"""What hot dynamics of a method came to, as the legend says it."""

_STABLE, _UNSTABLE, _UNKNOWN = "#0b6e99", "#c44e3b", "#888888"
_LOOKS: Mapping[Outcome, Mapping[str, Any]] = MappingProxyType(
    {
        "no hot dynamics": {"color": _UNKNOWN, "marker": "s"},
        "hot dynamics broke": {"color": _UNSTABLE, "marker": "x"},
        "hot dynamics held": {"color": _STABLE, "marker": "o"},
        "held as far as it was run": {"color": _STABLE, "marker": "o", "markerfacecolor": "white"},
    }
)
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
"""Places of a name beside its point: the offset in points, and the corner of the name that is there."""
_FAR = 2.6
"""Offsets are so many times larger where nothing near is free."""


@dataclass(frozen=True)
class MethodPoint:
    """One method in the picture."""

    name: str
    force_rmse: float
    """Root mean square error of force components [kJ/mol/nm]."""
    step: float
    """Time of a step of dynamics [s]."""
    training: float | None
    """Time of the training [s]; None or zero where there was none."""
    outcome: Outcome


def accuracy_against_cost(methods: Sequence[MethodPoint], title: str) -> Figure:
    """Force errors against the time of a step, and against that of the training for the methods that have one."""
    trained = [method for method in methods if method.training]
    with mpl.rc_context({"font.size": 9}):
        ratios = [1.3, 1.0] if trained else [1.0]
        figure = Figure(figsize=(10.2 if trained else 6.6, 4.6), layout="constrained")
        panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
        _panel(panels[0], methods, [1e6 * method.step for method in methods], "time of a step of dynamics [µs]")
        panels[0].set_ylabel("RMSE of force components [kcal/mol/Å]")
        if trained:
            _panel(panels[1], trained, [method.training or 0 for method in trained], "time of training [s]")
        figure.legend(handles=_legend(methods), loc="outside lower center", ncols=4, frameon=False)
        figure.suptitle(title)
        figure.draw_without_rendering()
        for axes, own in zip(panels, (methods, trained), strict=False):
            _label(axes, [method.name for method in own])
        return figure


def _panel(axes: Axes, methods: Sequence[MethodPoint], costs: Sequence[float], what: str) -> None:
    """Draw points on logarithmic axes."""
    for method, cost in zip(methods, costs, strict=True):
        look = {"linestyle": "", "markersize": 7, "markeredgewidth": 2, **_LOOKS[method.outcome]}
        axes.plot(cost, method.force_rmse / FORCE_KCAL, **look)
    axes.set(xscale="log", yscale="log", xlabel=what)
    axes.margins(0.14)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(methods: Sequence[MethodPoint]) -> list[mpl.lines.Line2D]:
    return [
        mpl.lines.Line2D([], [], linestyle="", markeredgewidth=2, label=outcome, **_LOOKS[outcome])
        for outcome in dict.fromkeys(method.outcome for method in methods)
    ]


def _label(axes: Axes, names: Sequence[str]) -> None:
    """Write a name beside each point, where it covers no other name or point."""
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
