"""Energies and forces that are linear in some weights, as normal equations: sums over frames, visited once.

Every fit stands on these. The weights are those of the columns of a term table (see ``columns``), of which the first
holds all that is not fitted and weighs 1; or changes of the other weights from a start. Memory does not grow with the
number of frames but for one row of energies each.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from hybridff.fitting.noise import Squares
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import DesignMatrix, fill_upper
from hybridff.gaff.terms import TermTable
from hybridff.progress import Progress, silent

_BLOCK_BYTES = 1 << 27


@dataclass(frozen=True, eq=False)
class QuadraticForm:
    """|targets - columns·weights|² as a quadratic form in the weights."""

    matrix: Float[np.ndarray, "n n"]
    """Products of the columns with each other."""
    vector: Float[np.ndarray, " n"]
    """Products of the columns with the targets."""
    constant: float
    """Square of the targets."""

    def value(self, weights: Float[np.ndarray, " n"]) -> float:
        """The sum of squares at some weights; what rounding makes of zero may be below it."""
        return float(weights @ self.matrix @ weights - 2 * self.vector @ weights + self.constant)

    def half_gradient(self, weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Half its derivative with respect to the weights."""
        return self.matrix @ weights - self.vector

    def scaled(self, factor: float) -> "QuadraticForm":
        """The sum of squares times a factor."""
        return QuadraticForm(factor * self.matrix, factor * self.vector, factor * self.constant)

    def from_start(self, start: Float[np.ndarray, " n"]) -> "QuadraticForm":
        """The same as a function of changes of all weights but the first, which stays at its start.

        In the memory of this form's matrix, which is lost.
        """
        image = self.matrix @ start
        constant = float(self.constant - 2 * self.vector @ start + start @ image)
        return QuadraticForm(_without_first(self.matrix), (self.vector - image)[1:], max(constant, 0.0))

    def subset(self, kept: Bool[np.ndarray, " n"]) -> "QuadraticForm":
        """The same as a function of some weights; the others are zero."""
        matrix = np.ascontiguousarray(self.matrix[np.ix_(kept, kept)])
        return QuadraticForm(matrix, self.vector[kept], self.constant)

    def __add__(self, other: "QuadraticForm") -> "QuadraticForm":
        return QuadraticForm(self.matrix + other.matrix, self.vector + other.vector, self.constant + other.constant)


