"""Kernels on few points, trained on many frames.

The subset of regressors (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section
8.3.1): the kernel's functions at chosen geometries are columns of a least-squares problem with the kernel's own
covariance as prior. With every frame a point it is the full process. Frames are visited once.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points, add_squares, internal_basis, solve_in_place
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import matern
from hybridff.corrections.posterior import Hyperparameters, cross_covariance, expansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

_JITTER = 1e-10
"""Of the diagonal, added to a covariance so that it has a factor: more than what rounding does to 7000 functions."""


def farthest(
    fragment: Fragment, positions: Float[Tensor, "frames all_atoms 3"], width: float, wanted: int
) -> Int[np.ndarray, " chosen"]:
    """Geometries that the kernel knows least from those before, by its variance; the first is the first one.

    A pivoted Cholesky decomposition of the covariance of energies.
    """
    x = fragment.descriptor.of(positions[:, list(fragment.atoms)])
    index = fragment.index
    own = sum(matern(x - x[:, entries], width, "value")[0] for entries in index)
    assert isinstance(own, Tensor)
    left, chosen = own.clone(), [0]
    rows = x.new_zeros(wanted, len(x))
    for k in range(wanted):
        place = chosen[k]
        row = sum(matern(x - x[place, entries], width, "value")[0] for entries in index)
        row = (row - rows[:k, place] @ rows[:k]) / left[place].clamp_min(1e-300).sqrt()
        rows[k] = row
        left = (left - row**2).clamp_min(0)
        left[chosen] = 0
        following = int((left / own).argmax())
        if k + 1 == wanted or left[following] <= _JITTER * own[following]:
            break
        chosen.append(following)
    return np.array(chosen)


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the frames."""

    values: Float[Tensor, " n"]
    """Forces in a basis [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    points: list[Points]
    """The frames as each kernel sees them."""
    others: Float[Tensor, "others n"]
    """What other unknowns of unit prior deviation do to the values."""
    anchored: Float[np.ndarray, " anchors"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the last energies, of anchors, over that of the noise of forces [nm]."""
    doubt: float = 1.0
    """Deviation of the forces, over that of their noise."""


