"""How far a geometry is from those that a kernel was trained on.

The posterior variance of a Gaussian process (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine
Learning (2006), eq. 2.24) that knows the energy at the kernel's points: zero at these, that of the prior far away.
Points without forces are pseudo-frames, where nothing is known, and do not count.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from hybridff.corrections.kernel import KernelExpansion, matern

_JITTER = 1e-10
"""Share of the diagonal that is added: points that are all but the same leave the covariance without an inverse."""
_FAR = 0.95
"""Quantile of the points' own distances that is the unit."""
_BLOCK = 2**22
"""Numbers of a block of differences between descriptors."""


@dataclass(frozen=True, eq=False)
class PosteriorDeviation:
    """Distances from the points of a kernel: deviations of the energy that remain where that of the points is known."""

    kernel: KernelExpansion
    points: Float[Tensor, "points entries"]
    """Points that count [1/nm]."""
    factor: Float[np.ndarray, "points points"]
    """Lower Cholesky factor of their covariance; what stands above the diagonal is not read."""
    unit: float
    """Largest deviation of all but a twentieth of the points, each seen from the others, over that of the prior."""

    @classmethod
    def of(cls, kernel: KernelExpansion) -> "PosteriorDeviation":
        """Factors the covariance of a kernel's points."""
        trained = kernel.force_weights.any(1)
        points = kernel.points[trained] if trained.any() else kernel.points
        covariance, own = _covariance(kernel, points, points)
        covariance[np.diag_indices_from(covariance)] *= 1 + _JITTER
        factor, _ = cho_factor(covariance, lower=True)
        inverse = cho_solve((factor, True), np.eye(len(own)))
        # Leaving a point out: ibid., eq. 5.12.
        left = np.sqrt(1 / np.diag(inverse) / own)
        return cls(kernel, points, factor, float(np.quantile(left, _FAR)))

    def distance(self, positions: Float[Tensor, "frames atoms 3"]) -> Float[np.ndarray, " frames"]:
        """Posterior deviation of the energy at positions of the kernel's atoms [nm], in units of ``unit``.

        Where it is above 1, the geometry is further from the points than these are from each other.
        """
        covariance, own = _covariance(self.kernel, self.kernel.descriptor.of(positions), self.points)
        explained = (covariance * cho_solve((self.factor, True), covariance.T).T).sum(1)
        return np.sqrt(np.maximum(1 - explained / own, 0)) / self.unit


def _covariance(
    kernel: KernelExpansion, x: Float[Tensor, "frames entries"], points: Float[Tensor, "points entries"]
) -> tuple[Float[np.ndarray, "frames points"], Float[np.ndarray, " frames"]]:
    """Covariance of energies with those at the points, and with themselves, in units of the prior's variance."""
    covariance = torch.zeros(len(x), len(points), dtype=torch.float64)
    own = torch.zeros(len(x), dtype=torch.float64)
    step = max(1, _BLOCK // max(1, points.numel()))
    for entries in kernel.descriptor.index(kernel.permutations):
        own += matern(x - x[:, entries], kernel.width, "value")[0]
        for first in range(0, len(x), step):
            u = x[first : first + step, None] - points[:, entries]
            covariance[first : first + step] += matern(u, kernel.width, "value")[0]
    return covariance.numpy(), own.numpy()
