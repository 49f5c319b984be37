"""Pictures of analyses, as PNG bytes."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hybridff.analysis.distances import Distribution
from hybridff.analysis.extrapolation import OwnErrors
from hybridff.analysis.groups import Group
from hybridff.analysis.path import Path as EnergyPath
from hybridff.analysis.populations import FreeEnergy
from hybridff.analysis.vibrations import Spectrum, smooth
from hybridff.plots.models import ABREAST, STYLES, png
from hybridff.units import FORCE_KCAL, KCAL_MOL

REFERENCE = "reference"
"""The name of what all others are compared with, drawn black."""
_HIGHEST_WAVENUMBER = 4000.0
_SMOOTH = 8.0
"""Of spectra [1/cm]."""
_HIGHEST_FREE = 6.0
"""Of free energies in maps [kcal/mol]."""


def spectra(found: Mapping[str, Mapping[float, Spectrum]]) -> bytes:
    """A panel for each method, a line for each temperature, the hottest on top."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(7.2, 1.7 * len(found) + 0.7), layout="constrained")
        grid = figure.subplots(len(found), 1, squeeze=False, sharex=True).ravel()
        kelvins = sorted({kelvin for own in found.values() for kelvin in own})
        colours = mpl.colormaps["plasma"](np.linspace(0.1, 0.8, len(kelvins)))
        highest = max(smooth(own, _SMOOTH).max() for every in found.values() for own in every.values())
        for axes, (name, own) in zip(grid, found.items(), strict=True):
            for number, (kelvin, colour) in enumerate(zip(kelvins, colours, strict=True)):
                if kelvin in own:
                    line = smooth(own[kelvin], _SMOOTH) / highest + 0.35 * number
                    axes.plot(own[kelvin].wavenumbers, line, color=colour, linewidth=1.0, label=f"{kelvin:g} K")
            axes.set_title(_short(name), loc="left", fontsize="medium")
            axes.set(xlim=(0, _HIGHEST_WAVENUMBER), yticks=[])
            axes.spines[["top", "right", "left"]].set_visible(False)
        grid[-1].set_xlabel("wave number [cm⁻¹]")
        figure.supylabel("density of states", fontsize="medium")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right upper", frameon=False)
        return png(figure)


def basins(
    found: Mapping[str, Mapping[float, tuple[Float[np.ndarray, " basins"], Float[np.ndarray, " basins"]]]],
    labels: Sequence[str],
) -> bytes:
    """Bars of populations with their errors, a panel for each temperature."""
    kelvins = sorted({kelvin for own in found.values() for kelvin in own})
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(4.2 * len(kelvins) + 0.8, 3.8), layout="constrained")
        panels = figure.subplots(1, len(kelvins), squeeze=False, sharey=True).ravel()
        width = 0.8 / len(labels)
        for axes, kelvin in zip(panels, kelvins, strict=True):
            own = {name: values[kelvin] for name, values in found.items() if kelvin in values}
            for i, label in enumerate(labels):
                means, errors = (np.array([both[k][i] for both in own.values()]) * 100 for k in (0, 1))
                places = np.arange(len(own)) + (i - (len(labels) - 1) / 2) * width
                axes.bar(places, means, width, yerr=np.nan_to_num(errors), capsize=2, label=label)
            axes.set_xticks(range(len(own)), [_short(name) for name in own], rotation=30, ha="right")
            axes.set_title(f"{kelvin:g} K")
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("population [%]")
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)), frameon=False)
        return png(figure)


def free_energies(found: Mapping[str, FreeEnergy], labels: Sequence[str]) -> bytes:
    """Along one torsion as curves with bands of their errors, over two as maps with one scale."""
    if len(labels) == 1:
        with mpl.rc_context({"font.size": 9}):
            figure, axes = _one_panel()
            for (name, own), (colour, _) in zip(found.items(), cycle(STYLES), strict=False):
                angles, values = own.angles[0], np.where(np.isfinite(own.values), own.values, np.nan)
                axes.plot(angles, values, color=colour, linewidth=1.4, label=_short(name))
                axes.fill_between(
                    angles, values - own.errors, values + own.errors, color=colour, alpha=0.2, linewidth=0
                )
            axes.set(xlabel=f"{labels[0]} [degrees]", ylabel="free energy [kcal/mol]", xticks=range(-180, 181, 60))
            figure.legend(loc="outside right center", frameon=False)
            return png(figure)
    maps = {name: (own.angles, own.values) for name, own in found.items()}
    return torsion_maps(maps, labels, "free energy [kcal/mol]", 0.0, _HIGHEST_FREE)


