"""Curves with bars of their errors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from hybridff.plots.style import png


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Points with errors, joined; in the units of the picture."""

    x: Float[np.ndarray, " points"]
    """Horizontal places."""
    y: Float[np.ndarray, " points"]
    """Values."""
    errors: Float[np.ndarray, " points"]
    """Half the length of each bar."""


def error_curves(curves: Mapping[str, ErrorCurve], x_label: str, y_label: str) -> bytes:
    """All curves in one panel, as a PNG."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, own in curves.items():
        axes.errorbar(own.x, own.y, own.errors, marker="o", markersize=3, capsize=2, label=name)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return png(figure)
