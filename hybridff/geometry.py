"""Internal coordinates: positions of a few atoms → distance, angle, torsion. Pure functions, differentiable twice.

Each kind of coordinate is declared once in ``COORDINATES``: its number of atoms, and the variables that expressions of
features may use, each with its torch function and the same function in the syntax of ``CustomCompoundBondForce``.
"""

from collections.abc import Callable, Mapping
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


def bend_product(x: Float[Tensor, "*rows 4 3"]) -> Float[Tensor, "*rows"]:
    """Scalar product ``(e1 × e2) · (e2 × e3)`` of the unit vectors along the chain of four atoms.

    It is ``sin(theta1) sin(theta2) cos(phi)``, as ``(e1 · e2)(e2 · e3) - e1 · e3``, which has every derivative wherever
    no two neighbours meet. Where the last three atoms are in line it is to first order the component of their bend
    towards the first atom, times its distance from the line.
    """
    first, second, third, fourth = x.unbind(-2)
    chain = (second - first, third - second, fourth - third)
    e1, e2, e3 = (torch.nn.functional.normalize(own, dim=-1) for own in chain)
    return (e1 * e2).sum(-1) * (e2 * e3).sum(-1) - (e1 * e3).sum(-1)


def out_of_plane(x: Float[Tensor, "*rows 4 3"]) -> Float[Tensor, "*rows"]:
    """Displacement of the first atom out of the plane of three neighbours, ``e1 · (e2 × e3)`` of unit vectors.

    0 in a plane; exchanging two of the neighbours changes the sign.
    """
    centre, *neighbours = x.unbind(-2)
    e1, e2, e3 = (torch.nn.functional.normalize(atom - centre, dim=-1) for atom in neighbours)
    return (e1 * torch.linalg.cross(e2, e3)).sum(-1)


@dataclass(frozen=True)
class Variable:
    """A number that a kind of coordinate offers to the expressions of features."""

    unit: str
    places: tuple[int, ...]
    """Which atoms of the coordinate it is a function of."""
    function: Callable[[Tensor], Tensor]
    """Its value from the positions (*rows, places, 3)."""
    openmm: str
    """Text of the coordinate in OpenMM's syntax, with {0}, {1} … for these atoms."""

    def of(self, atoms: Float[Tensor, "*rows coordinate 3"]) -> Float[Tensor, "*rows"]:
        """Its value from the positions of all atoms of the coordinate."""
        return self.function(atoms[..., self.places, :])


@dataclass(frozen=True)
class Coordinate:
    """A kind of internal coordinate: a group of atoms, and the variables that it has."""

    n_atoms: int
    variables: Mapping[str, Variable]


def _coordinate(n_atoms: int, **variables: Variable) -> Coordinate:
    return Coordinate(n_atoms, MappingProxyType(variables))


def _angle(*places: int) -> Variable:
    return Variable("rad", places, angle, "angle({0},{1},{2})")


_DISTANCE = Variable("nm", (0, 1), distance, "distance({0},{1})")

COORDINATES: Mapping[str, Coordinate] = MappingProxyType(
    {
        "bond": _coordinate(2, r=_DISTANCE),
        "pair": _coordinate(2, r=_DISTANCE),
        "angle": _coordinate(3, theta=_angle(0, 1, 2)),
        "torsion": _coordinate(
            4,
            phi=Variable("rad", (0, 1, 2, 3), torsion, "dihedral({0},{1},{2},{3})"),
            theta1=_angle(0, 1, 2),
            theta2=_angle(1, 2, 3),
            bends=Variable(
                "1",
                (0, 1, 2, 3),
                bend_product,
                "(0.25*(distance({0},{1})^2+distance({1},{2})^2-distance({0},{2})^2)"
                "*(distance({1},{2})^2+distance({2},{3})^2-distance({1},{3})^2)"
                "/(distance({0},{1})*distance({1},{2})^2*distance({2},{3}))"
                "-0.5*(distance({0},{3})^2+distance({1},{2})^2-distance({0},{2})^2-distance({1},{3})^2)"
                "/(distance({0},{1})*distance({2},{3})))",
            ),
        ),
        "out_of_plane": _coordinate(
            4,
            s=Variable(
                "1",
                (0, 1, 2, 3),
                out_of_plane,
                "(-sin(angle({1},{0},{2}))*sin(angle({2},{0},{3}))*sin(dihedral({1},{0},{2},{3})))",
            ),
        ),
    }
)
