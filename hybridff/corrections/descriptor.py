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

from hybridff.geometry import distance


@dataclass(frozen=True)
class Descriptor:
    """A vector for each geometry of ``n_atoms`` atoms; angles and torsions are theirs, counted from 0."""

    n_atoms: int
    angles: tuple[tuple[int, int, int], ...] = ()
    torsions: tuple[tuple[int, int, int, int], ...] = ()
    angular_scale: float = 3.0
    """What the cosines of angles and torsions are multiplied by [1/nm]: about what makes them as important as inverse
    distances."""

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Atoms of the inverse distances."""
        return tuple(itertools.combinations(range(self.n_atoms), 2))

    def __len__(self) -> int:
        return len(self.pairs) + len(self.angles) + len(self.torsions)

    def of(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames entries"]:
        """The entries [1/nm]: inverse distances; cos theta; sin theta1 sin theta2 cos phi."""
        r = distance(positions[..., torch.tensor(self.pairs), :])
        parts = [1 / r]
        if self.angles:
            ij, jk, ik = r[..., torch.as_tensor(self.angle_pairs)].unbind(-1)
            parts.append(self.angular_scale * _cosine(ij, jk, ik))
        if self.torsions:
            ij, jk, km, ik, jm, im = r[..., torch.as_tensor(self.torsion_pairs)].unbind(-1)
            across = _across(ij, jk, km, ik, jm, im)
            parts.append(self.angular_scale * (_cosine(ij, jk, ik) * _cosine(jk, km, jm) - across))
        return torch.cat(parts, -1)

    @cached_property
    def angle_pairs(self) -> Int[np.ndarray, "angles 3"]:
        """Pairs ij, jk and ik of each angle."""
        return self._pairs_of(self.angles, ((0, 1), (1, 2), (0, 2)))

    @cached_property
    def torsion_pairs(self) -> Int[np.ndarray, "torsions 6"]:
        """Pairs ij, jk, km, ik, jm and im of each torsion."""
        return self._pairs_of(self.torsions, ((0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)))

    def _pairs_of(
        self, rows: Sequence[Sequence[int]], places: Sequence[tuple[int, int]]
    ) -> Int[np.ndarray, "rows places"]:
        number = {pair: k for k, pair in enumerate(self.pairs)}
        found = [[number[min(row[a], row[b]), max(row[a], row[b])] for a, b in places] for row in rows]
        return np.array(found, dtype=np.int64).reshape(-1, len(places))

    def jacobian(self, positions: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, "frames entries coordinates"]:
        """Derivatives of the entries by the Cartesian coordinates [1/nm²]."""
        first, second = torch.tensor(self.pairs).T
        along = positions[:, second] - positions[:, first]
        r = torch.linalg.vector_norm(along, dim=-1)
        unit = along / r[..., None]
        by_length = torch.zeros(*r.shape, *positions.shape[1:], dtype=positions.dtype, device=positions.device)
        pairs = torch.arange(len(self.pairs))
        by_length[:, pairs, second] = unit
        by_length[:, pairs, first] = -unit
        parts = [-by_length / (r * r)[..., None, None]]
        for slopes, sides in self._slopes(r):
            # One side at a time: all of them at once are several times the memory of the result.
            total = slopes[..., 0, None, None] * by_length[:, sides[:, 0]]
            for k in range(1, sides.shape[1]):
                total += slopes[..., k, None, None] * by_length[:, sides[:, k]]
            parts.append(self.angular_scale * total)
        return torch.cat(parts, 1).flatten(-2)

    def _slopes(self, r: Float[Tensor, "frames pairs"]) -> Iterator[tuple[Tensor, Tensor]]:
        """Derivatives of angular entries, less the scale, by the distances that they are functions of."""
        if self.angles:
            sides = torch.as_tensor(self.angle_pairs)
            yield torch.stack(_cosine_slopes(*r[:, sides].unbind(-1)), -1), sides
        if self.torsions:
            sides = torch.as_tensor(self.torsion_pairs)
            ij, jk, km, ik, jm, im = r[:, sides].unbind(-1)
            one, other = _cosine(ij, jk, ik), _cosine(jk, km, jm)
            one_ij, one_jk, one_ik = (other * slope for slope in _cosine_slopes(ij, jk, ik))
            other_jk, other_km, other_jm = (one * slope for slope in _cosine_slopes(jk, km, jm))
            product, across = ij * km, _across(ij, jk, km, ik, jm, im)
            slopes = (
                one_ij + across / ij,
                one_jk + other_jk - jk / product,
                other_km + across / km,
                one_ik + ik / product,
                other_jm + jm / product,
                -im / product,
            )
            yield torch.stack(slopes, -1), sides

    def index(self, permutations: Int[Tensor, "permutations atoms"]) -> Int[Tensor, "permutations entries"]:
        """``permuted`` for each of several permutations."""
        return torch.stack([torch.as_tensor(self.permuted(permutation)) for permutation in permutations.tolist()])

    def permuted(self, permutation: Sequence[int]) -> Int[np.ndarray, " entries"]:
        """Where each entry of a geometry with permuted atoms stands in that of the geometry itself.

        ``of(positions[permutation])[k] = of(positions)[permuted(permutation)[k]]``. Raises ``KeyError`` for a
        permutation that takes an angle or torsion to one that the descriptor lacks.
        """
        entries = [*self.pairs, *self.angles, *self.torsions]
        place = {min(atoms, atoms[::-1]): k for k, atoms in enumerate(entries)}
        images = (tuple(permutation[atom] for atom in atoms) for atoms in entries)
        return np.array([place[min(atoms, atoms[::-1])] for atoms in images], dtype=np.int64)


def _cosine(first: Tensor, second: Tensor, across: Tensor) -> Tensor:
    """Of the angle between two sides of a triangle."""
    return (first * first + second * second - across * across) / (2 * first * second)


def _across(ij: Tensor, jk: Tensor, km: Tensor, ik: Tensor, jm: Tensor, im: Tensor) -> Tensor:
    """Cosine between the first and the last bond of a torsion."""
    return (im * im + jk * jk - ik * ik - jm * jm) / (2 * ij * km)


def _cosine_slopes(first: Tensor, second: Tensor, across: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Its derivatives by the three sides."""
    cosine = _cosine(first, second, across)
    return 1 / second - cosine / first, 1 / first - cosine / second, -across / (first * second)
