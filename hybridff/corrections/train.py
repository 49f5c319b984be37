"""sGDML as it is published: one kernel, trained on forces alone, with a given length scale and ridge."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points, force_blocks, internal_basis, projected, solve_in_place
from hybridff.corrections.descriptor import Descriptor
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

    It is computed where the positions are, on a GPU say; the expansion itself is in the processor's memory.
    Raises ``InputError`` where the covariance is singular in double precision.
    """
    basis = internal_basis(positions)
    points = Points.of(descriptor, positions, basis)
    covariance = force_blocks(points, points, descriptor.index(permutations), width, progress, lower=True)
    covariance.diagonal().add_(ridge)
    try:
        coefficients = solve_in_place(covariance, projected(forces, basis).reshape(-1))
    except np.linalg.LinAlgError:
        raise InputError(
            f"the kernel's covariance of {len(covariance)} force components is singular with this ridge "
            f"({ridge:.3g}/nm²): use a larger ridge or a smaller width, or leave out frames that are all but the same."
        ) from None
    weights = torch.einsum("pdf,pf->pd", points.slopes, coefficients.reshape(len(points), -1))
    return KernelExpansion(descriptor, points.x.cpu(), weights.cpu(), None, permutations.cpu(), width)
