"""The posterior of many coefficients by few data: its equations are as many as the data, not as the coefficients.

With rows B (coefficients, data) in units of the data's deviations and of coordinates whose prior is 1, and targets t,
K = 1 + BᵀB gives all of it: moves B K⁻¹ t, residuals K⁻¹ t, variances 1 - diag(B K⁻¹ Bᵀ) (C. E. Rasmussen, C. K. I.
Williams, Gaussian Processes for Machine Learning (2006), section 2.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import blas, cho_solve, cholesky, lapack, solve_triangular

from hybridff.fitting.equations import EnergyRows
from hybridff.fitting.evidence import DataCounts, noise_from
from hybridff.fitting.linear_problem import LinearProblem, conformer_rows, guessed_noise, move_columns, restraint_rows
from hybridff.fitting.noise import Noise, Squares
from hybridff.frames.accuracy import what_is_left
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import DesignMatrix
from hybridff.gaff.forcefield import ForceField

_ROUNDS = 2
"""Turns in which noise is learnt."""


@dataclass(frozen=True, eq=False)
class FewData:
    """Rows of some frames and of conformers without frames, in coordinates of the moves that restraints leave open.

    The prior of every coordinate has the deviation 1.
    """

    rows: Float[np.ndarray, "n data"]
    """What a unit of each coordinate does to forces [kJ/mol/nm], to energies [kJ/mol], then to conformers."""
    targets: Float[np.ndarray, " data"]
    """What the moves should do to them, restraints kept."""
    counts: DataCounts
    """Numbers of forces and energies among them."""
    first_noise: Noise
    """A guess from what the start leaves."""
    restrained: Int[np.ndarray, " restrained"]
    """Moves that restraints are about."""
    factor: Float[np.ndarray, "restrained restrained"]
    """Lower Cholesky factor of the precision of these under restraints and priors; others have the prior's, 1."""
    products: Float[np.ndarray, "data data"]
    """Products of the rows with each other, the lower triangle."""

    def scales(self, noise: Noise) -> Float[np.ndarray, " data"]:
        """Inverse deviations of the data."""
        found = np.ones(len(self.targets))
        found[: self.counts.forces] = 1 / noise.force
        found[self.counts.forces : self.counts.forces + self.counts.energies] = 1 / noise.energy
        return found

    def cholesky(self, noise: Noise) -> Float[np.ndarray, "data data"]:
        """Lower Cholesky factor of K."""
        scales = self.scales(noise)
        matrix = self.products * scales  # in the order of memory that LAPACK works in
        matrix *= scales[:, None]
        matrix[np.diag_indices(len(matrix))] += 1.0
        return cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)


@dataclass(frozen=True, eq=False)
class FewRows:
    """Rows of these frames and conformers in units of the moves, before any prior."""

    rows: Float[np.ndarray, "n data"]
    """What a unit of each move does to forces [kJ/mol/nm], to energies [kJ/mol], then to conformers."""
    targets: Float[np.ndarray, " data"]
    """What the moves should do to them."""
    counts: DataCounts
    """Numbers of forces and energies among them."""
    first_noise: Noise
    """A guess from what the start leaves."""
    restrained: Int[np.ndarray, " restrained"]
    """Moves that restraints are about."""
    restraints: Float[np.ndarray, "restraints restrained"]
    """What a unit of each of these does to each restraint, in units of its deviation."""
    wanted: Float[np.ndarray, " restraints"]
    """What these should do to it."""

    @cached_property
    def _free_products(self) -> Float[np.ndarray, "data data"]:
        """Products of the rows that no restraint is about with each other, the lower triangle."""
        free = np.ones(len(self.rows), dtype=bool)
        free[self.restrained] = False
        return blas.dsyrk(1.0, self.rows[free].T, lower=1)

    def with_priors(self, scale: float = 1.0) -> FewData:
        """With priors of the moves that have this deviation, and restraints beside them."""
        precision = self.restraints.T @ self.restraints + np.eye(len(self.restrained)) / scale**2
        factor = cholesky(precision, lower=True)
        own = solve_triangular(factor, self.rows[self.restrained], lower=True, check_finite=False)
        targets = self.targets - solve_triangular(factor, self.restraints.T @ self.wanted, lower=True) @ own
        products = scale**2 * self._free_products
        if len(own):
            products = blas.dsyrk(1.0, own.T, 1.0, products, lower=1, overwrite_c=1)
        rows = scale * self.rows
        rows[self.restrained] = own
        return FewData(rows, targets, self.counts, self.first_noise, self.restrained, factor, products)


