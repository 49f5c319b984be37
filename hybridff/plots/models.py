"""Pictures, as PNG bytes."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hybridff.analysis.scan import Scan
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.model import EnergyModel
from hybridff.units import FORCE_KCAL, KCAL_MOL

_COLOURS = ("#b8b8b8", "#0b6e99")
_MOST_POINTS = 20000
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
_GROUPS = ("#0b6e99", "#d9a02b", "#c44e3b", "#8d5aa5", "#7a9a3b", "#666666")
_BINS = 8
_MARGIN = 1.25
ABREAST = 3
"""Panels in a row."""


def parity(models: Mapping[str, EnergyModel], offsets: Mapping[str, float], frames: Frames, title: str) -> bytes:
    """Models against reference: energies and force components.

    ``offsets`` are what to add to each model's energies [kJ/mol].
    """
    colours = dict(zip(models, _COLOURS, strict=False))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(8.2, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        energy_parity(left, models, offsets, frames, colours)
        if frames.forces is None:
            right.set_visible(False)
        else:
            force_parity(right, models, frames, colours)
        figure.suptitle(title)
        return png(figure)


@dataclass(frozen=True)
class Curve:
    """Points of one colour, joined."""

    x: Sequence[float]
    y: Sequence[float]
    published: bool = False
    """Drawn dashed and with open marks, as it is not ours."""


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
    with mpl.rc_context({"font.size": 9}):
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
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.grid(color="0.9", linewidth=0.7)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
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


def scans(found: Mapping[str, Scan], labels: Sequence[str]) -> bytes:
    """Scans of one torsion as curves in one panel, of two as maps, one for each method, with one scale."""
    with mpl.rc_context({"font.size": 9}):
        if len(labels) == 1:
            figure = Figure(figsize=(6.0, 3.6), layout="constrained")
            axes = figure.subplots()
            for (name, own), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
                axes.plot(
                    own.angles[0], own.energies, color=colour, marker=mark, markersize=3, linewidth=1.3, label=name
                )
            axes.set(xlabel=f"{labels[0]} [degrees]", ylabel="energy [kcal/mol]", xticks=range(-180, 181, 60))
            axes.grid(color="0.9", linewidth=0.7)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
            figure.legend(loc="outside right center", frameon=False)
            return png(figure)
        highest = max(float(np.nanmax(own.energies)) for own in found.values())
        width = min(len(found), ABREAST)
        height = math.ceil(len(found) / width)
        figure = Figure(figsize=(3.0 * width + 1.0, 3.0 * height), layout="constrained")
        grid = figure.subplots(height, width, squeeze=False, sharex=True, sharey=True)
        for unused in grid.flat[len(found) :]:
            unused.set_visible(False)
        for axes, (name, own) in zip(grid.flat, found.items(), strict=False):
            image = axes.pcolormesh(*own.angles[::-1], own.energies, vmin=0, vmax=highest, shading="nearest")
            axes.set(title=name, xticks=range(-180, 181, 90), yticks=range(-180, 181, 90), aspect="equal")
            axes.label_outer()
        figure.supxlabel(f"{labels[1]} [degrees]", fontsize="medium")
        figure.supylabel(f"{labels[0]} [degrees]", fontsize="medium")
        figure.colorbar(image, ax=grid.ravel().tolist(), label="energy [kcal/mol]")
        return png(figure)


def calibration(
    predicted: Mapping[str, Float[np.ndarray, " _"]],
    actual: Mapping[str, Float[np.ndarray, " _"]],
    what: str,
    title: str,
) -> bytes:
    """The picture of ``calibration_figure``."""
    return png(calibration_figure(predicted, actual, what, title))


def calibration_figure(
    predicted: Mapping[str, Float[np.ndarray, " _"]],
    actual: Mapping[str, Float[np.ndarray, " _"]],
    what: str,
    title: str,
) -> Figure:
    """Predicted deviations against actual errors, both positive: a point for each frame, a colour for each group.

    Black dots are root mean squares over frames of like prediction; in a calibrated model they lie on the line.
    """
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        for (name, values), colour in zip(predicted.items(), _GROUPS, strict=False):
            axes.plot(values, actual[name], ".", color=colour, markersize=6, alpha=0.6, markeredgewidth=0, label=name)
        x, y = (np.concatenate(list(values.values())) for values in (predicted, actual))
        bins = np.array_split(np.argsort(x), _BINS)
        means = [[float(np.sqrt(np.mean(values[rows] ** 2))) for rows in bins] for values in (x, y)]
        axes.plot(*means, "o", color="black", markersize=6, label=f"RMS of {len(bins[0])} frames")
        limits = min(x.min(), y.min()) / _MARGIN, max(x.max(), y.max()) * _MARGIN
        axes.plot(limits, limits, color="black", linewidth=0.8, label="actual = predicted")
        axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal", title=title)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set(xlabel=f"predicted {what}", ylabel=f"actual {what}")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right center", frameon=False)
        return figure


def energy_parity(
    axes: Axes,
    models: Mapping[str, EnergyModel],
    offsets: Mapping[str, float],
    frames: Frames,
    colours: Mapping[str, str],
) -> None:
    """Energies [kcal/mol] from the mean of the reference; ``offsets`` [kJ/mol] are added to each model's."""
    zero = frames.energies.mean()
    for name, model in models.items():
        energies = predict(model, frames.positions)[0] + offsets[name]
        _scatter(axes, (frames.energies - zero) / KCAL_MOL, (energies - zero) / KCAL_MOL, colours[name], name)
    _finish(axes, "energy [kcal/mol]")


def force_parity(axes: Axes, models: Mapping[str, EnergyModel], frames: Frames, colours: Mapping[str, str]) -> None:
    """Force components [kcal/mol/Å]; the frames must have forces."""
    assert frames.forces is not None
    for name, model in models.items():
        _, forces = predict(model, frames.positions)
        _scatter(axes, frames.forces.ravel() / FORCE_KCAL, forces.ravel() / FORCE_KCAL, colours[name], name)
    _finish(axes, "force component [kcal/mol/Å]")


def _scatter(
    axes: Axes, reference: Float[np.ndarray, " n"], model: Float[np.ndarray, " n"], colour: str, name: str
) -> None:
    rmse = float(np.sqrt(np.mean((model - reference) ** 2)))
    every = max(1, len(reference) // _MOST_POINTS)
    axes.plot(
        reference[::every],
        model[::every],
        ".",
        markersize=float(np.clip(300 / np.sqrt(len(reference)), 3, 7)),
        color=colour,
        alpha=0.5,
        markeredgewidth=0,
        label=f"{name}: RMSE {rmse:.2f}",
    )


def _finish(axes: Axes, what: str) -> None:
    axes.set_xlabel(f"reference {what}")
    axes.set_ylabel(f"model {what}")
    axes.axline((0, 0), slope=1, color="black", linewidth=0.8, zorder=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")


def png(figure: Figure) -> bytes:
    """A figure as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
