"""The energy surface at and between minima: energies of minima, frequencies, minimum-energy paths."""

from collections.abc import Mapping
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hybridff.plots.style import FONT, STYLES, one_panel, png, short_name
from hybridff.units import KCAL_MOL


def paths(found: Mapping[str, tuple[Float[np.ndarray, " images"], Float[np.ndarray, " images"]]]) -> bytes:
    """Energies [kJ/mol] of methods along their paths, of which each is as long as the others in the picture.

    Each method has the lengths of its path up to the images, in any unit, and their energies.
    """
    with mpl.rc_context(FONT):
        figure, axes = one_panel()
        for (name, (way, energies)), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
            axes.plot(
                way / way[-1],
                energies / KCAL_MOL,
                color=colour,
                marker=mark,
                markersize=3.5,
                linewidth=1.2,
                label=short_name(name),
            )
        axes.set(xlabel="share of the path", ylabel="energy [kcal/mol]")
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def frequency_sticks(found: Mapping[str, Float[np.ndarray, " modes"]]) -> bytes:
    """Frequencies [1/cm] of methods as sticks, one row for each; imaginary ones are left of zero."""
    with mpl.rc_context(FONT):
        figure = Figure(figsize=(7.2, 0.7 * len(found) + 0.8), layout="constrained")
        axes = figure.subplots()
        for number, (own, (colour, _)) in enumerate(zip(found.values(), cycle(STYLES), strict=False)):
            axes.vlines(own, -number, -number + 0.8, color=colour, linewidth=1.1)
        axes.set_yticks([-number + 0.4 for number in range(len(found))], [short_name(name) for name in found])
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_xlabel("frequency [cm⁻¹]")
        return png(figure)


def energies_of_minima(found: Mapping[str, Float[np.ndarray, " minima"]]) -> bytes:
    """Energies [kJ/mol] of the same minima by each method; what is no number is left out."""
    with mpl.rc_context(FONT):
        figure, axes = one_panel()
        for (name, own), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
            numbers = np.arange(1, len(own) + 1)
            axes.plot(numbers, own / KCAL_MOL, color=colour, marker=mark, markersize=5, lw=0.8, label=short_name(name))
        axes.set(xlabel="minimum", ylabel="energy [kcal/mol]")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)
