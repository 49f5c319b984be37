"""Factors F of covariances F Fᵀ, as products with vectors and with themselves: all that iterative solutions need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import add_squares

_ROWS = 2048
"""Rows that are added to a product at once."""


@runtime_checkable
class Factor(Protocol):
    """What some independent unknowns of unit variance do to some values."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of values and of unknowns."""

    def times(self, unknowns: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
        """The values that some unknowns make, in double precision."""

    def along(self, values: Float[Tensor, " n"]) -> Float[Tensor, " k"]:
        """The product of the transpose with some values, in double precision."""

    def products(self, columns: Float[Tensor, "n m"]) -> Float[Tensor, "k m"]:
        """The product of the transpose with several columns of double precision."""

    def add_squares(self, matrix: Float[Tensor, "k k"], noise: Float[Tensor, " n"]) -> None:
        """Add the products of all columns, over variances of noise, at least to the lower half of a matrix.

        Forces of frames have the same noise. More may be added than the products of forces, but nothing less: only
        preconditioners are made of it.
        """

    def arrays(self) -> Sequence[Tensor]:
        """All that it is made from."""


@dataclass(frozen=True, eq=False)
class DenseFactor:
    """A factor as a matrix, of single or double precision."""

    matrix: Float[Tensor, "n k"]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of values and of unknowns."""
        return len(self.matrix), self.matrix.shape[1]

    def times(self, unknowns: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
        """The values that some unknowns make."""
        return (self.matrix @ unknowns.to(self.matrix)).double()

    def along(self, values: Float[Tensor, " n"]) -> Float[Tensor, " k"]:
        """The product of the transpose with some values."""
        return (self.matrix.T @ values.to(self.matrix)).double()

    def products(self, columns: Float[Tensor, "n m"]) -> Float[Tensor, "k m"]:
        """The product of the transpose with several columns."""
        found = columns.new_zeros(self.matrix.shape[1], columns.shape[1])
        for own, other in zip(self.matrix.split(_ROWS), columns.split(_ROWS), strict=True):
            found.addmm_(own.T.to(columns), other)
        return found

    def add_squares(self, matrix: Float[Tensor, "k k"], noise: Float[Tensor, " n"]) -> None:
        """Add the products of all columns, over variances of noise, to the lower half of a matrix."""
        for own, variances in zip(self.matrix.split(_ROWS), noise.split(_ROWS), strict=True):
            add_squares(matrix, own.to(noise) / variances[:, None].sqrt())

    def arrays(self) -> Sequence[Tensor]:
        """The matrix, column by column."""
        return (self.matrix.T,)


@dataclass(frozen=True, eq=False)
class HeldFactor:
    """Another factor, times a number, of unknowns that stay zero along some directions."""

    whole: Factor
    scale: float
    held: Float[Tensor, "k directions"]
    """Orthonormal directions."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of values and of unknowns."""
        return self.whole.shape

    def times(self, unknowns: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
        """The values that some unknowns make."""
        return self.scale * self.whole.times(self._free(unknowns[:, None])[:, 0])

    def along(self, values: Float[Tensor, " n"]) -> Float[Tensor, " k"]:
        """The product of the transpose with some values."""
        return self.scale * self._free(self.whole.along(values)[:, None])[:, 0]

    def products(self, columns: Float[Tensor, "n m"]) -> Float[Tensor, "k m"]:
        """The product of the transpose with several columns."""
        return self.scale * self._free(self.whole.products(columns))

    def add_squares(self, matrix: Float[Tensor, "k k"], noise: Float[Tensor, " n"]) -> None:
        """Add the products of all columns, over variances of noise, to the lower half of a matrix."""
        if not self.held.shape[1]:
            self.whole.add_squares(matrix, noise / self.scale**2)
            return
        found = torch.zeros_like(matrix)
        self.whole.add_squares(found, noise / self.scale**2)
        found = self._free(found.tril_() + found.tril(-1).T)
        matrix += self._free(found.T)

    def last_rows(self, n: int) -> Float[Tensor, "m k"]:
        """So many of the last rows."""
        found = self.held.new_zeros(n, self.shape[1])
        for row in range(n):
            one = self.held.new_zeros(self.shape[0])
            one[row - n] = 1.0
            found[row] = self.along(one)
        return found

    def arrays(self) -> Sequence[Tensor]:
        """All that it is made from."""
        return (*self.whole.arrays(), torch.tensor(self.scale), self.held)

    def _free(self, unknowns: Float[Tensor, "k m"]) -> Float[Tensor, "k m"]:
        return unknowns - self.held @ (self.held.T @ unknowns)
