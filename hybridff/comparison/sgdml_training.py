"""sGDML as it is published, to compare with: one kernel, trained on forces alone, of a given length scale and ridge."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points, force_blocks, internal_basis, projected, solve_in_place
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.errors import InputError


def train_forces(
    descriptor: Descriptor,
    positions: Float[Tensor, "points atoms 3"],
    forces: Float[Tensor, "points atoms 3"],
    permutations: Int[Tensor, "permutations atoms"],
    width: float,
    ridge: float,
) -> KernelExpansion:
    """The expansion whose forces are nearest to the given ones [kJ/mol/nm], with an absolute ``ridge`` [1/nm²].

    ``positions`` [nm] are those of the descriptor's atoms, ``width`` is the length scale [1/nm]. The expansion is
    computed where the positions are, on a GPU say, and is in the processor's memory. Raises ``InputError`` where the
    covariance is singular in double precision.
    """
    basis = internal_basis(positions)
    points = Points.of(descriptor, positions, basis)
    covariance = force_blocks(points, points, descriptor.index(permutations), width, lower=True)
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
