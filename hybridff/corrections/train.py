"""sGDML as it is published: one kernel, trained on forces alone, with a given length scale and ridge."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import lapack
from torch import Tensor

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.gram import Points, force_blocks, internal_basis, projected
from hybridff.corrections.kernel import KernelExpansion
from hybridff.errors import InputError

Progress = Callable[[float], None]


def train_forces(
    descriptor: Descriptor,
    positions: Float[Tensor, "points atoms 3"],
    forces: Float[Tensor, "points atoms 3"],
    permutations: Int[Tensor, "permutations atoms"],
    width: float,
    ridge: float,
    progress: Progress | None = None,
) -> KernelExpansion:
    """The expansion whose forces are nearest to the given ones [kJ/mol/nm], with an absolute ridge [1/nm²].

    Raises ``InputError`` where the covariance is singular in double precision.
    """
    basis = internal_basis(positions)
    index = torch.stack([torch.as_tensor(descriptor.permuted(p)) for p in permutations.tolist()])
    points = Points.of(descriptor, positions, basis)
    covariance = force_blocks(points, points, index, width, progress, lower=True)
    targets = projected(forces, basis).reshape(-1)
    coefficients = _solve(covariance, ridge, targets).reshape(len(points), -1)
    weights = torch.einsum("pdf,pf->pd", points.slopes, coefficients)
    return KernelExpansion(descriptor, points.x, weights, None, permutations, width)


def _solve(covariance: Float[Tensor, "n n"], ridge: float, targets: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Solution with the covariance plus ridge; reads the lower half of the covariance and overwrites it."""
    matrix = covariance.numpy()
    matrix[np.diag_indices_from(matrix)] += ridge
    # A row-major lower half is LAPACK's column-major upper one: no copy.
    factor, info = lapack.dpotrf(matrix.T, lower=0, overwrite_a=1, clean=0)
    if info:
        raise InputError(
            f"the kernel's covariance of {len(matrix)} force components is singular with this ridge ({ridge:.3g}/nm²): "
            "use a larger ridge or a smaller width, or leave out frames that are all but the same."
        )
    solution, _ = lapack.dpotrs(factor, targets.numpy(), lower=0)
    return torch.from_numpy(solution)