class SparseProblem:
    """Normal equations of some kernels and of other unknowns, for any amplitudes and noise."""

    def __init__(
        self,
        blocks: Iterable[Block],
        fragments: Sequence[Fragment],
        centres: Sequence[Float[Tensor, "points all_atoms 3"]],
        found: Hyperparameters,
    ) -> None:
        self._bases = [
            _Basis.of(fragment, positions, strength.width, strength.variance)
            for fragment, strength, positions in zip(fragments, found.strengths, centres, strict=True)
        ]
        nothing = torch.zeros(0, dtype=torch.float64, device=self._bases[0].root.device)
        self._matrix, self._vector, self._energies = nothing.reshape(0, 0), nothing, nothing
        self._rows, self._anchored = nothing.reshape(0, 0), np.zeros(0)
        self.add(blocks)

    def add(self, blocks: Iterable[Block]) -> None:
        """More frames."""
        energy_rows, energies, anchored = [], [self._energies], [self._anchored]
        for block in blocks:
            own = [basis.rows(points) for basis, points in zip(self._bases, block.points, strict=True)]
            rows = torch.cat([block.others, *own])
            if not len(self._vector):
                self._matrix = rows.new_zeros(len(rows), len(rows))
                self._vector = rows.new_zeros(len(rows))
                self._rows = rows.new_zeros(len(rows), 0)
            force_rows, forces = (part[..., : block.n_forces] / block.doubt for part in (rows, block.values))
            add_squares(self._matrix, force_rows.T.contiguous())
            self._vector += force_rows @ forces
            energy_rows.append(rows[:, block.n_forces :])
            energies.append(block.values[block.n_forces :])
            anchored += [np.zeros(len(energies[-1]) - len(block.anchored)), block.anchored]
        self._rows, self._energies = torch.cat([self._rows, *energy_rows], 1), torch.cat(energies)
        self._anchored = np.concatenate(anchored)

    def solved(
        self, found: Hyperparameters, deviations: Float[np.ndarray, " others"] | None = None
    ) -> tuple[list[KernelTerm], Float[Tensor, " others"]]:
        """The kernels that are not switched off, and the other unknowns; length scales are those of the beginning.

        ``deviations`` are those that the other unknowns have a priori, one if not given.

        Raises ``InputError`` where double precision cannot hold the equations.
        """
        sizes = [len(basis.root) for basis in self._bases]
        n_others = len(self._vector) - sum(sizes)
        loudness = [
            math.sqrt(strength.variance / basis.variance)
            for strength, basis in zip(found.strengths, self._bases, strict=True)
        ]
        given = np.ones(n_others) if deviations is None else deviations
        scale = torch.as_tensor(np.concatenate([given, np.repeat(loudness, sizes)])).to(self._vector)
        used = scale.nonzero()[:, 0]
        matrix = self._matrix if len(used) == len(scale) else self._matrix[used][:, used]
        scale = scale[used]
        matrix = matrix * scale
        matrix *= scale[:, None]
        shares = 1 / np.where(self._anchored > 0, self._anchored, found.energy_noise / found.force_noise)
        by_share = torch.as_tensor(shares).to(scale)
        rows = scale[:, None] * self._rows[used] * by_share
        add_squares(matrix, rows.T.contiguous())
        matrix.diagonal().add_(found.force_noise**2)
        try:
            unknowns = solve_in_place(matrix, scale * self._vector[used] + rows @ (by_share * self._energies))
        except np.linalg.LinAlgError:
            raise InputError("the kernels' noise is too small for double precision: assume more of it.") from None
        terms, first = [], n_others
        for basis, own, size in zip(self._bases, loudness, sizes, strict=True):
            if own:
                terms.append(basis.term(own * unknowns[first : first + size]))
                first += size
        return terms, scale[:n_others] * unknowns[:n_others]

    def move(self, anchors: Float[np.ndarray, " anchors"]) -> None:
        """Other energies of the last anchors, in the order in which they came [kJ/mol]."""
        self._energies[len(self._energies) - len(anchors) :] = torch.as_tensor(anchors)

    def restrict(self, directions: Float[np.ndarray, "others k"]) -> None:
        """Keep the other unknowns out of some orthonormal directions, from now on."""
        others, along = slice(len(directions)), torch.as_tensor(directions).to(self._matrix)
        self._matrix = self._matrix.tril()
        self._matrix += self._matrix.tril(-1).T
        self._matrix[others] -= along @ (along.T @ self._matrix[others])
        self._matrix[:, others] -= (self._matrix[:, others] @ along) @ along.T
        self._vector[others] -= along @ (along.T @ self._vector[others])
        self._rows[others] -= along @ (along.T @ self._rows[others])


@dataclass(frozen=True, eq=False)
class _Basis:
    """The functions of one kernel at its points, made orthonormal under the prior."""

    fragment: Fragment
    points: Points
    width: float
    variance: float
    """Of the energy [kJ²/mol²]."""
    root: Float[Tensor, "n n"]
    """Lower Cholesky factor of the covariance of forces and energies at the points."""

    @classmethod
    def of(
        cls, fragment: Fragment, positions: Float[Tensor, "points all_atoms 3"], width: float, variance: float
    ) -> "_Basis":
        own = positions[:, list(fragment.atoms)]
        points = Points.of(fragment.descriptor, own, internal_basis(own))
        matrix = cross_covariance(points, points, fragment, width)
        matrix.diagonal().mul_(1 + _JITTER)
        root, info = torch.linalg.cholesky_ex(matrix.mul_(variance))
        if info:
            raise InputError(f"{len(points)} points of a kernel are too much alike for double precision: take fewer.")
        return cls(fragment, points, width, variance, root)

    def rows(self, points: Points) -> Float[Tensor, "functions n"]:
        """The functions at some frames."""
        values = cross_covariance(self.points, points, self.fragment, self.width).mul_(self.variance)
        return torch.linalg.solve_triangular(self.root, values, upper=False)

    def term(self, unknowns: Float[Tensor, " functions"]) -> KernelTerm:
        """The kernel with these amounts of its functions."""
        weights = self.variance * torch.linalg.solve_triangular(self.root.T, unknowns[:, None], upper=True)[:, 0]
        n_forces = self.points.slopes.shape[-1] * len(self.points)
        kernel = expansion(self.fragment, self.points, self.width, weights, n_forces)
        return KernelTerm(self.fragment.atoms, kernel)
