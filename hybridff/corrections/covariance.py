"""Covariance of the forces and energies of training geometries under the kernel.

Forces are taken in an orthonormal basis Q of the 3n-6 directions that are neither shift nor turn, in which the Jacobian
J of every descriptor lies: J = (J Q) Qᵀ. A fit to Qᵀ F with ridge is the same as one to F, with 3n-6 unknowns for each
geometry instead of 3n.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import matern

_BLOCK = 2**24
"""Numbers of the largest array of a block of rows."""
_STEP = 2048
"""Rows and columns of a block of a Cholesky factor."""
_CACHED, _CACHED_BY_GPU = 2**19, 2**26
"""Numbers of an array that is gone over many times, on a processor and on a GPU."""


@dataclass(frozen=True, eq=False)
class Points:
    """Training geometries as a kernel sees them; of the last, only energies may be known."""

    x: Float[Tensor, "points entries"]
    """Descriptors [1/nm]."""
    slopes: Float[Tensor, "sloped entries directions"]
    """Derivatives of the entries along the basis [1/nm²], of the first geometries, whose forces are known."""

    @classmethod
    def of(
        cls,
        descriptor: Descriptor,
        positions: Float[Tensor, "points atoms 3"],
        basis: Float[Tensor, "sloped coordinates directions"],
    ) -> "Points":
        """Points at positions of the descriptor's atoms [nm], with their rows of the basis of the first geometries."""
        return cls(descriptor.of(positions), descriptor.jacobian(positions[: len(basis)]) @ basis)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_forces(self) -> int:
        """Number of projected forces of all geometries."""
        return len(self.slopes) * self.slopes.shape[-1]


def n_internal(n_atoms: int) -> int:
    """Number of directions of ``internal_basis``."""
    return max(1, 3 * n_atoms - 6)


def internal_basis(
    positions: Float[Tensor, "points atoms 3"],
) -> Float[Tensor, "points coordinates directions"]:
    """Orthonormal directions in Cartesian space that are neither shift nor turn; 3n-6 of them, one for two atoms."""
    n_points, n_atoms, _ = positions.shape
    centred = positions - positions.mean(1, keepdim=True)
    axes = torch.eye(3, dtype=positions.dtype, device=positions.device)
    shifts = axes.expand(n_points, n_atoms, 3, 3)
    turns = torch.linalg.cross(axes.expand_as(shifts), centred[:, :, None].expand_as(shifts))
    rigid = torch.cat([shifts, turns], 2).transpose(2, 3).reshape(n_points, 3 * n_atoms, 6)
    left = torch.linalg.svd(rigid)[0]
    return left[..., 6 if n_atoms > 2 else 5 :]


def projected(
    forces: Float[Tensor, "points atoms 3"], basis: Float[Tensor, "points coordinates directions"]
) -> Float[Tensor, "points directions"]:
    """Forces in the basis [kJ/mol/nm]."""
    return torch.einsum("pcf,pc->pf", basis, forces.flatten(1))


