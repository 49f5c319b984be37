"""Curves of numbers against numbers: panels with logarithmic axes, and lines of methods in one panel."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from hybridff.plots.style import ABREAST, FONT, STYLES, log_ticks, one_panel, png, short_name, with_grid

REFERENCE = "reference"
"""The name of what all others are compared with, drawn black."""
_MARGIN = 1.25
"""Factor by which the points may lie beyond the first and the last mark of a logarithmic axis."""


@dataclass(frozen=True)
class Curve:
    """Points of one colour, joined."""

    x: Sequence[float]
    """Values along the axis of x."""
    y: Sequence[float]
    """Values along the axis of y."""
    published: bool = False
    """Whether the curve is drawn dashed and with open marks, as it is not ours."""


def curves(panels: Mapping[str, Mapping[str, Curve]], x_label: str, y_label: str, ticks: Sequence[float]) -> bytes:
    """The picture of ``curves_figure``."""
    return png(curves_figure(panels, x_label, y_label, ticks))


def curves_figure(
    panels: Mapping[str, Mapping[str, Curve]], x_label: str, y_label: str, ticks: Sequence[float]
) -> Figure:
    """One panel for each title, with the curves of each label, both axes logarithmic and one legend beside them.

    ``ticks`` are where the axis of x is marked, as far as the points reach.
    """
    reached = [x for panel in panels.values() for curve in panel.values() for x in curve.x]
    ticks = [tick for tick in ticks if min(reached) / _MARGIN <= tick <= max(reached) * _MARGIN]
    labels = list(dict.fromkeys(label for panel in panels.values() for label in panel))
    with mpl.rc_context(FONT):
        width = min(len(panels), ABREAST)
        height = math.ceil(len(panels) / width)
        figure = Figure(figsize=(3.4 * width + 1.9, 3.2 * height + 0.4), layout="constrained")
        grid = figure.subplots(height, width, squeeze=False, sharex=True, sharey=True)
        for unused in grid.flat[len(panels) :]:
            unused.remove()
        for axes, (title, panel) in zip(grid.flat, panels.items(), strict=False):
            for label, curve in panel.items():
                _draw_curve(axes, curve, label, *STYLES[labels.index(label) % len(STYLES)])
            axes.set(xscale="log", yscale="log", title=title)
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
            axes.xaxis.set_minor_formatter(NullFormatter())
            log_ticks(axes.yaxis, (1, 2, 3, 5, 7))
            with_grid(axes)
            axes.label_outer()
        figure.supxlabel(x_label, fontsize="medium")
        figure.supylabel(y_label, fontsize="medium")
        handles = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
        figure.legend([handles[label] for label in labels], labels, loc="outside right center", frameon=False)
        return figure


def _draw_curve(axes: Axes, curve: Curve, label: str, colour: str, mark: str) -> None:
    axes.plot(
        curve.x,
        curve.y,
        marker=mark,
        color=colour,
        markersize=5,
        linewidth=1.3,
        linestyle="--" if curve.published else "-",
        markerfacecolor="white" if curve.published else colour,
        label=label,
    )


def lines(
    places: Float[np.ndarray, " places"],
    found: Mapping[str, Float[np.ndarray, " places"]],
    label: str,
    what: str = "energy [kcal/mol]",
    highest: float | None = None,
) -> bytes:
    """Numbers of methods at places along a line, as they are; nothing above ``highest`` is shown."""
    with mpl.rc_context(FONT):
        figure, axes = one_panel()
        styles = cycle(STYLES)
        for name, own in found.items():
            if name == REFERENCE:
                axes.plot(places, own, color="black", linewidth=2, label=name, zorder=3)
                continue
            colour, mark = next(styles)
            axes.plot(places, own, color=colour, marker=mark, markersize=3, linewidth=1.2, label=short_name(name))
        if highest is not None:
            axes.set_ylim(-0.05 * highest, highest)
        axes.set(xlabel=label, ylabel=what)
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)
