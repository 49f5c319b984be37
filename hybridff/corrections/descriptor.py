"""Descriptors of a set of atoms: what a kernel sees of a geometry.

Inverse distances of all pairs, as in sGDML, and on request angles and torsions after V. Vassilev-Galindo et al.,
J. Chem. Phys. 154, 094119 (2021), in functions that are smooth at linear angles. No entry changes when a geometry is
turned, shifted or mirrored.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.geometry import angle, distance, torsion


@dataclass(frozen=True)
class Descriptor:
    """A vector for each geometry of ``n_atoms`` atoms; angles and torsions are theirs, counted from 0."""

    n_atoms: int
    angles: tuple[tuple[int, int, int], ...] = ()
    torsions: tuple[tuple[int, int, int, int], ...] = ()
    angular_scale: float = 10.0
    """What the cosines of angles and torsions are multiplied by [1/nm]."""

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Atoms of the inverse distances."""
        return tuple(itertools.combinations(range(self.n_atoms), 2))

    def __len__(self) -> int:
        return len(self.pairs) + len(self.angles) + len(self.torsions)

    def of(self, positions: Float[Tensor, "*frames atoms 3"]) -> Float[Tensor, "*frames entries"]:
        """The entries [1/nm]: inverse distances; cos theta; sin theta1 sin theta2 cos phi."""
        parts = [1 / distance(positions[..., _index(self.pairs, 2), :])]
        if self.angles:
            parts.append(self.angular_scale * torch.cos(angle(positions[..., _index(self.angles, 3), :])))
        if self.torsions:
            four = positions[..., _index(self.torsions, 4), :]
            first, last = (torch.sin(angle(four[..., part, :])) for part in (slice(0, 3), slice(1, 4)))
            parts.append(self.angular_scale * first * last * torch.cos(torsion(four)))
        return torch.cat(parts, -1)

    def jacobian(self, positions: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, "frames entries coordinates"]:
        """Derivatives of the entries by the Cartesian coordinates [1/nm²]."""
        jacobian = torch.func.vmap(torch.func.jacrev(self.of))(positions)
        return jacobian.flatten(-2)

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


def _index(atoms: Sequence[Sequence[int]], width: int) -> Tensor:
    return torch.tensor(atoms, dtype=torch.int64).reshape(-1, width)
