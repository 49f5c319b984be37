"""Pictures, as PNG bytes."""

import io
from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridff.analysis.errors import predict
from hybridff.dataset import Frames
from hybridff.model import EnergyModel
from hybridff.units import FORCE_KCAL, KCAL_MOL

_COLOURS = ("#b8b8b8", "#0b6e99")
_MOST_POINTS = 20000


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
        return _png(figure)


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


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
