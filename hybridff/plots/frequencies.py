"""Errors of the frequencies of normal modes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from hybridff.plots.style import png

_COLOURS = ("#b8b8b8", "#b8862b", "#7a9a3b", "#0b6e99", "#8d5aa5", "#666666")
_MARKS = "xsoD^v"


@dataclass(frozen=True, eq=False)
class ModeErrors:
    """Frequencies of a molecule and how far models are off them."""

    frequencies: Float[np.ndarray, " modes"]
    """Frequencies of the reference [1/cm]."""
    errors: Mapping[str, Float[np.ndarray, " modes"]]
    """Frequencies of each model less those of the reference [1/cm]."""


def mode_errors(found: Mapping[str, ModeErrors], names: Sequence[str]) -> bytes:
    """Errors of every mode on a logarithmic axis, a panel for each set, colours by the order of all ``names``."""
    figure = Figure(figsize=(7.6, 2.3 * len(found) + 0.6), layout="constrained")
    panels = figure.subplots(len(found), 1, squeeze=False)
    for axes, (name, own) in zip(panels.ravel(), found.items(), strict=True):
        for (model, wrong), mark in zip(own.errors.items(), _MARKS, strict=False):
            colour = _COLOURS[list(names).index(model) % len(_COLOURS)]
            label = f"{model}: {np.abs(wrong).mean():.1f} cm⁻¹"
            axes.plot(own.frequencies, np.abs(wrong), mark, color=colour, markersize=4.5, label=label)
        axes.set(yscale="log", ylabel="error [cm⁻¹]", title=name, ylim=(0.1, None))
        axes.grid(color="0.9", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="mean")
    panels[-1, 0].set_xlabel("frequency of the reference [cm⁻¹]")
    return png(figure)
