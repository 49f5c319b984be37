"""Internal coordinates: positions of a few atoms → distance, angle, torsion. Pure functions, differentiable twice.

Each kind of coordinate is declared once in ``COORDINATES``: the variable that feature expressions use, the number of
atoms, the torch function, and the name of the same function in OpenMM's ``CustomCompoundBondForce``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor


def distance(x: Float[Tensor, "*rows 2 3"]) -> Float[Tensor, "*rows"]:
    """Distance of two atoms [nm]."""
    first, second = x.unbind(-2)
    return torch.linalg.vector_norm(second - first, dim=-1)


def angle(x: Float[Tensor, "*rows 3 3"]) -> Float[Tensor, "*rows"]:
    """Angle at the second of three atoms [rad], ``atan2(|u × v|, u · v)``.

    At a linear angle ``|u × v|`` has a kink. It is taken as ``sqrt(|u × v|² + d²)`` with d far below the precision of
    the positions (1.6e-10 of |u||v| in float64), which leaves value and gradient alone and makes the second derivative
    of a potential with its minimum at 180° exact there.
    """
    first, vertex, last = x.unbind(-2)
    u, v = first - vertex, last - vertex
    cross = torch.linalg.cross(u, v)
    d = torch.finfo(x.dtype).eps ** 0.625
    scale = (u * u).sum(-1) * (v * v).sum(-1)
    return torch.atan2(((cross * cross).sum(-1) + d * d * scale).sqrt(), (u * v).sum(-1))


def torsion(x: Float[Tensor, "*rows 4 3"]) -> Float[Tensor, "*rows"]:
    """Torsion angle of four atoms [rad], in (-pi, pi], IUPAC sign (0 is cis).

    Where three consecutive atoms are exactly in line the angle is undefined: it is 0 there, with zero derivatives.
    """
    first, second, third, fourth = x.unbind(-2)
    b1, b2, b3 = second - first, third - second, fourth - third
    m = torch.linalg.cross(b1, b2)
    n = torch.linalg.cross(b2, b3)
    sine = (b1 * n).sum(-1) * torch.linalg.vector_norm(b2, dim=-1)
    cosine = (m * n).sum(-1)
    undefined = (sine == 0) & (cosine == 0)
    return torch.atan2(torch.where(undefined, 0.0, sine), torch.where(undefined, 1.0, cosine))


@dataclass(frozen=True)
class Coordinate:
    """A kind of internal coordinate."""

    variable: str
    """Its name in feature expressions."""
    unit: str
    n_atoms: int
    function: Callable[[Tensor], Tensor]
    openmm: str
    """The function of the same value in OpenMM's expressions."""


COORDINATES = MappingProxyType(
    {
        "bond": Coordinate("r", "nm", 2, distance, "distance"),
        "pair": Coordinate("r", "nm", 2, distance, "distance"),
        "angle": Coordinate("theta", "rad", 3, angle, "angle"),
        "torsion": Coordinate("phi", "rad", 4, torsion, "dihedral"),
    }
)
