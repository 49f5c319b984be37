"""What comes from dynamics: densities of states, distributions of distances, populations of minima."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from hybridff.plots.style import FONT, STYLES, one_panel, png, short_name
from hybridff.units import ANGSTROM

_HIGHEST_WAVENUMBER = 4000.0
"""End of the axis of a density of states [1/cm]."""


@dataclass(frozen=True, eq=False)
class Density:
    """A density with its standard error."""

    x: Float[np.ndarray, " points"]
    """Wave numbers [1/cm] or distances [nm]."""
    y: Float[np.ndarray, " points"]
    """Density over them [cm] or [1/nm]."""
    error: Float[np.ndarray, " points"] | None = None
    """Standard error of the density, drawn as a band."""


def densities_of_states(found: Mapping[str, Mapping[float, Density]]) -> bytes:
    """A panel for each method, a line for each temperature [K], the hottest on top."""
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(7.2, 1.7 * len(found) + 0.7), layout="constrained")
        grid = figure.subplots(len(found), 1, squeeze=False, sharex=True).ravel()
        kelvins = sorted({kelvin for own in found.values() for kelvin in own})
        colours = mpl.colormaps["plasma"](np.linspace(0.1, 0.8, len(kelvins)))
        highest = max(own.y.max() for every in found.values() for own in every.values())
        for axes, (name, own) in zip(grid, found.items(), strict=True):
            for number, (kelvin, colour) in enumerate(zip(kelvins, colours, strict=True)):
                if kelvin in own:
                    line = own[kelvin].y / highest + 0.35 * number
                    axes.plot(own[kelvin].x, line, color=colour, linewidth=1.0, label=f"{kelvin:g} K")
            axes.set_title(short_name(name), loc="left", fontsize="medium")
            axes.set(xlim=(0, _HIGHEST_WAVENUMBER), yticks=[])
            axes.spines[["top", "right", "left"]].set_visible(False)
        grid[-1].set_xlabel("wave number [cm⁻¹]")
        figure.supylabel("density of states", fontsize="medium")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside right upper", frameon=False)
        return png(figure)


def distance_densities(found: Mapping[str, Density]) -> bytes:
    """Distributions of distances, with bands of their errors."""
    with mpl.rc_context(FONT):
        figure, axes = one_panel(7.0)
        for (name, own), (colour, _) in zip(found.items(), cycle(STYLES), strict=False):
            distances, density = own.x / ANGSTROM, own.y * ANGSTROM
            axes.plot(distances, density, color=colour, linewidth=1.2, label=short_name(name))
            if own.error is not None:
                low, high = density - own.error * ANGSTROM, density + own.error * ANGSTROM
                axes.fill_between(distances, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel="distance [Å]", ylabel="density [1/Å]", ylim=(0, None))
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def population_bars(
    found: Mapping[str, Mapping[float, tuple[Float[np.ndarray, " minima"], Float[np.ndarray, " minima"]]]],
    labels: Sequence[str],
) -> bytes:
    """Bars of populations with their standard errors, a panel for each temperature [K], a label for each minimum."""
    kelvins = sorted({kelvin for own in found.values() for kelvin in own})
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(4.2 * len(kelvins) + 0.8, 3.8), layout="constrained")
        grid = figure.subplots(1, len(kelvins), squeeze=False, sharey=True).ravel()
        width = 0.8 / len(labels)
        for axes, kelvin in zip(grid, kelvins, strict=True):
            own = {name: values[kelvin] for name, values in found.items() if kelvin in values}
            for i, label in enumerate(labels):
                means, errors = (np.array([both[k][i] for both in own.values()]) * 100 for k in (0, 1))
                places = np.arange(len(own)) + (i - (len(labels) - 1) / 2) * width
                axes.bar(places, means, width, yerr=np.nan_to_num(errors), capsize=2, label=label)
            axes.set_xticks(range(len(own)), [short_name(name) for name in own], rotation=30, ha="right")
            axes.set_title(f"{kelvin:g} K")
            axes.spines[["top", "right"]].set_visible(False)
        grid[0].set_ylabel("population [%]")
        handles, names = grid[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)), frameon=False)
        return png(figure)
