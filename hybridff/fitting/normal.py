"""Normal equations of forces and energies that are linear in the fitted coefficients, streamed by frames.

Everything is in *moves*: changes of the coefficients from the start in units of their prior widths. Memory does not
grow with the number of frames but for one row of energies each.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import TermTable

_BLOCK_BYTES = 1 << 27


@dataclass(frozen=True, eq=False)
class Normal:
    """|reference - start - columns·moves|² for forces, and the columns of the energies themselves."""

    matrix: Float[np.ndarray, "n n"]
    vector: Float[np.ndarray, " n"]
    square: float
    n_forces: int
    rows: Float[np.ndarray, "n frames"]
    """Energy columns, less their mean over each molecule's frames."""
    residuals: Float[np.ndarray, " frames"]
    """Reference less start energies, less their mean over each molecule's frames."""
    n_molecules: int
    means: tuple[Float[np.ndarray, " n"], ...]
    """Mean of the energy columns over the frames of each molecule."""

    def force_square(self, moves: Float[np.ndarray, " n"]) -> float:
        """Sum of the squared residuals of the forces after some moves."""
        return max(float(moves @ self.matrix @ moves - 2 * self.vector @ moves + self.square), 0.0)

    def energy_square(self, moves: Float[np.ndarray, " n"]) -> float:
        """The same of the energies."""
        return float(((self.residuals - moves @ self.rows) ** 2).sum())

    def subset(self, kept: Bool[np.ndarray, " n"]) -> "Normal":
        """Only some of the moves; the others are zero."""
        return replace(
            self,
            matrix=np.ascontiguousarray(self.matrix[np.ix_(kept, kept)]),
            vector=self.vector[kept],
            rows=self.rows[kept],
            means=tuple(mean[kept] for mean in self.means),
        )

    def forces_alone(self, weight: float) -> "Normal":
        """Without the energies, and with the squared forces weighted."""
        return replace(
            self,
            matrix=weight * self.matrix,
            vector=weight * self.vector,
            square=weight * self.square,
            rows=self.rows[:, :0],
            residuals=self.residuals[:0],
            n_molecules=0,
            means=(),
        )

    def __add__(self, other: "Normal") -> "Normal":
        return Normal(
            self.matrix + other.matrix,
            self.vector + other.vector,
            self.square + other.square,
            self.n_forces + other.n_forces,
            np.concatenate([self.rows, other.rows], 1),
            np.concatenate([self.residuals, other.residuals]),
            self.n_molecules + other.n_molecules,
            (*self.means, *other.means),
        )


def normal_equations(
    force_field: ForceField,
    frames: Frames,
    common: Parameters,
    position: Int[np.ndarray, " parameters"],
    fitted: Int[np.ndarray, " n"],
    progress: Callable[[int], None],
) -> Normal:
    """The sums over one molecule's frames.

    ``position`` says where each of its parameters stands in ``common``, ``fitted`` which of the common ones move.
    """
    assert frames.forces is not None
    values = force_field.parameter_table.values
    table = move_columns(force_field.table, common, position, fitted)
    n = len(fitted) + 1
    matrix, vector = np.zeros((n, n)), np.zeros(n)
    rows = np.empty((n, len(frames)))
    block = max(1, _BLOCK_BYTES // (8 * n * frames.positions[0].size))
    for first in range(0, len(frames), block):
        part = slice(first, first + block)
        found = columns(table, n, values, frames.positions[part])
        force = found.force.reshape(n, -1)
        matrix += force @ force.T
        vector += force @ frames.forces[part].ravel()
        rows[:, part] = found.energy
        progress(found.energy.shape[1])
    start = np.concatenate([[1.0], common.values[fitted] / common.prior_widths[fitted]])
    image = matrix @ start
    square = float((frames.forces**2).sum() - 2 * vector @ start + start @ image)
    residuals = frames.energies - start @ rows
    means = rows[1:].mean(1)
    return Normal(
        matrix[1:, 1:].copy(),
        (vector - image)[1:],
        max(square, 0.0),
        frames.positions.size,
        rows[1:] - means[:, None],
        residuals - residuals.mean(),
        1,
        (means,),
    )


def move_columns(
    table: TermTable, common: Parameters, position: Int[np.ndarray, " parameters"], fitted: Int[np.ndarray, " n"]
) -> TermTable:
    """The table with columns as coefficients: column 0 holds what is not fitted, 1, 2, … belong to ``fitted``."""
    column = np.zeros(len(common), dtype=np.int64)
    column[fitted] = 1 + np.arange(len(fitted))
    owner = position[table.coefficients]
    factors = np.where(column[owner] > 0, common.prior_widths[owner], common.values[owner])
    return replace(table, coefficients=column[owner], multipliers=table.multipliers * factors)