def torsion_maps(
    maps: Mapping[str, tuple[tuple[Float[np.ndarray, " _"], ...], Float[np.ndarray, "first second"]]],
    labels: Sequence[str],
    what: str,
    lowest: float,
    highest: float,
    colours: str = "viridis",
) -> bytes:
    """A map of two torsions [degrees] for each name, with one scale."""
    with mpl.rc_context({"font.size": 9}):
        width = min(len(maps), ABREAST)
        height = math.ceil(len(maps) / width)
        figure = Figure(figsize=(2.7 * width + 1.0, 2.8 * height + 0.3), layout="constrained")
        grid = figure.subplots(height, width, squeeze=False, sharex=True, sharey=True)
        for unused in grid.flat[len(maps) :]:
            unused.set_visible(False)
        for axes, (name, (angles, values)) in zip(grid.flat, maps.items(), strict=False):
            shown = np.where(np.isfinite(values), values, np.nan)
            image = axes.pcolormesh(*angles[::-1], shown, vmin=lowest, vmax=highest, shading="nearest", cmap=colours)
            axes.set(title=_short(name), xticks=range(-180, 181, 90), yticks=range(-180, 181, 90), aspect="equal")
            axes.label_outer()
        figure.supxlabel(f"{labels[1]} [degrees]", fontsize="medium")
        figure.supylabel(f"{labels[0]} [degrees]", fontsize="medium")
        figure.colorbar(image, ax=grid.ravel().tolist(), label=what, extend="max", shrink=0.8)
        return png(figure)


def densities(found: Mapping[str, Distribution]) -> bytes:
    """Distributions of distances, with bands of their errors."""
    with mpl.rc_context({"font.size": 9}):
        figure, axes = _one_panel(7.0)
        for (name, own), (colour, _) in zip(found.items(), cycle(STYLES), strict=False):
            axes.plot(own.distances, own.density, color=colour, linewidth=1.2, label=_short(name))
            low, high = own.density - own.error, own.density + own.error
            axes.fill_between(own.distances, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel="distance [Å]", ylabel="density [1/Å]", ylim=(0, None))
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def lines(
    places: Float[np.ndarray, " frames"],
    found: Mapping[str, Float[np.ndarray, " frames"]],
    label: str,
    what: str = "energy [kcal/mol]",
    highest: float | None = None,
) -> bytes:
    """Numbers of methods along a line of geometries; nothing above ``highest`` is shown."""
    with mpl.rc_context({"font.size": 9}):
        figure, axes = _one_panel()
        styles = cycle(STYLES)
        for name, own in found.items():
            if name == REFERENCE:
                axes.plot(places, own, color="black", linewidth=2, label=name, zorder=3)
                continue
            colour, mark = next(styles)
            axes.plot(places, own, color=colour, marker=mark, markersize=3, linewidth=1.2, label=_short(name))
        if highest is not None:
            axes.set_ylim(-0.05 * highest, highest)
        axes.set(xlabel=label, ylabel=what)
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def paths(found: Mapping[str, EnergyPath]) -> bytes:
    """Minimum-energy paths of methods."""
    with mpl.rc_context({"font.size": 9}):
        figure, axes = _one_panel()
        for (name, own), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
            share = own.way / own.way[-1]
            axes.plot(share, own.energies, color=colour, marker=mark, markersize=3.5, linewidth=1.2, label=_short(name))
        axes.set(xlabel="share of the path", ylabel="energy [kcal/mol]")
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def own_frames(found: Mapping[str, Sequence[OwnErrors]]) -> bytes:
    """Energy and force errors of methods on frames of their own, against the temperature."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(7.6, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (name, rows), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
            kelvins = [row.temperature for row in rows]
            left.plot(kelvins, [row.energy_rmse for row in rows], color=colour, marker=mark, label=_short(name))
            right.plot(kelvins, [row.force_rmse for row in rows], color=colour, marker=mark)
        left.set(ylabel="energy RMSE [kcal/mol]", yscale="log")
        right.set(ylabel="force RMSE [kcal/mol/Å]", yscale="log")
        for axes in (left, right):
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            _tidy(axes)
        figure.supxlabel("temperature of the model's own dynamics [K]", fontsize="medium")
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def groups(found: Sequence[Group]) -> bytes:
    """Bars of errors, a panel for each kind of group."""
    kinds = list(dict.fromkeys(own.kind for own in found))
    with mpl.rc_context({"font.size": 9}):
        width = min(len(kinds), ABREAST)
        height = math.ceil(len(kinds) / width)
        figure = Figure(figsize=(3.9 * width, 2.9 * height), layout="constrained")
        grid = figure.subplots(height, width, squeeze=False)
        for unused in grid.flat[len(kinds) :]:
            unused.set_visible(False)
        for axes, kind in zip(grid.flat, kinds, strict=False):
            rows = [own for own in found if own.kind == kind]
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


def _short(name: str) -> str:
    """The last part of a path, and any other name as it is."""
    return Path(name).name if "/" in name else name


def _one_panel(width: float = 6.4) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    axes = figure.subplots()
    _tidy(axes)
    return figure, axes


def _tidy(axes: Axes) -> None:
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
