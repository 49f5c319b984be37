"""Energies over one torsion or two: scans, free energies, and maps of either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
import numpy as np
from jaxtyping import Float

from hybridff.plots.style import FONT, STYLES, TORSION_TICKS, one_panel, panels, png, short_name
from hybridff.units import DEGREE, KCAL_MOL

_HIGHEST_FREE = 6.0 * KCAL_MOL
"""Highest free energy in maps [kJ/mol]."""
_MAP_TICKS = range(-180, 181, 90)
"""Marks of the axes of a map [degrees]."""


@dataclass(frozen=True, eq=False)
class TorsionGrid:
    """Energies on a grid of one or two torsions."""

    angles: tuple[Float[np.ndarray, " _"], ...]
    """Angles of each torsion [rad]."""
    energies: Float[np.ndarray, "*grid"]
    """Energies [kJ/mol]; what is not finite is not drawn."""
    errors: Float[np.ndarray, "*grid"] | None = None
    """Standard errors of the energies [kJ/mol], drawn as a band about a curve."""

    def degrees(self) -> tuple[Float[np.ndarray, " _"], ...]:
        """Angles of each torsion [degrees]."""
        return tuple(own / DEGREE for own in self.angles)

    def drawn(self) -> Float[np.ndarray, "*grid"]:
        """Energies [kcal/mol], with NaN for what is not drawn."""
        return np.where(np.isfinite(self.energies), self.energies, np.nan) / KCAL_MOL


@dataclass(frozen=True)
class ColourScale:
    """What the colours of a map mean."""

    lowest: float
    """Energy of the first colour [kJ/mol]."""
    highest: float
    """Energy of the last colour [kJ/mol], which also higher ones have."""
    colours: str = "viridis"
    """A colour map of matplotlib."""


def scans(found: Mapping[str, TorsionGrid], labels: Sequence[str]) -> bytes:
    """Scans of one torsion as curves in one panel, of two as maps, one for each method, with one scale."""
    with mpl.rc_context(FONT):
        if len(labels) == 1:
            figure, axes = one_panel(6.0)
            for (name, own), (colour, mark) in zip(found.items(), cycle(STYLES), strict=False):
                (angles,) = own.degrees()
                axes.plot(angles, own.drawn(), color=colour, marker=mark, markersize=3, linewidth=1.3, label=name)
            axes.set(xlabel=f"{labels[0]} [degrees]", ylabel="energy [kcal/mol]", xticks=TORSION_TICKS)
            figure.legend(loc="outside right center", frameon=False)
            return png(figure)
        highest = max(float(np.nanmax(own.drawn())) for own in found.values())
        figure, grid = panels(len(found), (3.0, 3.0), (1.0, 0.0), shared=True)
        for axes, (name, own) in zip(grid.flat, found.items(), strict=False):
            image = axes.pcolormesh(*own.degrees()[::-1], own.drawn(), vmin=0, vmax=highest, shading="nearest")
            axes.set(title=name, xticks=_MAP_TICKS, yticks=_MAP_TICKS, aspect="equal")
            axes.label_outer()
        figure.supxlabel(f"{labels[1]} [degrees]", fontsize="medium")
        figure.supylabel(f"{labels[0]} [degrees]", fontsize="medium")
        figure.colorbar(image, ax=grid.ravel().tolist(), label="energy [kcal/mol]")
        return png(figure)


def free_energies(found: Mapping[str, TorsionGrid], labels: Sequence[str]) -> bytes:
    """Along one torsion as curves with bands of their errors, over two as maps with one scale."""
    if len(labels) != 1:
        return torsion_maps(found, labels, "free energy", ColourScale(0.0, _HIGHEST_FREE))
    with mpl.rc_context(FONT):
        figure, axes = one_panel()
        for (name, own), (colour, _) in zip(found.items(), cycle(STYLES), strict=False):
            (angles,), values = own.degrees(), own.drawn()
            axes.plot(angles, values, color=colour, linewidth=1.4, label=short_name(name))
            if own.errors is not None:
                errors = own.errors / KCAL_MOL
                axes.fill_between(angles, values - errors, values + errors, color=colour, alpha=0.2, linewidth=0)
        axes.set(xlabel=f"{labels[0]} [degrees]", ylabel="free energy [kcal/mol]", xticks=TORSION_TICKS)
        figure.legend(loc="outside right center", frameon=False)
        return png(figure)


def torsion_maps(maps: Mapping[str, TorsionGrid], labels: Sequence[str], what: str, scale: ColourScale) -> bytes:
    """A map of two torsions for each name, with one scale of ``what`` [kcal/mol]."""
    lowest, highest = scale.lowest / KCAL_MOL, scale.highest / KCAL_MOL
    with mpl.rc_context(FONT):
        figure, grid = panels(len(maps), (2.7, 2.8), (1.0, 0.3), shared=True)
        for axes, (name, own) in zip(grid.flat, maps.items(), strict=False):
            image = axes.pcolormesh(
                *own.degrees()[::-1], own.drawn(), vmin=lowest, vmax=highest, shading="nearest", cmap=scale.colours
            )
            axes.set(title=short_name(name), xticks=_MAP_TICKS, yticks=_MAP_TICKS, aspect="equal")
            axes.label_outer()
        figure.supxlabel(f"{labels[1]} [degrees]", fontsize="medium")
        figure.supylabel(f"{labels[0]} [degrees]", fontsize="medium")
        figure.colorbar(image, ax=grid.ravel().tolist(), label=f"{what} [kcal/mol]", extend="max", shrink=0.8)
        return png(figure)
