"""Kernels on few points, trained on many frames.

The subset of regressors (C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), section
8.3.1): the kernel's functions at chosen geometries are columns of a least-squares problem with the kernel's own
covariance as prior. With every frame a point it is the full Gaussian process. Frames are visited once.
"""

import itertools
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
from hybridff.corrections.posterior import Priors, cross_covariance, expansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

_JITTER = 1e-10
"""Share of the diagonal, added to a covariance so that it has a factor: more than rounding does to 7000 functions."""


def farthest(
    fragment: Fragment, positions: Float[Tensor, "frames all_atoms 3"], width: float, wanted: int
) -> Int[np.ndarray, " chosen"]:
    """Numbers of at most so many geometries, each the one of largest posterior variance given those before.

    That is a pivoted Cholesky decomposition of the covariance of energies. The first geometry is the first one; there
    are fewer where the rest are all but the same as those chosen. ``width`` is the length scale [1/nm].
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
    """Forces and energies of some frames, and what may explain them."""

    values: Float[Tensor, " n"]
    """Forces in a basis [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    """Number of forces among the values."""
    points: list[Points]
    """The frames as each kernel sees them."""
    others: Float[Tensor, "others n"]
    """Change of the values by other unknowns, each moved by its prior deviation."""
    pseudo_deviations: Float[np.ndarray, " pseudo_frames"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the last energies, those of pseudo-frames, over that of the noise of forces [nm]."""
    force_scale: float = 1.0
    """Deviation of the forces, over that of the noise of forces."""


class SparseProblem:
    """Normal equations of some kernels and of other unknowns, for any amplitudes and noise.

    They change in place, as they may be too large for a copy.
    """

    def __init__(self, bases: Sequence["_Basis"], n_others: int) -> None:
        self._bases, self._n_others = bases, n_others
        self._matrix = bases[0].root.new_zeros(*[n_others + sum(len(basis.root) for basis in bases)] * 2)
        self._vector = self._matrix.new_zeros(len(self._matrix))
        self._rows, self._energies = self._matrix.new_zeros(len(self._matrix), 0), self._vector[:0]
        self._pseudo_deviations = np.zeros(0)

    @classmethod
    def of(
        cls,
        blocks: Iterable[Block],
        fragments: Sequence[Fragment],
        centres: Sequence[Float[Tensor, "points all_atoms 3"]],
        priors: Priors,
    ) -> "SparseProblem":
        """Equations of some frames, of kernels that have their points at the ``centres`` [nm].

        Of the ``priors`` length scales count, and amplitudes for rounding. Raises ``InputError`` where two points of a
        kernel are too much alike.
        """
        bases = [
            _Basis.of(fragment, positions, prior.width, prior.variance)
            for fragment, prior, positions in zip(fragments, priors.kernels, centres, strict=True)
        ]
        blocks = iter(blocks)
        first = next(blocks)
        found = cls(bases, len(first.others))
        found.add(itertools.chain([first], blocks))
        return found

    def add(self, blocks: Iterable[Block]) -> None:
        """Add frames."""
        energy_rows, energies, pseudo = [self._rows], [self._energies], [self._pseudo_deviations]
        for block in blocks:
            own = [basis.rows(points) for basis, points in zip(self._bases, block.points, strict=True)]
            rows = torch.cat([block.others, *own])
            force_rows, forces = (part[..., : block.n_forces] / block.force_scale for part in (rows, block.values))
            add_squares(self._matrix, force_rows.T.contiguous())
            self._vector += force_rows @ forces
            energy_rows.append(rows[:, block.n_forces :])
            energies.append(block.values[block.n_forces :])
            pseudo += [np.zeros(len(energies[-1]) - len(block.pseudo_deviations)), block.pseudo_deviations]
        self._rows, self._energies = torch.cat(energy_rows, 1), torch.cat(energies)
        self._pseudo_deviations = np.concatenate(pseudo)

    def solve(
        self, priors: Priors, deviations: Float[np.ndarray, " others"] | None = None
    ) -> tuple[list[KernelTerm], Float[Tensor, " others"]]:
        """The kernels that are not switched off, and the other unknowns.

        Length scales are those of the beginning. ``deviations`` are those that the other unknowns have a priori, 1 if
        not given.

        Raises ``InputError`` where double precision cannot hold the equations.
        """
        scales = [
            math.sqrt(prior.variance / basis.variance) for prior, basis in zip(priors.kernels, self._bases, strict=True)
        ]
        given = np.ones(self._n_others) if deviations is None else deviations
        sizes = [len(basis.root) for basis in self._bases]
        scale = torch.as_tensor(np.concatenate([given, np.repeat(scales, sizes)])).to(self._vector)
        unknowns = self._unknowns(scale, priors)
        terms, first = [], self._n_others
        for basis, own, size in zip(self._bases, scales, sizes, strict=True):
            if own:
                terms.append(basis.term(own * unknowns[first : first + size]))
                first += size
        return terms, scale[: self._n_others] * unknowns[: self._n_others]

    def _unknowns(self, scale: Float[Tensor, " all"], priors: Priors) -> Float[Tensor, " used"]:
        """The unknowns whose prior deviation ``scale`` is not zero, over it."""
        used = scale.nonzero()[:, 0]
        matrix = self._matrix if len(used) == len(scale) else self._matrix[used][:, used]
        scale = scale[used]
        matrix = matrix * scale
        matrix *= scale[:, None]
        energy_deviation = priors.energy_noise / priors.force_noise
        shares = 1 / np.where(self._pseudo_deviations > 0, self._pseudo_deviations, energy_deviation)
        by_share = torch.as_tensor(shares).to(scale)
        rows = scale[:, None] * self._rows[used] * by_share
        add_squares(matrix, rows.T.contiguous())
        matrix.diagonal().add_(priors.force_noise**2)
        try:
            return solve_in_place(matrix, scale * self._vector[used] + rows @ (by_share * self._energies))
        except np.linalg.LinAlgError:
            raise InputError("the kernels' noise is too small for double precision: assume more of it.") from None

    def set_pseudo_energies(self, energies: Float[np.ndarray, " pseudo_frames"]) -> None:
        """Set the energies of the last pseudo-frames, in the order in which they came [kJ/mol]."""
        self._energies[len(self._energies) - len(energies) :] = torch.as_tensor(energies)

    def project_out(self, directions: Float[np.ndarray, "others k"]) -> None:
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
    """Length scale [1/nm]."""
    variance: float
    """Prior variance of the energy [kJ²/mol²]."""
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
