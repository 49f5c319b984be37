"""Pictures, as PNG bytes."""

import io

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from hybridff.analysis.errors import predict
from hybridff.dataset import Frames
from hybridff.model import EnergyModel
from hybridff.units import FORCE_KCAL, KCAL_MOL

_BEFORE, _AFTER = "#b8b8b8", "#0b6e99"
_MOST_POINTS = 20000


def parity(before: EnergyModel, after: EnergyModel, frames: Frames, title: str) -> bytes:
    """Model against reference: energies and force components, before and after a fit."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(8.2, 3.9), layout="constrained")
        energy_axes, force_axes = figure.subplots(1, 2)
        for model, colour, label in ((before, _BEFORE, "before"), (after, _AFTER, "after")):
            energies, forces = predict(model, frames.positions)
            energy_pairs = _centred(frames.energies) / KCAL_MOL, _centred(energies) / KCAL_MOL
            _scatter(energy_axes, *energy_pairs, colour, label, "kcal/mol")
            if frames.forces is not None:
                force_pairs = frames.forces.ravel() / FORCE_KCAL, forces.ravel() / FORCE_KCAL
                _scatter(force_axes, *force_pairs, colour, label, "kcal/mol/Å")
        for axes, what, unit in ((energy_axes, "energy", "kcal/mol"), (force_axes, "force component", "kcal/mol/Å")):
            axes.set_xlabel(f"reference {what} [{unit}]")
            axes.set_ylabel(f"model [{unit}]")
            axes.axline((0, 0), slope=1, color="black", linewidth=0.8, zorder=3)
            axes.set_aspect("equal", adjustable="datalim")
            axes.legend(frameon=False, loc="upper left")
        figure.suptitle(title)
        return _png(figure)


def _centred(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return values - values.mean()


def _scatter(axes, reference: np.ndarray, model: np.ndarray, colour: str, label: str, unit: str) -> None:
    rmse = float(np.sqrt(np.mean((model - reference) ** 2)))
    every = max(1, len(reference) // _MOST_POINTS)
    axes.plot(
        reference[::every],
        model[::every],
        ".",
        markersize=3,
        color=colour,
        alpha=0.5,
        markeredgewidth=0,
        label=f"{label}: RMSE {rmse:.2f} {unit}",
    )


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