def force_blocks(
    rows: Points,
    columns: Points,
    index: Int[Tensor, "permutations entries"],
    width: float,
    *,
    lower: bool = False,
    out: Float[Tensor, "left right"] | None = None,
) -> Float[Tensor, "left right"]:
    """Covariance of the projected forces of two lists of geometries, summed over permutations of the second [1/nm²].

    The two may have bases of different sizes. ``index`` are the permutations as those of descriptor entries. With
    ``lower``, rows and columns are the same and only blocks on and below the diagonal are computed; the rest stays as
    it is in ``out``, or zero.
    """
    n, _, r = rows.slopes.shape
    m, d, s = columns.slopes.shape
    if out is None:
        out = torch.zeros(n * r, m * s, dtype=torch.float64, device=rows.x.device)
    moved = [(columns.x[:, p].T, columns.slopes[:, p].transpose(0, 1).contiguous()) for p in index]
    left = rows.slopes.transpose(1, 2)
    across = max(1, math.isqrt((_CACHED_BY_GPU if rows.x.is_cuda else _CACHED) // (d * s)))
    for i in range(0, n, across):
        stop = min(n, i + across)
        for j in range(0, stop if lower else m, across):
            end = min(m, j + across)
            inner = torch.zeros(stop - i, d, end - j, s, dtype=torch.float64, device=rows.x.device)
            for points, slopes in moved:
                u = rows.x[i:stop, :, None] - points[:, j:end]
                first, second = matern(u.transpose(1, 2), width, "first", "second")
                along = torch.einsum("idj,djs->ijs", u, slopes[:, j:end])
                inner.addcmul_(first[:, None, :, None], slopes[None, :, j:end])
                inner.addcmul_((second[:, None] * u)[..., None], along[:, None], value=-1)
            block = left[i:stop] @ inner.flatten(2)
            out[i * r : stop * r, j * s : end * s] = block.reshape((stop - i) * r, (end - j) * s)
    return out


def force_variances(
    points: Points, index: Int[Tensor, "permutations entries"], width: float
) -> Float[Tensor, " forces"]:
    """Variances of the projected forces of some geometries, the diagonal of ``force_blocks`` [1/nm²]."""
    slopes = points.slopes
    x = points.x[: len(slopes)]
    found = slopes.new_zeros(len(slopes), slopes.shape[-1])
    for entries in index:
        u, moved = x - x[:, entries], slopes[:, entries]
        first, second = matern(u, width, "first", "second")
        own, image = (torch.einsum("pd,pdf->pf", u, part) for part in (slopes, moved))
        found += first[:, None] * (slopes * moved).sum(1) - second[:, None] * own * image
    return found.reshape(-1)


def energy_blocks(
    rows: Points, columns: Points, index: Int[Tensor, "permutations entries"], width: float
) -> tuple[Float[Tensor, "left right"], Float[Tensor, "left forces"]]:
    """Covariance of the energies of one list of geometries with energies and projected forces of another [1, 1/nm]."""
    n, m, (sloped, d, r) = len(rows), len(columns), columns.slopes.shape
    energies = torch.zeros(n, m, dtype=torch.float64, device=rows.x.device)
    forces = torch.zeros(n, sloped, r, dtype=torch.float64, device=rows.x.device)
    step = max(1, _BLOCK // max(1, m * (d + r)))
    for entries in index:
        points, slopes = columns.x[:, entries], columns.slopes[:, entries]
        for i in range(0, n, step):
            u = rows.x[i : i + step, None] - points
            value, first = matern(u, width, "value", "first")
            energies[i : i + step] += value
            along = first[:, :sloped, None] * u[:, :sloped]
            forces[i : i + step] -= torch.einsum("ijd,jdr->ijr", along, slopes)
    return energies, forces.reshape(n, sloped * r)


def add_squares(matrix: Float[Tensor, "n n"], rows: Float[Tensor, "m n"]) -> None:
    """Add the scalar products of all columns to a matrix's lower half, in place."""
    for first in range(0, len(matrix), _STEP):
        stop = min(len(matrix), first + _STEP)
        matrix[first:stop, :stop].addmm_(rows[:, first:stop].T, rows[:, :stop])


def solve_in_place(matrix: Float[Tensor, "n n"], targets: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Solution with a covariance, of which the lower half is read and overwritten.

    Raises ``LinAlgError`` where it is singular in double precision.
    """
    factor_in_place(matrix)
    return solve_factored(matrix, targets)


def solve_factored(matrix: Float[Tensor, "n n"], targets: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Solution with a covariance whose Cholesky factor is the lower half of a matrix."""
    solution = targets.clone()[:, None]
    steps = [slice(first, first + _STEP) for first in range(0, len(matrix), _STEP)]
    for own in steps:
        solution[own] -= matrix[own, : own.start] @ solution[: own.start]
        solution[own] = torch.linalg.solve_triangular(matrix[own, own].tril(), solution[own], upper=False)
    for own in reversed(steps):
        solution[own] -= matrix[own.stop :, own].T @ solution[own.stop :]
        solution[own] = torch.linalg.solve_triangular(matrix[own, own].tril().T, solution[own], upper=True)
    return solution[:, 0]


def factor_in_place(matrix: Float[Tensor, "n n"]) -> None:
    """Cholesky factor in the lower half, a block of columns at a time.

    Raises ``LinAlgError`` where the matrix is singular in double precision.

    LAPACK's own needs a copy through torch, and crashes through SciPy: OpenBLAS 0.3.30 on two threads, from some 12000
    rows on.
    """
    n = len(matrix)
    for first in range(0, n, _STEP):
        stop = min(n, first + _STEP)
        own, info = torch.linalg.cholesky_ex(matrix[first:stop, first:stop])
        if info:
            raise np.linalg.LinAlgError
        matrix[first:stop, first:stop] = own
        below = torch.linalg.solve_triangular(own.T, matrix[stop:, first:stop], upper=True, left=False)
        matrix[stop:, first:stop] = below
        for row in range(stop, n, _STEP):
            end = min(n, row + _STEP)
            matrix[row:end, stop:end].addmm_(below[row - stop : end - stop], below[: end - stop].T, alpha=-1)
