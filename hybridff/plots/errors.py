"""Errors of models: parity with a reference, calibration of predicted errors, errors by group and by temperature."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridff.plots.style import FONT, STYLES, log_ticks, panels, png, short_name, with_grid
from hybridff.units import FORCE_KCAL, KCAL_MOL

_COLOURS = ("#b8b8b8", "#0b6e99")
_MOST_POINTS = 20000
_GROUPS = ("#0b6e99", "#d9a02b", "#c44e3b", "#8d5aa5", "#7a9a3b", "#666666")
_BINS = 8
_MARGIN = 1.25


@dataclass(frozen=True, eq=False)
class Parity:
    """What models predict beside what a reference says."""

    reference: Float[np.ndarray, "*values"]
    """Energies [kJ/mol] or forces [kJ/mol/nm] of the reference."""
    models: Mapping[str, Float[np.ndarray, "*values"]]
    """Values by each model; energies with its offset."""


@dataclass(frozen=True)
class GroupError:
    """Errors of one group of atoms or frames."""

    kind: str
    """What the groups are, which is the title of their panel."""
    name: str
    """Name of the group."""
    energy_rmse: float | None
    """RMSE of energies [kJ/mol]; None where there is none."""
    force_rmse: float | None
    """RMSE of force components [kJ/mol/nm]; None where there is none."""


@dataclass(frozen=True, eq=False)
class TemperatureErrors:
    """Errors of one method at several temperatures."""

    temperatures: Sequence[float]
    """Temperatures [K]."""
    energy_rmse: Float[np.ndarray, " temperatures"]
    """RMSE of energies at each [kJ/mol]."""
    force_rmse: Float[np.ndarray, " temperatures"]
    """RMSE of force components at each [kJ/mol/nm]."""


def parity(energies: Parity, forces: Parity | None, title: str) -> bytes:
    """Models against reference: energies, and force components where there are any."""
    colours = dict(zip(energies.models, _COLOURS, strict=False))
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(8.2, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        energy_parity(left, energies, colours)
        if forces is None:
            right.set_visible(False)
        else:
            force_parity(right, forces, colours)
        figure.suptitle(title)
        return png(figure)


def energy_parity(axes: Axes, energies: Parity, colours: Mapping[str, str]) -> None:
    """Energies [kcal/mol] from the mean of the reference."""
    zero = energies.reference.mean()
    for name, own in energies.models.items():
        _scatter(axes, (energies.reference - zero) / KCAL_MOL, (own - zero) / KCAL_MOL, colours[name], name)
    _finish(axes, "energy [kcal/mol]")


def force_parity(axes: Axes, forces: Parity, colours: Mapping[str, str]) -> None:
    """Force components [kcal/mol/Å]."""
    for name, own in forces.models.items():
        _scatter(axes, forces.reference.ravel() / FORCE_KCAL, own.ravel() / FORCE_KCAL, colours[name], name)
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

    Black dots are root mean squares over frames of like prediction; in a calibrated model they lie on the line. Numbers
    are drawn as they are; ``what`` names them with their unit.
    """
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        for (name, values), colour in zip(predicted.items(), _GROUPS, strict=False):
            axes.plot(values, actual[name], ".", color=colour, markersize=6, alpha=0.6, markeredgewidth=0, label=name)
        x, y = (np.concatenate(list(values.values())) for values in (predicted, actual))
        bins = np.array_split(np.argsort(x), min(_BINS, len(x)))
        means = [[float(np.sqrt(np.mean(values[rows] ** 2))) for rows in bins] for values in (x, y)]
        axes.plot(*means, "o", color="black", markersize=6, label=f"RMS of {len(bins[0])} frames")
        limits = min(x.min(), y.min()) / _MARGIN, max(x.max(), y.max()) * _MARGIN
        axes.plot(limits, limits, color="black", linewidth=0.8, label="actual = predicted")
        axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits, aspect="equal", title=title)
        log_ticks(axes.xaxis)
        log_ticks(axes.yaxis)
        axes.set(xlabel=f"predicted {what}", ylabel=f"actual {what}")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right center", frameon=False)
        return figure


def group_errors(found: Sequence[GroupError]) -> bytes:
    """Bars of errors, a panel for each kind of group."""
    kinds = list(dict.fromkeys(own.kind for own in found))
    with mpl.rc_context(FONT):
        figure, grid = panels(len(kinds), (3.9, 2.9), (0.0, 0.0), shared=False)
        for axes, kind in zip(grid.flat, kinds, strict=False):
            _draw_groups(axes, [own for own in found if own.kind == kind])
            axes.set_title(kind, fontsize="medium")
            axes.spines[["top", "right"]].set_visible(False)
        handles = {
            label: handle
            for axes in figure.axes
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(handles.values()), list(handles), loc="outside upper right", ncols=2, frameon=False)
        figure.supylabel("RMSE", fontsize="medium")
        return png(figure)


def _draw_groups(axes: Axes, rows: Sequence[GroupError]) -> None:
    """Bars of the groups of one kind, forces and energies side by side where there are both."""
    forces = [np.nan if own.force_rmse is None else own.force_rmse / FORCE_KCAL for own in rows]
    energies = [np.nan if own.energy_rmse is None else own.energy_rmse / KCAL_MOL for own in rows]
    both = np.isfinite(energies).any() and np.isfinite(forces).any()
    places, bar = np.arange(len(rows)), 0.4 if both else 0.8
    shift = bar / 2 if both else 0.0
    if np.isfinite(forces).any():
        axes.bar(places - shift, forces, bar, color=STYLES[3][0], label="force [kcal/mol/Å]")
    if np.isfinite(energies).any():
        axes.bar(places + shift, energies, bar, color=STYLES[0][0], label="energy [kcal/mol]")
    axes.set_xticks(places, [own.name for own in rows], rotation=60, ha="right", fontsize="small")


def temperature_errors(found: Mapping[str, TemperatureErrors]) -> bytes:
    """Energy and force errors of methods on frames of their own dynamics, against the temperature."""
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(7.6, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (name, own), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
            left.plot(own.temperatures, own.energy_rmse / KCAL_MOL, color=colour, marker=mark, label=short_name(name))
            right.plot(own.temperatures, own.force_rmse / FORCE_KCAL, color=colour, marker=mark)
        left.set(ylabel="energy RMSE [kcal/mol]", yscale="log")
        right.set(ylabel="force RMSE [kcal/mol/Å]", yscale="log")
        for axes in (left, right):
            log_ticks(axes.yaxis)
            with_grid(axes)
        figure.supxlabel("temperature of the model's own dynamics [K]", fontsize="medium")
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)
