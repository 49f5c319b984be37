"""Kernels on few points, trained on many frames.

The subset of regressors (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section
8.3.1): the kernel's functions at chosen geometries are columns of a least-squares problem with the kernel's own
covariance as prior. With every frame a point it is the full process. Frames are visited once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.linalg import cholesky, solve_triangular

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.gram import Points, add_squares, internal_basis, solve_in_place
from hybridff.corrections.kernel import matern
from hybridff.corrections.process import Hyperparameters, cross_covariance, expansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

_JITTER = 1e-10
"""Of the diagonal, added to a covariance so that it has a factor: more than what rounding does to 7000 functions."""


def farthest(
    fragment: Fragment, positions: Float[np.ndarray, "frames all_atoms 3"], width: float, wanted: int
) -> Int[np.ndarray, " chosen"]:
    """Geometries that the kernel knows least from those before, by its variance; the first is the first one.

    A pivoted Cholesky decomposition of the covariance of energies.
    """
    x = fragment.descriptor.of(torch.as_tensor(positions[:, list(fragment.atoms)]))
    index = fragment.index
    own = sum(matern(x - x[:, entries], width)[0] for entries in index)
    assert isinstance(own, torch.Tensor)
    left, chosen = own.clone(), [0]
    rows = torch.zeros(wanted, len(x), dtype=torch.float64)
    for k in range(wanted):
        place = chosen[k]
        row = sum(matern(x - x[place, entries], width)[0] for entries in index)
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

    values: Float[np.ndarray, " n"]
    """Forces in a basis [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    points: list[Points]
    """The frames as each kernel sees them."""
    others: Float[np.ndarray, "others n"]
    """What other unknowns of unit prior deviation do to the values."""


class SparseProblem:
    """Normal equations of some kernels and of other unknowns, for as many levels of noise as are wanted.

    Raises ``InputError``, as ``solved`` does, where double precision cannot hold them.
    """

    def __init__(
        self,
        blocks: Iterable[Block],
        fragments: Sequence[Fragment],
        centres: Sequence[Float[np.ndarray, "points all_atoms 3"]],
        found: Hyperparameters,
    ) -> None:
        self._found = found
        self._bases = [
            _Basis.of(fragment, positions, strength.width, strength.variance)
            for fragment, strength, positions in zip(fragments, found.strengths, centres, strict=True)
            if strength.variance
        ]
        used = [i for i, strength in enumerate(found.strengths) if strength.variance]
        self._matrix, self._vector = np.zeros((0, 0)), np.zeros(0)
        energy_rows, energies = [], []
        for block in blocks:
            own = [basis.rows(block.points[i]) for i, basis in zip(used, self._bases, strict=True)]
            rows = np.concatenate([block.others, *own])
            if not len(self._vector):
                self._matrix = np.zeros((len(rows), len(rows)))
                self._vector = np.zeros(len(rows))
            force_rows, forces = rows[:, : block.n_forces], block.values[: block.n_forces]
            add_squares(self._matrix, force_rows.T)
            self._vector += force_rows @ forces
            energy_rows.append(rows[:, block.n_forces :])
            energies.append(block.values[block.n_forces :])
        self._rows, self._energies = np.concatenate(energy_rows, 1), np.concatenate(energies)

    def solved(self, force: float, energy: float) -> tuple[list[KernelTerm], Float[np.ndarray, " others"]]:
        """The kernels, and the other unknowns, with so many times the noise of forces and of energies."""
        force, energy = force * self._found.force_noise, energy * self._found.energy_noise
        matrix, share = self._matrix.copy(), force / energy
        add_squares(matrix, share * self._rows.T)
        matrix[np.diag_indices_from(matrix)] += force**2
        try:
            unknowns = solve_in_place(matrix, self._vector + share**2 * (self._rows @ self._energies))
        except np.linalg.LinAlgError:
            raise InputError("the kernels' noise is too small for double precision: assume more of it.") from None
        ends = np.cumsum([len(basis.root) for basis in self._bases])
        n_others = len(unknowns) - int(ends[-1])
        others, *parts = np.split(unknowns, n_others + np.concatenate([[0], ends[:-1]]))
        return [basis.term(part) for basis, part in zip(self._bases, parts, strict=True)], others


@dataclass(frozen=True, eq=False)
class _Basis:
    """The functions of one kernel at its points, made orthonormal under the prior."""

    fragment: Fragment
    points: Points
    width: float
    variance: float
    """Of the energy [kJ²/mol²]."""
    root: Float[np.ndarray, "n n"]
    """Lower Cholesky factor of the covariance of forces and energies at the points."""

    @classmethod
    def of(
        cls, fragment: Fragment, positions: Float[np.ndarray, "points all_atoms 3"], width: float, variance: float
    ) -> "_Basis":
        own = torch.as_tensor(positions[:, list(fragment.atoms)])
        points = Points.of(fragment.descriptor, own, internal_basis(own))
        matrix = cross_covariance(points, points, fragment, width)
        matrix[np.diag_indices_from(matrix)] *= 1 + _JITTER
        root = cholesky(variance * matrix, lower=True, overwrite_a=True)
        return cls(fragment, points, width, variance, root)

    def rows(self, points: Points) -> Float[np.ndarray, "functions n"]:
        """The functions at some frames."""
        values = self.variance * cross_covariance(self.points, points, self.fragment, self.width)
        return solve_triangular(self.root, values, lower=True, overwrite_b=True, check_finite=False)

    def term(self, unknowns: Float[np.ndarray, " functions"]) -> KernelTerm:
        """The kernel with these amounts of its functions."""
        weights = self.variance * solve_triangular(self.root, unknowns, lower=True, trans=1)
        n_forces = self.points.slopes.shape[-1] * len(self.points)
        kernel = expansion(self.fragment, self.points, self.width, weights, n_forces)
        return KernelTerm(self.fragment.atoms, kernel)
