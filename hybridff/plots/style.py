"""How all pictures look: colours, marks, panels and axes, and figures as files."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

FONT: Any = {"font.size": 9}
"""Settings of matplotlib for all pictures."""
STYLES = (
    ("#b8862b", "o"),
    ("#7a9a3b", "s"),
    ("#8d5aa5", "D"),
    ("#0b6e99", "^"),
    ("#c44e3b", "v"),
    ("#666666", "x"),
    ("#3aa6a0", "P"),
    ("#d47fa6", "*"),
    ("#1f3b73", "<"),
    ("#a0622d", ">"),
)
"""Colours and marks of curves."""
ABREAST = 3
"""Panels in a row."""
TORSION_TICKS = range(-180, 181, 60)
"""Marks of an axis of a torsion [degrees]."""


def png(figure: Figure) -> bytes:
    """A figure as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def short_name(name: str) -> str:
    """The last part of a path, and any other name as it is."""
    return Path(name).name if "/" in name else name


def one_panel(width: float = 6.4) -> tuple[Figure, Axes]:
    """A figure [inch] of one panel with a grid."""
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    with_grid(axes)
    return figure, axes


def panels(n: int, size: tuple[float, float], extra: tuple[float, float], *, shared: bool) -> tuple[Figure, np.ndarray]:
    """A figure of ``n`` panels, at most three in a row, and the grid of its axes; those without a panel are not seen.

    ``size`` is that of a panel and ``extra`` what the figure needs besides [inch]; ``shared`` axes are the same in all.
    """
    width = min(n, ABREAST)
    height = math.ceil(n / width)
    figure = Figure(figsize=(size[0] * width + extra[0], size[1] * height + extra[1]), layout="constrained")
    grid = figure.subplots(height, width, squeeze=False, sharex=shared, sharey=shared)
    for unused in grid.flat[n:]:
        unused.set_visible(False)
    return figure, grid


def with_grid(axes: Axes) -> None:
    """Draw a grid behind the curves, and no frame above and at the right."""
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def log_ticks(axis: Axis, subs: Sequence[int] = (1, 2, 5)) -> None:
    """Mark a logarithmic axis with plain numbers."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
