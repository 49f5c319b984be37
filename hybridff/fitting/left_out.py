"""Errors of frames, each by a fit without it, from one fit with all of them.

With X the rows of a frame's data in units of the noise and of the posterior's independent coefficients, and H = XᵀX,
what a fit without the frame leaves of its data is (1 - H)⁻¹ r, r being what the fit with it leaves, and the covariance
of what it predicts is (1 - H)⁻¹ - 1 (R. D. Cook, Technometrics 19, 15 (1977), for one datum at a time).
"""

import math
from dataclasses import dataclass

import numpy as np

from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

_TOGETHER = 16
"""Frames whose rows are in memory at once."""
_LEAST = 1e-4
"""Least share of its noise that a fit leaves of a datum, for rounding."""


@dataclass(frozen=True)
class LeftOutErrors:
    """Errors of the forces of frames that are left out one at a time."""

    actual: float
    """Root mean square of what the fits leave [kJ/mol/nm]."""
    predicted: float
    """Root mean square of what the posteriors of these fits predict, before any scale [kJ/mol/nm]."""

    @property
    def scale(self) -> float:
        """Factor on predicted deviations with which they are as large as actual errors."""
        return self.actual / self.predicted if self.predicted > 0 else 1.0


def left_out_errors(posterior: Posterior, force_field: ForceField, frames: Frames, noise: Noise) -> LeftOutErrors:
    """Errors of training frames that are left out one at a time, at the posterior and the noise of all."""
    assert frames.forces is not None
    energies, forces = predict(force_field, frames.positions)
    missing = frames.energies - energies
    left = np.column_stack(
        [(frames.forces - forces).reshape(len(frames), -1) / noise.force, (missing - missing.mean()) / noise.energy]
    )
    actual = predicted = 0.0
    for i, own in enumerate(left):
        if i % _TOGETHER == 0:
            block = posterior.whitened(force_field, noise, frames.positions[i : i + _TOGETHER])
        rows = block[:, i % _TOGETHER].astype(float)
        values, vectors = np.linalg.eigh(np.eye(len(own)) - rows.T @ rows)
        inverse = (vectors / np.maximum(values, _LEAST)) @ vectors.T
        actual += float(((inverse @ own)[:-1] ** 2).sum())
        predicted += float((inverse.diagonal()[:-1] - 1).sum())
    n_forces = left[:, :-1].size
    return LeftOutErrors(noise.force * math.sqrt(actual / n_forces), noise.force * math.sqrt(predicted / n_forces))