@dataclass(frozen=True, eq=False)
class EnergyRows:
    """Energies that are linear in some weights, one by one, and what they should be."""

    rows: Float[np.ndarray, "n energies"]
    """What a unit of each weight adds to each energy [kJ/mol]."""
    targets: Float[np.ndarray, " energies"]
    """What the energies should be [kJ/mol]."""
    roots: Float[np.ndarray, " energies"] | None = None
    """Square roots of weights that the residuals are still to be multiplied by; None where they count alike."""

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def quadratic(self) -> QuadraticForm:
        """The sum of the squared residuals as a quadratic form in the weights."""
        return QuadraticForm(self.rows @ self.rows.T, self.rows @ self.targets, float(self.targets @ self.targets))

    def square(self, weights: Float[np.ndarray, " n"]) -> float:
        """The sum of the squared residuals at some weights, from the residuals themselves [(kJ/mol)²]."""
        return float(((self.targets - weights @ self.rows) ** 2).sum())

    def from_start(self, start: Float[np.ndarray, " n"]) -> "EnergyRows":
        """The same as functions of changes of all weights but the first, which stays at its start."""
        return EnergyRows(self.rows[1:], self.targets - start @ self.rows, self.roots)

    def centred(self) -> tuple["EnergyRows", Float[np.ndarray, " n"]]:
        """The same less their weighted mean, times the roots of the weights; and the mean of the rows."""
        if self.roots is None:
            mean = self.rows.mean(1)
            return EnergyRows(self.rows - mean[:, None], self.targets - self.targets.mean()), mean
        mean = np.average(self.rows, axis=1, weights=self.roots**2)
        rows, targets = self.rows - mean[:, None], self.targets - np.average(self.targets, weights=self.roots**2)
        return EnergyRows(rows * self.roots, targets * self.roots), mean

    def in_units_of(self, deviation: float) -> "EnergyRows":
        """The same in units of a standard deviation [kJ/mol]."""
        return EnergyRows(self.rows / deviation, self.targets / deviation)

    def subset(self, kept: Bool[np.ndarray, " n"]) -> "EnergyRows":
        """The same as functions of some weights; the others are zero."""
        return EnergyRows(self.rows[kept], self.targets)

    def __add__(self, other: "EnergyRows") -> "EnergyRows":
        return EnergyRows(np.hstack([self.rows, other.rows]), np.concatenate([self.targets, other.targets]))


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Residuals of forces and energies as functions of some weights: the one form in which fits know their data.

    Force components are summed up, energies are kept one by one: a fit may have fewer of them than weights.
    """

    force: QuadraticForm
    """Squared residuals of all force components [(kJ/mol/nm)²]."""
    n_forces: int
    """Number of force components."""
    energy: EnergyRows
    """Energies of all frames; once centred, less their mean over the frames of each molecule."""
    means: tuple[Float[np.ndarray, " _"], ...] = ()
    """Means of the energy rows of each molecule, taken off when they were centred."""

    def centred(self) -> "NormalEquations":
        """With energies of one molecule less their mean over its frames, as reference energies have any zero."""
        energy, mean = self.energy.centred()
        return replace(self, energy=energy, means=(mean,))

    def from_start(self, start: Float[np.ndarray, " n"]) -> "NormalEquations":
        """As functions of changes of all weights but the first, which stays at its start; these equations are lost."""
        assert not self.means, "centred equations have lost the means at the start"
        return replace(self, force=self.force.from_start(start), energy=self.energy.from_start(start))

    def force_square(self, weights: Float[np.ndarray, " n"]) -> float:
        """Sum of the squared residuals of the forces [(kJ/mol/nm)²]."""
        return max(self.force.value(weights), 0.0)

    def squares(self, weights: Float[np.ndarray, " n"]) -> Squares:
        """Sums of the squared residuals."""
        return Squares(self.energy.square(weights), self.force_square(weights))

    def subset(self, kept: Bool[np.ndarray, " n"]) -> "NormalEquations":
        """As functions of some of the weights; the others are zero."""
        return replace(
            self,
            force=self.force.subset(kept),
            energy=self.energy.subset(kept),
            means=tuple(mean[kept] for mean in self.means),
        )

    def transformed(self, root: sparse.csr_array) -> "NormalEquations":
        """As functions of other weights, which the root of a covariance makes these of; means stay those of these."""
        matrix = (root.T @ (root.T @ self.force.matrix).T).T
        force = QuadraticForm(np.ascontiguousarray(matrix), root.T @ self.force.vector, self.force.constant)
        return replace(self, force=force, energy=replace(self.energy, rows=root.T @ self.energy.rows))

    def forces_alone(self, weight: float) -> "NormalEquations":
        """Without the energies, and with the squared forces weighted."""
        none = EnergyRows(self.energy.rows[:, :0], self.energy.targets[:0])
        return replace(self, force=self.force.scaled(weight), energy=none, means=())

    def __add__(self, other: "NormalEquations") -> "NormalEquations":
        return NormalEquations(
            self.force + other.force,
            self.n_forces + other.n_forces,
            self.energy + other.energy,
            (*self.means, *other.means),
        )


def normal_equations(
    table: TermTable,
    n_columns: int,
    values: Float[np.ndarray, " parameters"],
    frames: Frames,
    progress: Progress = silent,
) -> NormalEquations:
    """The sums over one molecule's frames, as functions of the weights of ``table``'s columns; energies as they are.

    ``values`` serve the parameters of features, as they do in ``columns``. Forces are times the roots of the frames'
    weights, energies will be once they are centred.
    """
    assert frames.forces is not None
    roots = frames.roots_of_weights
    forces = frames.forces if roots is None else frames.forces * roots[:, None, None]
    design = DesignMatrix.of(table, n_columns, values)
    matrix, vector = np.zeros((n_columns, n_columns)), np.zeros(n_columns)
    rows = np.empty((n_columns, len(frames)))
    size = design.frames_of(_BLOCK_BYTES)
    for first in range(0, len(frames), size):
        block = slice(first, min(first + size, len(frames)))
        found = design.at(frames.positions[block])
        if roots is not None:
            found.forces[:] *= roots[block]
        found.add_force_products(forces[block], matrix, vector)
        rows[:, block] = found.energy
        progress(block.stop / len(frames))
    fill_upper(matrix)
    force_sums = QuadraticForm(matrix, vector, float((forces**2).sum()))
    energies = EnergyRows(rows, frames.energies, roots)
    return NormalEquations(force_sums, frames.positions.size, energies)


def _without_first(matrix: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n_less_one n_less_one"]:
    """A matrix without its first row and column, written over it."""
    n = len(matrix) - 1
    numbers = matrix.reshape(-1)
    for i in range(n):
        numbers[i * n : (i + 1) * n] = matrix[i + 1, 1:]
    return numbers[: n * n].reshape(n, n)
