"""Covariances that are nearly of low rank, and their inverses: what makes conjugate gradients converge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points, factor_in_place, solve_factored
from hybridff.corrections.factors import DenseFactor, Factor
from hybridff.corrections.products import KernelCovariance

_COLUMNS = 64
"""Columns that are computed at once."""
_CROSSED = 250
"""Columns of a factor that are multiplied with another at once."""
_JITTER = 1e-9
"""Share of the largest variance, added to those of a block: columns of one block may be all but the same."""
_LEFT = 1e-8
"""Share of the variance that is as good as none."""


@dataclass(frozen=True, eq=False)
class PartialCholesky:
    """L of few columns, with L Lᵀ near the sum of some kernels' covariances."""

    matrix: Float[Tensor, "n rank"]
    """L."""
    chosen: Int[Tensor, " rank"]
    """The force that each column was made for."""

    def of_energies(self, kernels: Sequence[KernelCovariance], first: int) -> Float[Tensor, "energies rank"]:
        """Rows of energies of the kernels' points from the ``first`` on, which L did not know."""
        across = sum(
            kernel.columns(self.chosen, Points(kernel.points.x[first:], kernel.points.slopes[:0])) for kernel in kernels
        )
        root = self.matrix[self.chosen].tril()
        return torch.linalg.solve_triangular(root.T, across, upper=True, left=False)


def partial_cholesky(kernels: Sequence[KernelCovariance], rank: int, seed: int = 0) -> PartialCholesky:
    """L of at most so many columns.

    Columns are forces drawn with the variance that those before leave of them (Y. Chen, E. N. Epperly, J. A. Tropp,
    R. J. Webber, Commun. Pure Appl. Math. 78, 995 (2025), algorithm 4). The same seed draws the same columns.
    """
    left = sum(kernel.diagonal() for kernel in kernels)
    assert isinstance(left, Tensor)
    total, random = float(left.sum()), np.random.default_rng(seed)
    found = left.new_zeros(len(left) + len(kernels[0].points), rank)
    known = [torch.zeros(0, dtype=torch.long, device=left.device)]
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
        known.append(chosen)
    return PartialCholesky(found[:, :done], torch.cat(known))


class LowRankInverse:
    """Inverse of noise and some factors times their transposes, by the identity of Woodbury.

    Raises ``LinAlgError`` where double precision cannot hold it.
    """

    def __init__(
        self, dense: Sequence[Float[Tensor, "n _"]], last: Sequence[Factor], noise: Float[Tensor, " n"]
    ) -> None:
        """``last`` is at most one factor more."""
        assert len(last) < 2
        self._factors, self._noise = [*map(DenseFactor, dense), *last], noise
        self._sizes = [factor.shape[1] for factor in self._factors]
        inner = torch.eye(sum(self._sizes), dtype=noise.dtype, device=noise.device)
        end = 0
        for place, factor in enumerate(self._factors):
            begin, end = end, end + factor.shape[1]
            factor.add_squares(inner[begin:end, begin:end], noise)
            columns = 0
            for part in [part for other in dense[:place] for part in other.split(_CROSSED, 1)]:
                own = slice(columns, columns + part.shape[1])
                inner[begin:end, own] = factor.products(part / noise[:, None])
                columns = own.stop
        factor_in_place(inner)
        self._root = inner

    def __call__(self, vector: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The product of the inverse with a vector."""
        scaled = vector / self._noise
        along = torch.cat([factor.along(scaled) for factor in self._factors])
        parts = solve_factored(self._root, along).split(self._sizes)
        for factor, part in zip(self._factors, parts, strict=True):
            scaled -= factor.times(part) / self._noise
        return scaled

    @property
    def n_values(self) -> int:
        """Number of rows."""
        return len(self._noise)

    def explained(self, rows: Float[Tensor, "m k"]) -> tuple[Float[Tensor, "n m"], Float[Tensor, "m m"]]:
        """What more rows W₂ of the factors W come to: the inverse times W W₂ᵀ, and W₂ (1 + Wᵀ N⁻¹ W)⁻¹ W₂ᵀ."""
        solved = torch.stack([solve_factored(self._root, row) for row in rows])
        across = [torch.zeros_like(self._noise) for _ in rows]
        for own, parts in zip(across, solved, strict=True):
            for factor, part in zip(self._factors, parts.split(self._sizes), strict=True):
                own += factor.times(part) / self._noise
        return torch.stack(across, 1), solved @ rows.T


class ExtendedInverse:
    """The inverse where there are more values, behind the known ones, or unknowns that are held at zero.

    (A B; Bᵀ D)⁻¹ by the Schur complement D - Bᵀ A⁻¹ B. What is held is a value of zero without noise.
    """

    def __init__(
        self,
        known: LowRankInverse,
        rows: Float[Tensor, "m k"],
        noise: Float[Tensor, " m"],
        held: Float[Tensor, "k directions"],
    ) -> None:
        """Rows and noise of the new values, and orthonormal directions of the unknowns of all factors."""
        self._known, self._n_held = known, held.shape[1]
        self._across, complement = known.explained(torch.cat([rows, held.T]))
        self._root = torch.linalg.cholesky(complement + torch.nn.functional.pad(noise, (0, self._n_held)).diag())

    def __call__(self, vector: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The product of the inverse with a vector."""
        first, last = vector.tensor_split([self._known.n_values])
        more = torch.nn.functional.pad(last, (0, self._n_held)) - self._across.T @ first
        more = torch.cholesky_solve(more[:, None], self._root)[:, 0]
        return torch.cat([self._known(first) - self._across @ more, more[: len(last)]])
