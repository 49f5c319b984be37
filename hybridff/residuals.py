"""What a force field leaves of reference data, in the directions that some atoms take part in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.analysis.errors import predict
from hybridff.anchors import Anchors
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.gram import Points, internal_basis, n_internal, projected
from hybridff.dataset import Frames
from hybridff.fit.posterior import Posterior
from hybridff.gaff.columns import columns
from hybridff.gaff.forcefield import ForceField

_OFFSET = 10.0
"""Prior deviation of the zero of energy, in units of the energies' own."""
_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True, eq=False)
class Residuals:
    """Of some frames, then of anchors."""

    positions: Float[np.ndarray, "geometries atoms 3"]
    basis: Float[Tensor, "frames coordinates freedoms"]
    """Directions that only the chosen atoms take part in, of the frames."""
    values: Float[np.ndarray, " n"]
    """Forces of the frames in the basis, then energies less a mean; then those of anchors."""
    n_forces: int
    offset: Float[np.ndarray, "n 1"]
    """What an unknown zero of energy does to them, in units of its prior deviation."""

    def points(self, fragments: Sequence[Fragment]) -> list[Points]:
        """The geometries as each kernel sees them."""
        positions = torch.as_tensor(self.positions)
        return [fragment.points(positions, self.basis) for fragment in fragments]

    def projected(
        self, energy: Float[np.ndarray, "rows geometries"], force: Float[np.ndarray, "rows geometries coordinates"]
    ) -> Float[np.ndarray, "rows n"]:
        """Energies and forces of several models, in the same order as the values."""
        own = torch.as_tensor(force[:, : len(self.basis)])
        by_force = torch.einsum("pcf,npc->npf", self.basis, own).reshape(len(energy), self.n_forces).numpy()
        return np.concatenate([by_force, energy], 1)


class Leftover:
    """What a force field leaves of all training frames, seen by some of the molecule's atoms.

    The frames need forces.
    """

    def __init__(self, force_field: ForceField, frames: Frames, atoms: Sequence[int]) -> None:
        assert frames.forces is not None
        self.force_field, self.frames = force_field, frames
        self.atoms = list(atoms)
        self.freedoms = n_internal(len(self.atoms))
        energies, forces = predict(force_field, frames.positions)
        left = frames.energies - energies
        self._energies, self._forces = left - left.mean(), frames.forces - forces
        self.scale = _OFFSET * float(np.std(frames.energies))
        """Prior deviation of the zero of energy [kJ/mol]."""

    def of(self, rows: Int[np.ndarray, " rows"], anchors: Anchors | None = None) -> Residuals:
        """Of some frames and anchors."""
        positions = torch.as_tensor(self.frames.positions[rows])
        anchors = anchors or Anchors.at(np.zeros((0, *positions.shape[1:])), 0.0)
        inner = internal_basis(positions[:, self.atoms])
        coordinates = [3 * atom + axis for atom in self.atoms for axis in range(3)]
        basis = torch.zeros(len(rows), 3 * positions.shape[1], inner.shape[-1], dtype=torch.float64)
        basis[:, coordinates] = inner
        by_force = projected(torch.as_tensor(self._forces[rows]), basis).reshape(-1).numpy()
        values = np.concatenate([by_force, self._energies[rows], anchors.energies])
        offset = np.zeros((len(values), 1))
        offset[len(by_force) :] = self.scale
        everything = np.concatenate([positions.numpy(), anchors.positions])
        return Residuals(everything, basis, values, len(by_force), offset)

    def posterior_rows(
        self, posterior: Posterior, rows: Int[np.ndarray, " rows"], anchors: Anchors | None = None
    ) -> Float[np.ndarray, "coefficients n"]:
        """What the coefficients do to some frames and anchors, by the deviations that a fit has left them."""
        n = len(self.force_field.parameter_table)
        step = max(1, _BLOCK_BYTES // (16 * n * self.frames.positions[0].size))
        parts = [self.of(rows[first : first + step]) for first in range(0, len(rows), step)]
        if anchors:
            parts.append(self.of(rows[:0], anchors))
        force, energy = [], []
        for data in parts:
            values = self.force_field.parameter_table.values
            found = columns(self.force_field.table, n, values, data.positions)
            own = posterior.spread @ data.projected(found.energy[posterior.fitted], found.force[posterior.fitted])
            force.append(own[:, : data.n_forces])
            energy.append(own[:, data.n_forces :])
        return np.concatenate([*force, *energy], 1)
