"""How far a geometry is from those that a kernel was trained on.

The posterior variance of a Gaussian process (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine
Learning (2006), eq. 2.24) that knows the energy at the kernel's points: zero at these, that of the prior far away.
Points without forces are anchors, where nothing is known, and do not count.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from hybridff.corrections.kernel import KernelExpansion, matern

_JITTER = 1e-10
"""Of the diagonal: points that are all but the same leave the covariance without an inverse."""
_FAR = 0.95
"""Quantile of the points' own distances that is the unit."""
_BLOCK = 2**22


class Familiarity:
    """Distances from the points of a kernel."""

    def __init__(self, kernel: KernelExpansion) -> None:
        self._kernel = kernel
        trained = kernel.force_weights.any(1)
        self._points = kernel.points[trained] if trained.any() else kernel.points
        self._index = kernel.descriptor.index(kernel.permutations)
        covariance, own = self._covariance(self._points)
        covariance[np.diag_indices_from(covariance)] *= 1 + _JITTER
        self._factor = cho_factor(covariance, lower=True)
        inverse = cho_solve(self._factor, np.eye(len(own)))
        # Leaving a point out: ibid., eq. 5.12.
        left = np.sqrt(1 / np.diag(inverse) / own)
        self._unit = float(np.quantile(left, _FAR))

    def distance(self, positions: Float[Tensor, "frames atoms 3"]) -> Float[np.ndarray, " frames"]:
        """Of positions of the kernel's atoms [nm]: the posterior's deviation of the energy.

        In units of what all but a twentieth of the kernel's points have themselves, seen from the others: where it is
        above 1, the geometry is further from the points than these are from each other.
        """
        x = self._kernel.descriptor.of(positions)
        covariance, own = self._covariance(x)
        explained = (covariance * cho_solve(self._factor, covariance.T).T).sum(1)
        return np.sqrt(np.maximum(1 - explained / own, 0)) / self._unit

    def _covariance(
        self, x: Float[Tensor, "frames entries"]
    ) -> tuple[Float[np.ndarray, "frames points"], Float[np.ndarray, " frames"]]:
        """Of energies with those at the points, and with themselves, in units of the prior's variance."""
        kernel = self._kernel
        covariance = torch.zeros(len(x), len(self._points), dtype=torch.float64)
        own = torch.zeros(len(x), dtype=torch.float64)
        step = max(1, _BLOCK // max(1, self._points.numel()))
        for entries in self._index:
            own += matern(x - x[:, entries], kernel.width, "value")[0]
            for first in range(0, len(x), step):
                u = x[first : first + step, None] - self._points[:, entries]
                covariance[first : first + step] += matern(u, kernel.width, "value")[0]
        return covariance.numpy(), own.numpy()
