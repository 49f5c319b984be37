"""The posterior of a linear fit at given hyperparameters: a Gaussian but for bounds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.linalg import blas, cho_solve, lapack, solve_triangular

from hybridff.fitting.equations import EnergyRows, NormalEquations
from hybridff.fitting.gauss_newton import bounded_quadratic
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.noise import Noise

_RESOLUTION = 3e-7
"""Least noise in units of all that the data say of a coefficient: data 1e13 times as sharp as the priors still leave
double precision three digits of these."""
_MANY = 2000
"""Coefficients from which on a trace is estimated."""
_BLOCK = 256
"""Rows of a large matrix that are written at a time."""
_SEPARATE = 4
"""Energies are summed up once where there is more than one for so many coefficients; fewer are added row by row."""
_PROBES = 64
"""Random vectors that give the trace of a large matrix, or the sum of many variances."""


@dataclass(frozen=True, eq=False)
class Covariance:
    """The covariance of the posterior, by the Cholesky factor L of its inverse before the last few observations.

    With these, which are W in units of what L leaves open, the inverse is L (1 + W Wᵀ) Lᵀ.
    """

    factor: Float[np.ndarray, "n n"]
    """Lower triangular factor L; above the diagonal stands anything."""
    added: Float[np.ndarray, "n observations"] = field(default_factory=lambda: np.zeros((0, 0)))
    """The last observations W; there may be none."""

    def whitened(self, columns: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Linear functions of the coefficients as functions of independent numbers of unit variance."""
        columns = columns.astype(self.factor.dtype, copy=False)
        return self._narrow(solve_triangular(self.factor, columns, lower=True, check_finite=False))

    def from_whitened(self, numbers: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The transpose of ``whitened``: what such numbers come to in coefficients."""
        narrowed = self._narrow(np.array(numbers, order="F"))
        return solve_triangular(self.factor, narrowed, lower=True, trans=1, check_finite=False)

    def with_observations(self, rows: Float[np.ndarray, "n observations"]) -> "Covariance":
        """The covariance after more observations of unit variance, linear in the coefficients."""
        more = solve_triangular(self.factor, rows, lower=True, check_finite=False)
        return Covariance(self.factor, np.hstack([self.added, more]) if self.added.size else more)

    def root(self) -> Float[np.ndarray, "n n"]:
        """A new matrix whose transpose times itself is the covariance; of many coefficients, in single precision.

        Rounding of a triangular inverse is of the order of that of its entries whatever the condition: variances of
        6500 coefficients of aspirin are good to 4e-5.
        """
        found = np.zeros(self.factor.shape, dtype=np.float64 if len(self.factor) < _MANY else np.float32)
        _write_upper(found, [(1.0, self.factor.T)])
        (invert,) = lapack.get_lapack_funcs(("trtri",), (found,))
        inverse, _ = invert(found.T, lower=1, overwrite_c=1)
        return self._narrow(inverse)

    @cached_property
    def variances(self) -> Float[np.ndarray, " n"]:
        """The diagonal of the covariance."""
        return column_squares(self.root())

    def total_variance(self, columns: Float[np.ndarray, "n columns"]) -> float:
        """Sum of the variances of some linear functions; of many, by random probes as in ``trace``."""
        if columns.shape[1] > 2 * _PROBES:
            columns = columns @ _probes(columns.shape[1]) / math.sqrt(_PROBES)
        return float((self.whitened(columns) ** 2).sum())

    @cached_property
    def _added_directions(self) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " k"]]:
        """Directions that the last observations are about, and by which share they narrow a deviation along each."""
        directions, widths, _ = np.linalg.svd(self.added, full_matrices=False)
        return directions, 1 - 1 / np.sqrt(1 + widths**2)

    def _narrow(self, columns: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Times (1 + W Wᵀ)^-1/2, in the memory of the columns where these are a matrix in Fortran's order."""
        if not self.added.size:
            return columns
        directions, shares = (part.astype(columns.dtype, copy=False) for part in self._added_directions)
        along = directions.T @ columns
        if columns.ndim == 1:
            return columns - (directions * shares) @ along
        (multiply,) = blas.get_blas_funcs(("gemm",), (columns,))
        return multiply(-1.0, directions * shares, along, 1.0, columns, overwrite_c=1)

    def trace(self, weights: Float[np.ndarray, " n"]) -> float:
        """Trace of the covariance times a diagonal matrix.

        From many coefficients on by random probes (M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1059 (1989)),
        good to a few tenths of a per cent, since the inverse would take longer than all else.
        """
        if len(weights) < _MANY:
            return float((weights * self.variances).sum())
        return self.total_variance(np.sqrt(weights)[:, None] * _probes(len(weights))) / _PROBES


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """What weighs data against priors."""

    noise: Noise
    """What the model is expected to miss."""
    precision: Float[np.ndarray, " n"]
    """Inverse variances of the priors of the moves: 1 unless learnt or scaled."""
    prior_scale: float = 1.0
    """Factor on all prior widths that is wanted, part of the precision."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Mean and covariance of the posterior of the moves."""

    moves: Float[np.ndarray, " n"]
    """The most probable moves."""
    covariance: Covariance
    """Their covariance, bounds left aside."""
    hyperparameters: Hyperparameters
    """What weighed the data in it."""
    conformers: EnergyRows
    """What was wanted of conformers without frames."""


def solve(system: LinearSystem, hyperparameters: Hyperparameters) -> Estimate:
    """The posterior without bounds, in closed form."""
    return _solution(system, hyperparameters, np.float64)


def rough(system: LinearSystem, hyperparameters: Hyperparameters) -> Estimate:
    """The posterior without bounds, good enough for the noise that it leaves: if many, in single precision.

    Where that does not hold data and priors together, in double precision.
    """
    if len(hyperparameters.precision) >= _MANY:
        try:
            return _solution(system, hyperparameters, np.float32)
        except np.linalg.LinAlgError:
            pass
    return solve(system, hyperparameters)


def _solution(system: LinearSystem, hyperparameters: Hyperparameters, precision: type[np.floating]) -> Estimate:
    """The posterior without bounds, with a Cholesky factor of some precision.

    Raises ``LinAlgError`` where rounding leaves a matrix that has none.
    """
    data, noise = system.data, _resolvable(system.data, hyperparameters)
    right = data.force.vector / noise.force**2 + data.energy.rows @ data.energy.targets / noise.energy**2
    right += system.conformers.rows @ system.conformers.targets
    right += system.restraints.weights.T @ system.restraints.targets
    matrix = _inverse_covariance(system, replace(hyperparameters, noise=noise), precision)
    (factorise,) = lapack.get_lapack_funcs(("potrf",), (matrix,))
    factor, place = factorise(matrix, lower=1, overwrite_a=1, clean=0)
    if place:
        raise np.linalg.LinAlgError(f"the leading {place} rows are not positive definite.")
    moves = cho_solve((factor, True), right.astype(precision), check_finite=False).astype(float)
    return Estimate(moves, Covariance(factor), replace(hyperparameters, noise=noise), system.conformers)


def _inverse_covariance(
    system: LinearSystem, hyperparameters: Hyperparameters, precision: type[np.floating]
) -> Float[np.ndarray, "n n"]:
    """The lower triangle of the inverse of the posterior's covariance; above it stands anything."""
    data, noise = system.data, hyperparameters.noise
    found, summands = np.empty(data.force.matrix.shape, dtype=precision), [(noise.force**-2, data.force.matrix)]
    rows = system.conformers.rows
    if _SEPARATE * len(data.energy) > len(rows):
        summands.append((noise.energy**-2, data.energy.quadratic.matrix))
    else:
        rows = np.hstack([data.energy.rows / noise.energy, rows])
    _write_upper(found, summands)
    (add_squares,) = blas.get_blas_funcs(("syrk",), (found,))
    found = add_squares(1.0, rows.astype(precision, copy=False), 1.0, found.T, lower=1, overwrite_c=1)
    own = sparse.tril(system.restraints.weights.T @ system.restraints.weights)
    found[own.row, own.col] += own.data
    found[np.diag_indices(len(found))] += hyperparameters.precision
    return found


def with_conformers(free: Estimate, more: EnergyRows) -> Estimate:
    """The posterior without bounds once more is wanted of conformers without frames."""
    covariance = free.covariance.with_observations(more.rows)
    missing = more.rows @ (more.targets - free.moves @ more.rows)
    moves = free.moves + covariance.from_whitened(covariance.whitened(missing))
    return replace(free, moves=moves, covariance=covariance, conformers=free.conformers + more)


def within_bounds(
    found: Estimate,
    limits: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]],
    root: sparse.csr_array | None = None,
) -> Estimate:
    """With the most probable changes within their bounds, from the posterior of the bounded ones alone.

    Changes are the moves themselves, or a ``root`` times these.
    """
    lower, upper = limits
    bounded = np.flatnonzero(np.isfinite(lower) | np.isfinite(upper))
    if not len(bounded):
        return found
    unit = np.zeros((len(found.moves), len(bounded)))
    if root is None:
        unit[bounded, np.arange(len(bounded))] = 1.0
    else:
        unit[:] = root[bounded].toarray().T
    changes = found.moves if root is None else root @ found.moves
    own = found.covariance.whitened(unit)
    inverse = solve_triangular(np.linalg.qr(own, mode="r"), np.eye(len(bounded)))
    precision = inverse @ inverse.T
    below, above = lower[bounded] - changes[bounded], upper[bounded] - changes[bounded]
    shift = bounded_quadratic(precision, np.zeros(len(bounded)), below, above)
    moves = found.moves + found.covariance.from_whitened(own @ (precision @ shift))
    if root is None:
        moves[bounded] = np.select(
            [shift <= below, shift >= above], [lower[bounded], upper[bounded]], found.moves[bounded] + shift
        )
    return replace(found, moves=moves)