def few_data(problem: LinearProblem, frames: Sequence[Frames]) -> FewRows:
    """What frames of each molecule in turn and conformers without frames say of the moves, and restraints on these."""
    by_molecule = [
        _frame_rows(problem, force_field, own, i)
        for i, ((force_field, _), own) in enumerate(zip(problem.pairs, frames, strict=True))
    ]
    forces, energies = ([found[k] for found in by_molecule] for k in (0, 1))
    conformers = conformer_rows(problem, [unseen.at_start for unseen in problem.unseen])
    parts = [*forces, *energies, conformers]
    rows, targets = np.hstack([part.rows for part in parts]), np.concatenate([part.targets for part in parts])
    restraints = restraint_rows(problem)
    about = np.unique(restraints.weights.nonzero()[1])
    n_forces, n_energies = (sum(len(part) for part in own) for own in (forces, energies))
    at_start = Squares(*(float(sum((part.targets**2).sum() for part in own)) for own in (energies, forces)))
    counts = DataCounts(n_forces, n_energies, len(energies), at_start.force)
    noise = guessed_noise(at_start, n_energies, n_forces)
    return FewRows(rows, targets, counts, noise, about, restraints.weights[:, about].toarray(), restraints.targets)


def learnt_noise(data: FewData, noise: Noise, rounds: int = _ROUNDS) -> Noise:
    """The noise of the forces that the data leave, by turns with the moves; few energies do not show theirs."""
    n_forces, n_energies = data.counts.forces, data.counts.energies
    energies = slice(n_forces, n_forces + n_energies)
    for _ in range(rounds):
        factor, scales = data.cholesky(noise), data.scales(noise)
        left = cho_solve((factor, True), scales * data.targets, check_finite=False) / scales
        inverse, _ = lapack.dtrtri(factor, lower=1)
        followed = 1 - np.einsum("ij,ij->j", inverse, inverse)
        squares = Squares(float((left[energies] ** 2).sum()), float((left[:n_forces] ** 2).sum()))
        found = noise_from(squares, data.counts, float(followed.sum()), float(followed[energies].sum()))
        noise = Noise(noise.energy, found.force)
    return noise


def variances(data: FewData, noise: Noise) -> Float[np.ndarray, " n"]:
    """Posterior variances of the moves, in units of those that they have before there are data."""
    scaled = np.asfortranarray((data.rows * data.scales(noise)).T)
    whitened = solve_triangular(data.cholesky(noise), scaled, lower=True, overwrite_b=True, check_finite=False)
    found = 1 - np.einsum("ij,ij->j", whitened, whitened)
    before, _ = lapack.dtrtri(data.factor, lower=1) if len(data.factor) else (data.factor, 0)
    after = whitened[:, data.restrained] @ before
    found[data.restrained] = np.einsum("ij,ij->j", before, before) - np.einsum("ij,ij->j", after, after)
    return found


def _frame_rows(
    problem: LinearProblem, force_field: ForceField, frames: Frames, molecule: int
) -> tuple[EnergyRows, EnergyRows]:
    """Rows of the forces and of the energies of one molecule's frames; energies less their mean."""
    frames = what_is_left(frames, force_field.corrections)
    assert frames.forces is not None
    start = problem.start_weights
    table = move_columns(force_field.table, problem, problem.positions[molecule])
    design = DesignMatrix.of(table, len(start), force_field.parameter_table.values)
    found = design.at(frames.positions)
    columns, targets, roots = found.force, frames.forces, frames.roots_of_weights
    if roots is not None:
        columns, targets = columns * roots[:, None], targets * roots[:, None, None]
    forces = EnergyRows(columns.reshape(len(start), -1), targets.ravel()).from_start(start)
    energies, _ = EnergyRows(found.energy, frames.energies, roots).from_start(start).centred()
    return replace(forces, rows=problem.of_moves(forces.rows)), replace(energies, rows=problem.of_moves(energies.rows))
