"""The kernel of sGDML: Matérn 5/2 on descriptors, its derivatives, and the energy model that a trained kernel is.

S. Chmiela, H. E. Sauceda, K.-R. Müller, A. Tkatchenko, Nat. Commun. 9, 3887 (2018); equations 1 to 3 of H. E. Sauceda,
M. Gastegger, S. Chmiela, K.-R. Müller, A. Tkatchenko, arXiv:2008.04198 (2020). With s = √5 / width, u = x - x' and
d = |u|:

    k              = (1 + s d + s² d² / 3) exp(-s d)
    ∂k/∂x          = -first u                            first  = -(∂k/∂d) / d      = (s²/3) (1 + s d) exp(-s d)
    ∂²k/∂x ∂x'ᵀ    = first 1 - second u uᵀ               second = -(∂first/∂d) / d  = (s⁴/3) exp(-s d)
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.formula import Formula

_BLOCK = 2**22
"""Numbers of a block of differences between descriptors."""

MATERN = Formula.of(
    "s square along weight",
    sd="s*sqrt(square + 1e-30)",
    decay="exp(-sd)",
    polynomial="1 + sd + sd*sd/3",
    value="polynomial*decay",
    first="s^2/3*(1 + sd)*decay",
    second="s^4/3*decay",
    energy="weight*polynomial*decay - first*along",
    by_difference="second*along - weight*first",
)
"""The kernel of a difference u with |u|² = ``square``, and what one point adds to an expansion.

``value``, ``first`` and ``second`` are those of the kernel. The point adds ``energy``, where ``weight`` is its energy
weight and ``along`` = u · w with its force weights w; the derivative by u is ``by_difference`` u - ``first`` w. The
1e-30 [1/nm²] give the root a derivative at a training point, in single precision too.
"""


def inverse_scale(width: float) -> float:
    """s = √5 / width [nm], of a width [1/nm]."""
    return math.sqrt(5) / width


def matern(u: Float[Tensor, "*rows entries"], width: float, *wanted: str) -> list[Float[Tensor, "*rows"]]:
    """Wanted steps of ``MATERN``, of differences u between descriptors [1/nm].

    ``value`` has no unit, that of ``first`` is nm², that of ``second`` nm⁴.
    """
    s = torch.tensor(inverse_scale(width), dtype=torch.float64)
    return MATERN.evaluate(wanted, {"s": s, "square": (u * u).sum(-1)})


@dataclass(frozen=True, eq=False)
class KernelExpansion:
    """An energy function of a descriptor, as a sum over training points and the permutations of their atoms.

    E(x) = constant + Σ_i Σ_p [ energy_weights_i k(x, p x_i) - (∂k/∂x')(x, p x_i) · p force_weights_i ]
    """

    descriptor: Descriptor
    points: Float[Tensor, "points entries"]
    """Descriptors of the training geometries [1/nm]."""
    force_weights: Float[Tensor, "points entries"]
    """Force weights of the points [kJ/mol/nm]."""
    energy_weights: Float[Tensor, " points"] | None
    """Energy weights of the points [kJ/mol]; None for a kernel of forces alone."""
    permutations: Int[Tensor, "permutations atoms"]
    """Permutations of the descriptor's atoms that change nothing, the identity first."""
    width: float
    """Length scale [1/nm]."""
    constant: float = 0.0
    """Constant of the energy [kJ/mol]."""

    def energy(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames"]:
        """Energy [kJ/mol] of positions of the descriptor's atoms [nm]."""
        frames = positions.reshape(-1, *positions.shape[-2:])
        energy = self.of_descriptors(self.descriptor.of(frames))
        return energy.to(positions.dtype).reshape(positions.shape[:-2])

    def of_descriptors(
        self, x: Float[Tensor, "frames entries"], dtype: torch.dtype = torch.float64
    ) -> Float[Tensor, " frames"]:
        """Energy [kJ/mol] of descriptors [1/nm], computed in some precision."""
        points, weights, energy_weights = (None if part is None else part.to(dtype) for part in self.expanded())
        assert points is not None
        assert weights is not None
        rows = max(1, _BLOCK // max(1, points.numel()))
        blocks, trained = x.to(dtype).split(rows), (points, weights, energy_weights, self.width)
        if len(blocks) == 1:
            return _energy(blocks[0], *trained) + self.constant
        # Blocks are computed again for derivatives, which would otherwise keep all of them in memory.
        parts = [checkpoint(_energy, block, *trained, use_reentrant=False) for block in blocks]
        return torch.cat(parts) + self.constant

    def expanded(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Points, force weights and energy weights with a copy for each permutation."""
        index = self.descriptor.index(self.permutations)
        points, weights = (part[:, index].flatten(0, 1) for part in (self.points, self.force_weights))
        if self.energy_weights is None:
            return points, weights, None
        return points, weights, self.energy_weights.repeat_interleave(len(index))


def _energy(
    x: Float[Tensor, "frames entries"],
    points: Float[Tensor, "points entries"],
    weights: Float[Tensor, "points entries"],
    energy_weights: Float[Tensor, " points"] | None,
    width: float,
) -> Float[Tensor, " frames"]:
    u = x[:, None] - points
    value, first = matern(u, width, "value", "first")
    energy = -(first * (u * weights).sum(-1)).sum(-1)
    return energy if energy_weights is None else energy + value @ energy_weights
