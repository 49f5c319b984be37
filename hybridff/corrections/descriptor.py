"""Descriptors of a set of atoms: what a kernel sees of a geometry.

Inverse distances of all pairs, as in sGDML, and on request angles and torsions after V. Vassilev-Galindo et al.,
J. Chem. Phys. 154, 094119 (2021), in functions that are smooth at linear angles. No entry changes when a geometry is
turned, shifted or mirrored, so that all of them are functions of the distances r between the atoms:

    cos θ(i, j, k)             = (r_ij² + r_jk² - r_ik²) / (2 r_ij r_jk)
    sin θ1 sin θ2 cos φ(i … m) = cos θ1 cos θ2 - (r_im² + r_jk² - r_ik² - r_jm²) / (2 r_ij r_km)
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.formula import Formula
from hybridff.geometry import distance


def _cosine(name: str, first: str, second: str, opposite: str) -> dict[str, str]:
    """Steps of the cosine between two sides of a triangle: its law, and the derivatives by the three sides."""
    return {
        name: f"({first}*{first} + {second}*{second} - {opposite}*{opposite})/(2*{first}*{second})",
        f"{name}_{first}": f"1/{second} - {name}/{first}",
        f"{name}_{second}": f"1/{first} - {name}/{second}",
        f"{name}_{opposite}": f"-{opposite}/({first}*{second})",
    }


PAIR = Formula.of("r dr", value="1/r", derivative="-dr/(r*r)")
"""Inverse distance; ``derivative`` is that by whatever ``dr`` is the derivative of the distance by."""
ANGLE = Formula.of("ij jk ik", **_cosine("value", "ij", "jk", "ik"))
"""Cosine of an angle i-j-k of three distances; ``value_ij`` is the derivative by the distance ``ij``, and so on."""
TORSION = Formula.of(
    "ij jk km ik jm im",
    across="(im*im + jk*jk - ik*ik - jm*jm)/(2*ij*km)",
    **_cosine("one", "ij", "jk", "ik"),
    **_cosine("other", "jk", "km", "jm"),
    value="one*other - across",
    value_ij="other*one_ij + across/ij",
    value_jk="other*one_jk + one*other_jk - jk/(ij*km)",
    value_km="one*other_km + across/km",
    value_ik="other*one_ik + ik/(ij*km)",
    value_jm="one*other_jm + jm/(ij*km)",
    value_im="-im/(ij*km)",
)
"""sin θ1 sin θ2 cos φ of a torsion i-j-k-m of six distances, and its derivatives by them.

