"""The covariance of a kernel's forces and energies, times vectors, without the matrix itself.

A vector of force and energy weights at the points is an energy function, a ``KernelExpansion``; its forces and energies
at these points are the product. Time grows with the square of the number of points, memory with the number.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections import compiled
from hybridff.corrections.covariance import Points, force_variances
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import MATERN, KernelExpansion, inverse_scale
from hybridff.corrections.posterior import KernelPrior

_BLOCK = 2**22
"""Numbers of a block of geometries times points on a GPU."""


@dataclass(frozen=True, eq=False)
class KernelCovariance:
    """Prior covariance of the projected forces and energies of some geometries under one kernel."""

    fragment: Fragment
    points: Points
    prior: KernelPrior

    def times(self, vector: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The product with weights of forces, then of energies."""
        n, points = self.points.n_forces, self.points
        sloped = len(points.slopes)
        weights = torch.zeros_like(points.x)
        weights[:sloped] = torch.einsum(
            "pdf,pf->pd", points.slopes, vector[:n].reshape(sloped, points.slopes.shape[-1])
        )
        energies, by_x = sums(self._expansion(points.x, weights, vector[n:]), points.x)
        forces = -torch.einsum("pdf,pd->pf", points.slopes, by_x[:sloped]).reshape(-1)
        return self.prior.variance * torch.cat([forces, energies])

    def diagonal(self) -> Float[Tensor, " forces"]:
        """Prior variances of the forces."""
        return self.prior.variance * force_variances(self.points, self.fragment.index, self.prior.width)

    def columns(self, forces: Int[Tensor, " chosen"], rows: Points | None = None) -> Float[Tensor, "m chosen"]:
        """Columns of some of the forces, with forces and energies of all points or of other geometries as rows."""
        slopes, rows = self.points.slopes, self.points if rows is None else rows
        frame, direction = forces // slopes.shape[-1], forces % slopes.shape[-1]
        weights = slopes[frame, :, direction]
        expansion = self._expansion(self.points.x[frame], weights, None)
        energies, by_x = each(expansion, rows.x)
        of_forces = -torch.einsum("pdf,pcd->pfc", rows.slopes, by_x[: len(rows.slopes)]).flatten(0, 1)
        return self.prior.variance * torch.cat([of_forces, energies])

    def _expansion(
        self,
        x: Float[Tensor, "points entries"],
        weights: Float[Tensor, "points entries"],
        energies: Float[Tensor, " points"] | None,
    ) -> KernelExpansion:
        fragment = self.fragment
        return KernelExpansion(fragment.descriptor, x, weights, energies, fragment.permutations, self.prior.width)


def sums(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, " frames"], Float[Tensor, "frames entries"]]:
    """Energies [kJ/mol] of descriptors [1/nm], less the constant, and their derivatives by the entries [nm kJ/mol]."""
    return sums_by_torch(expansion, x) if x.is_cuda else compiled.sums(expansion, x)


def each(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, "frames points"], Float[Tensor, "frames points entries"]]:
    """What each point adds to the ``sums`` of an expansion without energy weights."""
    return each_by_torch(expansion, x) if x.is_cuda else compiled.each(expansion, x)


def sums_by_torch(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, " frames"], Float[Tensor, "frames entries"]]:
    """``sums`` on any device, by products of matrices: |x - y|² = |x|² + |y|² - 2 x·y, from a centre that no
    permutation moves.
    """
    points, weights, energy_weights = expansion.expanded()
    centre = points.mean(0)
    x, points = x - centre, points - centre
    energies, by_x = [], []
    for rows in x.split(max(1, _BLOCK // len(points))):
        square = ((rows**2).sum(1)[:, None] + (points**2).sum(1)).addmm_(rows, points.T, alpha=-2).clamp_(min=0)
        along = (rows @ weights.T).sub_((points * weights).sum(1))
        given = {"along": along, "weight": along.new_zeros(()) if energy_weights is None else energy_weights}
        own, by_difference, first = _evaluated(expansion.width, square, given)
        energies.append(own.sum(1))
        by_x.append(by_difference.sum(1)[:, None] * rows - by_difference @ points - first @ weights)
    return torch.cat(energies), torch.cat(by_x)


def each_by_torch(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, "frames points"], Float[Tensor, "frames points entries"]]:
    """``each`` on any device."""
    points, weights, _ = expansion.expanded()
    n, energies, by_x = len(expansion.points), [], []
    for rows in x.split(max(1, _BLOCK // points.numel())):
        u = rows[:, None] - points
        given = {"along": (u * weights).sum(-1), "weight": u.new_zeros(())}
        own, by_difference, first = _evaluated(expansion.width, (u * u).sum(-1), given)
        energies.append(own.unflatten(1, (n, -1)).sum(2))
        by_x.append((by_difference[..., None] * u - first[..., None] * weights).unflatten(1, (n, -1)).sum(2))
    return torch.cat(energies), torch.cat(by_x)


def _evaluated(width: float, square: Tensor, given: dict[str, Tensor]) -> list[Tensor]:
    """Energies, and factors of differences and force weights in their derivatives."""
    s = torch.tensor(inverse_scale(width), dtype=square.dtype)
    return MATERN.evaluate(("energy", "by_difference", "first"), {"s": s, "square": square, **given})
