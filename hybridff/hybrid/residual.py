"""What a force field leaves of reference data, in the directions that some atoms take part in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points, internal_basis, n_internal, projected
from hybridff.corrections.device import PROCESSOR
from hybridff.corrections.fragment import Fragment
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import Anchors

_OFFSET = 10.0
"""Prior deviation of the zero of energy, in units of the energies' own."""
_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True, eq=False)
class Residuals:
    """Of some frames, then of anchors."""

    positions: Float[Tensor, "geometries atoms 3"]
    basis: Float[Tensor, "frames coordinates freedoms"]
    """Directions that only the chosen atoms take part in, of the frames."""
    values: Float[Tensor, " n"]
    """Forces of the frames in the basis, then energies less a mean; then those of anchors."""
    n_forces: int
    offset: Float[Tensor, "n 1"]
    """What an unknown zero of energy does to them, in units of its prior deviation."""

    def points(self, fragments: Sequence[Fragment]) -> list[Points]:
        """The geometries as each kernel sees them."""
        return [fragment.points(self.positions, self.basis) for fragment in fragments]

    def projected(
        self, energy: Float[np.ndarray, "rows geometries"], force: Float[np.ndarray, "rows geometries coordinates"]
    ) -> Float[Tensor, "rows n"]:
        """Energies and forces of several models, in the same order as the values."""
        own = torch.as_tensor(force[:, : len(self.basis)]).to(self.basis)
        by_force = torch.einsum("pcf,npc->npf", self.basis, own).reshape(len(energy), self.n_forces)
        return torch.cat([by_force, torch.as_tensor(energy).to(self.basis)], 1)


class Leftover:
    """What a force field leaves of all training frames, seen by some of the molecule's atoms.

    The frames need forces. What is asked of it is computed on the ``device`` and stays there.
    """

    def __init__(
        self, force_field: ForceField, frames: Frames, atoms: Sequence[int], device: torch.device = PROCESSOR
    ) -> None:
        assert frames.forces is not None
        self.force_field, self.frames, self.device = force_field, frames, device
        self.atoms = list(atoms)
        self.freedoms = n_internal(len(self.atoms))
        energies, forces = predict(force_field, frames.positions)
        left = frames.energies - energies
        self._energies, self._forces = left - left.mean(), frames.forces - forces
        self.scale = _OFFSET * float(np.std(frames.energies))
        """Prior deviation of the zero of energy [kJ/mol]."""

    def of(self, rows: Int[np.ndarray, " rows"], anchors: Anchors | None = None) -> Residuals:
        """Of some frames and anchors."""
        positions = self.positions_of(rows)
        anchors = anchors or Anchors.at(np.zeros((0, *positions.shape[1:])), 0.0)
        inner = internal_basis(positions[:, self.atoms])
        coordinates = [3 * atom + axis for atom in self.atoms for axis in range(3)]
        basis = inner.new_zeros(len(rows), 3 * positions.shape[1], inner.shape[-1])
        basis[:, coordinates] = inner
        by_force = projected(self._there(self._forces[rows]), basis).reshape(-1)
        energies = self._there(np.concatenate([self._energies[rows], anchors.energies]))
        values = torch.cat([by_force, energies])
        offset = values.new_zeros(len(values), 1)
        offset[len(by_force) :] = self.scale
        everything = torch.cat([positions, self._there(anchors.positions)])
        return Residuals(everything, basis, values, len(by_force), offset)

    def positions_of(self, rows: Int[np.ndarray, " rows"]) -> Float[Tensor, "rows atoms 3"]:
        """Of some frames [nm]."""
        return self._there(self.frames.positions[rows])

    def posterior_rows(
        self, posterior: Posterior, rows: Int[np.ndarray, " rows"], anchors: Anchors | None = None
    ) -> Float[Tensor, "coefficients n"]:
        """What the coefficients do to some frames and anchors, by the deviations that a fit has left them."""
        n = len(self.force_field.parameter_table)
        step = max(1, _BLOCK_BYTES // (16 * n * self.frames.positions[0].size))
        parts = [self.of(rows[first : first + step]) for first in range(0, len(rows), step)]
        if anchors:
            parts.append(self.of(rows[:0], anchors))
        force, energy = [], []
        spread = self._there(posterior.spread)
        for data in parts:
            values = self.force_field.parameter_table.values
            found = columns(self.force_field.table, n, values, data.positions.numpy(force=True))
            own = spread @ data.projected(found.energy[posterior.fitted], found.force[posterior.fitted])
            force.append(own[:, : data.n_forces])
            energy.append(own[:, data.n_forces :])
        return torch.cat([*force, *energy], 1)

    def _there(self, values: Float[np.ndarray, "*shape"]) -> Float[Tensor, "*shape"]:
        return torch.as_tensor(values).to(self.device)