``one`` and ``other`` are the cosines of its angles, ``across`` is the one between its first and its last bond.
"""


def derivatives(formula: Formula) -> list[str]:
    """Names of the derivatives of ``value`` by the arguments, in their order."""
    return [f"value_{side}" for side in formula.arguments]


@dataclass(frozen=True)
class Descriptor:
    """A vector for each geometry of ``n_atoms`` atoms; angles and torsions are of these atoms, counted from 0."""

    n_atoms: int
    angles: tuple[tuple[int, int, int], ...] = ()
    torsions: tuple[tuple[int, int, int, int], ...] = ()
    angular_scale: float = 3.0
    """Factor of the cosines of angles and torsions [1/nm]: about what makes them as important as inverse distances."""

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of atoms of the inverse distances."""
        return tuple(itertools.combinations(range(self.n_atoms), 2))

    def __len__(self) -> int:
        return len(self.pairs) + len(self.angles) + len(self.torsions)

    def of(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames entries"]:
        """Entries [1/nm] at positions [nm]: inverse distances; cos theta; sin theta1 sin theta2 cos phi."""
        r = distance(positions[..., torch.tensor(self.pairs), :])
        parts = PAIR.evaluate(["value"], {"r": r})
        for formula, sides in self._angular():
            (value,) = formula.evaluate(["value"], _named(formula, r[..., sides]))
            parts.append(self.angular_scale * value)
        return torch.cat(parts, -1)

    def _angular(self) -> Iterator[tuple[Formula, Int[Tensor, "rows sides"]]]:
        """Formulas of the angular entries that there are, and the pairs whose distances are their arguments."""
        if self.angles:
            yield ANGLE, torch.as_tensor(self.angle_pairs)
        if self.torsions:
            yield TORSION, torch.as_tensor(self.torsion_pairs)

    @cached_property
    def angle_pairs(self) -> Int[np.ndarray, "angles 3"]:
        """Numbers of the pairs ij, jk and ik of each angle."""
        return self._pairs_of(self.angles, ((0, 1), (1, 2), (0, 2)))

    @cached_property
    def torsion_pairs(self) -> Int[np.ndarray, "torsions 6"]:
        """Numbers of the pairs ij, jk, km, ik, jm and im of each torsion."""
        return self._pairs_of(self.torsions, ((0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)))

    def _pairs_of(
        self, rows: Sequence[Sequence[int]], places: Sequence[tuple[int, int]]
    ) -> Int[np.ndarray, "rows places"]:
        number = {pair: k for k, pair in enumerate(self.pairs)}
        found = [[number[min(row[a], row[b]), max(row[a], row[b])] for a, b in places] for row in rows]
        return np.array(found, dtype=np.int64).reshape(-1, len(places))

    def jacobian(self, positions: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, "frames entries coordinates"]:
        """Derivatives of the entries by the Cartesian coordinates [1/nm²], at positions [nm]."""
        first, second = torch.tensor(self.pairs).T
        along = positions[:, second] - positions[:, first]
        r = torch.linalg.vector_norm(along, dim=-1)
        unit = along / r[..., None]
        by_length = torch.zeros(*r.shape, *positions.shape[1:], dtype=positions.dtype, device=positions.device)
        pairs = torch.arange(len(self.pairs))
        by_length[:, pairs, second] = unit
        by_length[:, pairs, first] = -unit
        parts = PAIR.evaluate(["derivative"], {"r": r[..., None, None], "dr": by_length})
        for formula, sides in self._angular():
            slopes = torch.stack(formula.evaluate(derivatives(formula), _named(formula, r[:, sides])), -1)
            # One side at a time: all of them at once are several times the memory of the result.
            total = slopes[..., 0, None, None] * by_length[:, sides[:, 0]]
            for k in range(1, sides.shape[1]):
                total += slopes[..., k, None, None] * by_length[:, sides[:, k]]
            parts.append(self.angular_scale * total)
        return torch.cat(parts, 1).flatten(-2)

    def index(self, permutations: Int[Tensor, "permutations atoms"]) -> Int[Tensor, "permutations entries"]:
        """Places of the entries, as ``permuted`` finds them, for each of several permutations."""
        return torch.stack([torch.as_tensor(self.permuted(permutation)) for permutation in permutations.tolist()])

    def permuted(self, permutation: Sequence[int]) -> Int[np.ndarray, " entries"]:
        """The place that each entry of a geometry with permuted atoms has among those of the geometry itself.

        ``of(positions[permutation])[k] = of(positions)[permuted(permutation)[k]]``. Raises ``KeyError`` for a
        permutation that takes an angle or torsion to one that the descriptor lacks.
        """
        entries = [*self.pairs, *self.angles, *self.torsions]
        place = {min(atoms, atoms[::-1]): k for k, atoms in enumerate(entries)}
        images = (tuple(permutation[atom] for atom in atoms) for atoms in entries)
        return np.array([place[min(atoms, atoms[::-1])] for atoms in images], dtype=np.int64)


def _named(formula: Formula, sides: Float[Tensor, "*rows sides"]) -> dict[str, Tensor]:
    """Distances by the names that they have as arguments."""
    return dict(zip(formula.arguments, sides.unbind(-1), strict=True))
