"""Kernels as Gaussian processes, trained without the matrix of their covariance.

Conjugate gradients, whose preconditioner is a partial Cholesky decomposition of the kernels' covariance beside what
else explains the data. They stop by a bound: with the covariance K of what is to be predicted at the data, noise N, and
the residual ρ of the equations (K + N) w = y, predictions K w are wrong by ρ - N (K + N)⁻¹ ρ, which in units of the
noise is no larger than ρ is.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.cache import Checkpoint
from hybridff.corrections.conjugate import Operator, State, beginning, step
from hybridff.corrections.covariance import Points
from hybridff.corrections.factors import HeldFactor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.low_rank import ExtendedInverse, LowRankInverse, PartialCholesky, partial_cholesky
from hybridff.corrections.posterior import Priors, noise_variances
from hybridff.corrections.products import KernelCovariance
from hybridff.errors import InputError
from hybridff.progress import Progress, silent

TOLERANCE = 0.01
"""Root mean square of the residual at which conjugate gradients stop, in units of the noise."""
_RANK = 1000
"""Columns of the preconditioner; their number times that of forces and energies is the most memory that is needed."""
_MOST = 2000
"""Most steps."""
_KEPT = 60.0
"""Time between checkpoints [s]."""


@dataclass(frozen=True, eq=False)
class Data:
    """Values to be explained, and what explains them beside kernels."""

    values: Float[Tensor, " n"]
    """Forces in the basis of all frames [kJ/mol/nm], their energies, then energies of pseudo-frames [kJ/mol]."""
    n_forces: int
    """Number of forces among the values."""
    offset: Float[Tensor, "n 1"]
    """Change of the values by an unknown zero of energy, moved by its prior deviation."""
    coefficients: Sequence[HeldFactor]
    """Change of the values by all other unknowns, moved by their prior deviations: one factor, or none."""
    pseudo_deviations: Float[np.ndarray, " pseudo_frames"]
    """Deviations of the energies of pseudo-frames, over that of the noise of forces [nm]."""


class IterativeEquations:
    """Equations of the weights of some data under some kernels."""

    def __init__(
        self, data: Data, fragments: Sequence[Fragment], points: Sequence[Points], priors: Priors, rank: int = _RANK
    ) -> None:
        self._data = data
        self._kernels = [
            KernelCovariance(fragment, own, prior)
            for fragment, own, prior in zip(fragments, points, priors.kernels, strict=True)
            if prior.variance
        ]
        self._noise = noise_variances(
            data.values, data.n_forces, data.pseudo_deviations, priors.force_noise, priors.energy_noise
        )
        self._rank, self._others = rank, False

    @cached_property
    def factor(self) -> PartialCholesky:
        """A factor of nearly the kernels' covariance."""
        return partial_cholesky(self._kernels, min(self._rank, self._data.n_forces))

    @cached_property
    def inverse(self) -> LowRankInverse:
        """Nearly the inverse of what is solved with, if it comes from these equations.

        Raises ``InputError`` where double precision cannot hold it.
        """
        data = self._data
        try:
            return LowRankInverse([self.factor.matrix, data.offset], data.coefficients, self._noise)
        except np.linalg.LinAlgError:
            raise _too_little_noise() from None

    def begin_with(self, factor: PartialCholesky, inverse: LowRankInverse) -> None:
        """Take these from other equations of the same priors, with fewer values at the end and fewer unknowns held."""
        self.factor, self.inverse = factor, inverse
        self._others = True

    def _preconditioner(self) -> Operator:
        """Nearly the inverse of what is solved with."""
        known, data = self.inverse, self._data
        if not self._others:
            return known
        first = known.n_values
        rows = [self.factor.of_energies(self._kernels, first - data.n_forces), data.offset[first:]]
        held = [self._noise.new_zeros(rows[0].shape[1] + 1, 0)]
        for factor in data.coefficients:
            rows.append(factor.last_rows(len(self._noise) - first))
            held.append(factor.held)
        return ExtendedInverse(known, torch.hstack(rows), self._noise[first:], torch.block_diag(*held))

    def solve(
        self,
        guess: Float[Tensor, " n"] | None = None,
        tolerance: float = TOLERANCE,
        progress: Progress = silent,
    ) -> Float[Tensor, " n"]:
        """The weights of the data: times the covariance of anything with the data they give its mean.

        A solution that was stopped goes on from its last checkpoint, else from a ``guess`` of the weights. Predicted
        forces and energies of the data are wrong by no more than ``tolerance`` in units of their noise, root mean
        square. Raises ``InputError`` where double precision cannot hold the equations.
        """
        progress(0.0, "preconditioner")
        precondition = self._preconditioner()
        checkpoint = Checkpoint(self._digest())
        kept = checkpoint.read()
        if kept is None:
            state = beginning(self._times, precondition, self._data.values, guess)
        else:
            state = State.from_arrays(kept, self._data.values)
        clock = _Clock(math.log(max(self._size(state) / tolerance, 1.0)))
        while (size := self._size(state)) > tolerance:
            if state.steps >= _MOST or not math.isfinite(size):
                raise _too_little_noise()
            state = step(self._times, precondition, state)
            progress(*clock.how_far(math.log(max(size / tolerance, 1.0)), f"residual {size:.2g} of the noise"))
            if clock.time_to_keep():
                checkpoint.keep(state.as_arrays())
        checkpoint.remove()
        return state.solution

    def _times(self, vector: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        offset = self._data.offset
        found = self._noise * vector + offset @ (offset.T @ vector)
        for kernel in self._kernels:
            found += kernel.times(vector)
        for factor in self._data.coefficients:
            found += factor.times(factor.along(vector))
        return found

    def _size(self, state: State) -> float:
        """Root mean square of the residual in units of the noise."""
        return float((state.residual**2 / self._noise).mean().sqrt())

    def _digest(self) -> str:
        """A hash of all that the steps depend on."""
        found = hashlib.sha256(f"conjugate gradients, 2: {self._rank}".encode())
        data = self._data
        tensors = [data.values, self._noise, data.offset]
        tensors += [array for factor in data.coefficients for array in factor.arrays()]
        for kernel in self._kernels:
            found.update(f"{kernel.prior} {kernel.fragment.descriptor}".encode())
            tensors += [kernel.fragment.permutations, kernel.points.x, kernel.points.slopes]
        for tensor in tensors:
            found.update(np.ascontiguousarray(tensor.numpy(force=True)).data)
        return found.hexdigest()


class _Clock:
    """Tells the time that a residual needs whose logarithm falls as it has fallen so far."""

    def __init__(self, distance: float) -> None:
        self._distance, self._begin, self._kept = distance, perf_counter(), perf_counter()

    def how_far(self, distance: float, what: str) -> tuple[float, str]:
        """The share of the way that is behind, and a remark with the time that is left."""
        share = 1 - distance / self._distance if self._distance else 1.0
        if share <= 0:
            return 0.0, what
        left = (perf_counter() - self._begin) * (1 - share) / share
        return share, f"{what}, about {left:.0f} s left"

    def time_to_keep(self) -> bool:
        """Whether the last checkpoint is old; a new one is then made."""
        if perf_counter() - self._kept < _KEPT:
            return False
        self._kept = perf_counter()
        return True


def _too_little_noise() -> InputError:
    return InputError("the kernels' noise is too small for double precision: assume more of it.")