def _write_upper(total: Float[np.ndarray, "n n"], summands: Sequence[tuple[float, Float[np.ndarray, "n n"]]]) -> None:
    """Write the upper triangle of a weighted sum of matrices; below the diagonal, little is touched."""
    for first in range(0, len(total), _BLOCK):
        own = slice(first, first + _BLOCK)
        total[own, first:] = sum(factor * matrix[own, first:] for factor, matrix in summands)
        total[own, own] = np.triu(total[own, own])  # below it stands anything, in a factor


def column_squares(matrix: Float[np.ndarray, "rows n"]) -> Float[np.ndarray, " n"]:
    """Sum of the squares of each column."""
    return np.einsum("ij,ij->j", matrix, matrix).astype(float)


def _probes(n: int) -> Float[np.ndarray, "n probes"]:
    """Random signs."""
    return np.random.default_rng(0).choice((-1.0, 1.0), (n, _PROBES))


def _resolvable(data: NormalEquations, hyperparameters: Hyperparameters) -> Noise:
    """The noise, raised where double precision could not hold data and priors together."""
    noise = hyperparameters.noise
    least = _RESOLUTION / math.sqrt(hyperparameters.precision.min(initial=1.0))
    energy = least * math.sqrt((data.energy.rows**2).sum(1).max(initial=0.0))
    force = least * math.sqrt(data.force.matrix.diagonal().max(initial=0.0))
    return Noise(max(noise.energy, energy), max(noise.force, force))
