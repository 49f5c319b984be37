"""What the terms' coefficients do to forces and energies, kept as columns of the terms beside what their fit has left.

A force touches few atoms: for aspirin beside class II this takes a third of the memory of the product of both, and of
the time that it takes to read it. Numbers stand in single precision, of which sums are made in double precision: that
is another prior, as good and consistent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float
from numba import njit, prange
from torch import Tensor

from hybridff.fitting.posterior import Posterior
from hybridff.gaff.design_matrix import Columns, DesignMatrix, Places, fill_upper
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual

_BLOCK_BYTES = 1 << 27
"""Memory of the columns of a block of frames."""
_ROWS = 1024
"""Rows of the posterior's spread that are multiplied at once."""
_TINY = float(np.finfo(np.float32).tiny)
_CHUNK = 2048
"""Entries of a sum of rows that stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class CoefficientFactor:
    """The deviations that a fit has left its coefficients, as a factor of the covariance of forces and energies."""

    basis: Float[Tensor, "frames coordinates directions"]
    """The directions that forces are taken in, of each frame."""
    places: Places
    """Where the force of each coefficient acts."""
    forces: Float[np.ndarray, "places 3 frames"]
    """Forces of each coefficient."""
    energies: Float[np.ndarray, "coefficients geometries"]
    """Energies of each coefficient at frames, then at pseudo-frames, above their mean in the fit."""
    spread: Float[np.ndarray, "rank coefficients"]
    """Deviations that the fit has left the coefficients, as in ``Posterior``."""

    @classmethod
    def of(cls, residual: Residual, posterior: Posterior, pseudo_frames: PseudoFrames) -> "CoefficientFactor":
        """The factor of the values of ``residual.projected(pseudo_frames)``."""
        force_field, positions = residual.force_field, residual.positions
        design = _design(force_field)
        number = np.full(design.n_columns, -1)
        number[posterior.fitted] = np.arange(len(posterior.fitted))
        known = np.isin(design.places.columns, posterior.fitted)
        before = np.concatenate([[0], np.cumsum(known)])
        first = np.full(positions.shape[1] + 1, before[-1])
        first[: len(design.places.first)] = before[design.places.first]
        places = Places(number[design.places.columns[known]], first)
        forces = np.empty((len(places.columns), 3, len(positions)), dtype=np.float32)
        energies = np.empty((len(posterior.fitted), len(positions)), dtype=np.float32)
        step = design.frames_of(_BLOCK_BYTES)
        for start in range(0, len(positions), step):
            part = slice(start, start + step)
            found = design.at(positions[part])
            forces[..., part] = _single(found.forces[known])
            energies[:, part] = _single(found.energy[posterior.fitted] - posterior.mean_energies[:, None])
        made = cls(residual.projected().basis, places, forces, energies, _single(posterior.spread))
        return made.with_pseudo_frames(force_field, posterior, pseudo_frames)

    def with_pseudo_frames(
        self, force_field: ForceField, posterior: Posterior, pseudo_frames: PseudoFrames
    ) -> "CoefficientFactor":
        """The same with other pseudo-frames."""
        more = _design(force_field).at(pseudo_frames.positions).energy[posterior.fitted]
        more -= posterior.mean_energies[:, None]
        energies = np.hstack([self.energies[:, : self._n_frames], _single(more)])
        return replace(self, energies=energies)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of values and of independent moves of the coefficients."""
        return self._n_forces + self.energies.shape[1], len(self.spread)

    def times(self, unknowns: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
        """The values that some moves make, in units of the deviations that the fit has left."""
        weights = np.zeros(self.spread.shape[1])
        _add_rows(self.spread, unknowns.numpy(), weights)
        forces = np.zeros((self.places.n_atoms, 3 * self._n_frames))
        energies = np.zeros(self.energies.shape[1])
        _add_rows(self.energies, weights, energies)
        for atom, rows, columns in self._atoms():
            _add_rows(rows, weights[columns], forces[atom])
        by_frame = torch.from_numpy(forces).reshape(-1, self._n_frames)
        projected = torch.einsum("pcf,cp->pf", self.basis, by_frame).reshape(-1)
        return torch.cat([projected, torch.from_numpy(energies)])

    def along(self, values: Float[Tensor, " n"]) -> Float[Tensor, " k"]:
        """The product of the transpose with some values."""
        forces = self._on_atoms(values[:, None])[..., 0].numpy()
        weights = _dots(self.energies, values[self._n_forces :].contiguous().numpy())
        for atom, rows, columns in self._atoms():
            weights[columns] += _dots(rows, np.ascontiguousarray(forces[:, atom].T).ravel())
        return torch.from_numpy(_dots(self.spread, weights))

    def products(self, columns: Float[Tensor, "n m"]) -> Float[Tensor, "k m"]:
        """The product of the transpose with several columns."""
        sums = self._of_frames.force_sums(self._on_atoms(columns).numpy())
        sums += self.energies @ columns[self._n_forces :].numpy()
        found = [rows.double() @ torch.from_numpy(sums) for rows in torch.from_numpy(self.spread).split(_ROWS)]
        return torch.cat(found)

    def add_squares(self, matrix: Float[Tensor, "k k"], noise: Float[Tensor, " n"]) -> None:
        """Add the products of all columns, over variances of noise, to the lower half of a matrix.

        As if all directions of the forces were looked at, which are all that there are of whole molecules.
        """
        found = np.zeros((self.spread.shape[1],) * 2)
        frames = np.zeros((self._n_frames, self.places.n_atoms, 3))
        self._of_frames.add_force_products(frames, found, np.zeros(len(found)))
        found /= float(noise[0])
        fill_upper(found)
        energies = torch.from_numpy(self.energies) / noise[self._n_forces :].sqrt()
        whole, spread = torch.from_numpy(found).addmm_(energies, energies.T), torch.from_numpy(self.spread)
        for first in range(0, len(spread), _ROWS):
            rows = spread[first : first + _ROWS].double() @ whole
            for start in range(0, first + len(rows), _ROWS):
                block = matrix[first : first + len(rows), start : start + _ROWS]
                block.addmm_(rows, spread[start : start + _ROWS].T.double())

    def arrays(self) -> Sequence[Tensor]:
        """All that it is made from."""
        return [self.basis, *(torch.from_numpy(own) for own in (self.forces, self.energies, self.spread))]

    @property
    def _n_frames(self) -> int:
        return len(self.basis)

    @property
    def _n_forces(self) -> int:
        return self._n_frames * self.basis.shape[2]

    @property
    def _of_frames(self) -> Columns:
        return Columns(self.energies[:, : self._n_frames], self.places, self.forces)

    def _atoms(self) -> list[tuple[int, Float[np.ndarray, "places n"], np.ndarray]]:
        """Each atom, the forces on it and their coefficients."""
        parts = [(atom, self.places.of_atom(atom)) for atom in range(self.places.n_atoms)]
        return [
            (atom, self.forces[own].reshape(-1, 3 * self._n_frames), self.places.columns[own]) for atom, own in parts
        ]

    def _on_atoms(self, values: Float[Tensor, "n m"]) -> Float[Tensor, "frames atoms 3 m"]:
        """Values of forces as those on the atoms, column by column."""
        forces = values[: self._n_forces].reshape(self._n_frames, -1, values.shape[1])
        return (self.basis @ forces).reshape(self._n_frames, -1, 3, values.shape[1])


def _design(force_field: ForceField) -> DesignMatrix:
    table = force_field.parameter_table
    return DesignMatrix.of(force_field.table, len(table), table.values)


def _single(numbers: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The same in single precision, without numbers that are too small for all of its digits, which take much time."""
    found = numbers.astype(np.float32, order="C")
    found[np.abs(found) < _TINY] = 0
    return found


@njit(cache=True, parallel=True, fastmath=True)
@no_type_check
def _dots(rows, vector):
    """The product of each row with a vector."""
    found = np.empty(len(rows))
    for i in prange(len(rows)):
        total = 0.0
        for k in range(len(vector)):
            total += rows[i, k] * vector[k]
        found[i] = total
    return found


@njit(cache=True, parallel=True, fastmath=True)
@no_type_check
def _add_rows(rows, weights, total):
    """Add a sum of weighted rows, by chunks of a few entries and four rows at a time."""
    n, m = rows.shape[1], len(rows)
    for chunk in prange(-(-n // _CHUNK)):
        begin, end = chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)
        for i in range(0, m - m % 4, 4):
            for k in range(begin, end):
                total[k] += (
                    weights[i] * rows[i, k]
                    + weights[i + 1] * rows[i + 1, k]
                    + weights[i + 2] * rows[i + 2, k]
                    + weights[i + 3] * rows[i + 3, k]
                )
        for i in range(m - m % 4, m):
            for k in range(begin, end):
                total[k] += weights[i] * rows[i, k]
