"""Frames of hot dynamics with the terms, which kernels with few points leave to them.

Geometries that the frames never come near, where the terms say what energies and forces are.
"""

from dataclasses import dataclass

from hybridff.export.hot_geometries import hot_geometries
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.hybrid.residual import Residual

_TEMPERATURE = 1000.0
"""Temperature of the dynamics [K]."""


@dataclass(frozen=True, eq=False)
class HotFrames:
    """Frames labelled by the terms, which leave nothing of them."""

    residual: Residual
    energy_deviation: float
    """Deviation of their energies, over that of the noise of forces [nm]."""


def hot_frames_of(terms: Residual, wanted: int, energy_deviation: float) -> HotFrames | None:
    """Frames of dynamics that begins with those of a residual, labelled by its force field; None without any.

    ``wanted`` is their number, and ``energy_deviation`` [nm] that of their energies over that of the noise of forces.
    """
    force_field = terms.force_field
    hot = hot_geometries(force_field, terms.positions, wanted, _TEMPERATURE)
    if not len(hot):
        return None
    frames = Frames(force_field.molecule.numbers, hot, *predict(force_field, hot))
    return HotFrames(Residual.of(force_field, frames, terms.atoms, terms.device), energy_deviation)
