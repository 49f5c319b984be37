"""Covariances that are nearly of low rank, and their inverses: what makes conjugate gradients converge."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import add_squares, factor_in_place, solve_factored
from hybridff.corrections.products import KernelCovariance

_COLUMNS = 64
"""Columns that are computed at once."""
_ROWS = 2048
"""Rows that are added to a product at once."""
_JITTER = 1e-9
"""Share of the largest variance, added to those of a block: columns of one block may be all but the same."""
_LEFT = 1e-8
"""Share of the variance that is as good as none."""


def partial_cholesky(kernels: Sequence[KernelCovariance], rank: int, seed: int = 0) -> Float[Tensor, "n rank"]:
    """L of at most so many columns, with L Lᵀ near the sum of the kernels' covariances.

    Columns are forces drawn with the variance that those before leave of them (Y. Chen, E. N. Epperly, J. A. Tropp,
    R. J. Webber, Commun. Pure Appl. Math. 78, 995 (2025), algorithm 4). The same seed draws the same columns.
    """
    left = sum(kernel.diagonal() for kernel in kernels)
    assert isinstance(left, Tensor)
    total, random = float(left.sum()), np.random.default_rng(seed)
    found = left.new_zeros(len(left) + len(kernels[0].points), rank)
    done = 0
    while done < rank:
        share = left.clamp(min=0).numpy(force=True)
        size = min(_COLUMNS, rank - done, int(np.count_nonzero(share)))
        if share.sum() <= _LEFT * total or not size:
            break
        chosen = torch.as_tensor(random.choice(len(share), size, replace=False, p=share / share.sum())).to(left.device)
        columns = sum(kernel.columns(chosen) for kernel in kernels) - found[:, :done] @ found[chosen, :done].T
        own = columns[chosen]
        own.diagonal().add_(_JITTER * float(own.diagonal().max()))
        root = torch.linalg.cholesky(own)
        new = torch.linalg.solve_triangular(root.T, columns, upper=True, left=False)
        found[:, done : done + size] = new
        left -= (new[: len(left)] ** 2).sum(1)
        left[chosen] = 0
        done += size
    return found[:, :done]


class LowRankInverse:
    """Inverse of noise and some factors times their transposes, by the identity of Woodbury.

    Raises ``LinAlgError`` where double precision cannot hold it.
    """

    def __init__(self, factors: Sequence[Float[Tensor, "n _"]], noise: Float[Tensor, " n"]) -> None:
        self._factors, self._noise = factors, noise
        inner = torch.eye(sum(factor.shape[1] for factor in factors), dtype=noise.dtype, device=noise.device)
        for first in range(0, len(noise), _ROWS):
            rows = slice(first, first + _ROWS)
            part = torch.cat([factor[rows].to(noise) for factor in factors], 1) / noise[rows, None].sqrt()
            add_squares(inner, part)
        factor_in_place(inner)
        self._root = inner

    def __call__(self, vector: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The product of the inverse with a vector."""
        scaled = vector / self._noise
        along = torch.cat([factor.T @ scaled.to(factor) for factor in self._factors]).to(scaled)
        parts = solve_factored(self._root, along)
        sizes = [factor.shape[1] for factor in self._factors]
        explained = sum(
            (factor @ part.to(factor)).to(scaled)
            for factor, part in zip(self._factors, parts.split(sizes), strict=True)
        )
        return scaled - explained / self._noise
