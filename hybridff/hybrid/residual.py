"""What a force field leaves of reference data, in the directions that some atoms take part in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from hybridff.hybrid.pseudo_frames import PseudoFrames

_OFFSET = 10.0
"""Prior deviation of the zero of energy, in units of the deviation of the reference energies."""
_BLOCK_BYTES = 1 << 28
"""Memory that the columns of a block of frames may take."""


@dataclass(frozen=True, eq=False)
class ProjectedResidual:
    """Forces and energies that kernels are to explain: those of frames, then energies of pseudo-frames."""

    positions: Float[Tensor, "geometries atoms 3"]
    """Positions of the frames, then of the pseudo-frames [nm]."""
    basis: Float[Tensor, "frames coordinates directions"]
    """Orthonormal directions of each frame that only the chosen atoms take part in."""
    values: Float[Tensor, " n"]
    """Forces of the frames in the basis [kJ/mol/nm], then energies of the frames, less a mean, and of the pseudo-frames
    [kJ/mol]."""
    n_forces: int
    """Number of the values that are forces."""
    offset: Float[Tensor, "n 1"]
    """What the unknown zero of energy adds to the values for each unit of its prior deviation."""

    def points(self, fragments: Sequence[Fragment]) -> list[Points]:
        """The geometries as each kernel sees them."""
        return [fragment.points(self.positions, self.basis) for fragment in fragments]

    def in_basis(
        self, energy: Float[np.ndarray, "rows geometries"], force: Float[np.ndarray, "rows geometries coordinates"]
    ) -> Float[Tensor, "rows n"]:
        """Energies [kJ/mol] and forces [kJ/mol/nm] of several models, in the order of the values."""
        own = torch.as_tensor(force[:, : len(self.basis)]).to(self.basis)
        by_force = torch.einsum("pcf,npc->npf", self.basis, own).reshape(len(energy), self.n_forces)
        return torch.cat([by_force, torch.as_tensor(energy).to(self.basis)], 1)


@dataclass(frozen=True, eq=False)
class Residual:
    """What a force field leaves of some frames, as kernels on some of the molecule's atoms see it.

    What is computed from it is computed on the ``device`` and stays there.
    """

    force_field: ForceField
    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions of the frames [nm]."""
    energies: Float[np.ndarray, " frames"]
    """Reference minus model energies, less their mean over all frames [kJ/mol]."""
    forces: Float[np.ndarray, "frames atoms 3"]
    """Reference minus model forces [kJ/mol/nm]."""
    energy_scale: float
    """Prior deviation of the zero of energy [kJ/mol]."""
    atoms: tuple[int, ...]
    """Atoms of all kernels, counted from 0."""
    device: torch.device
    chosen: Float[np.ndarray, "frames all some"] | None = None
    """Orthonormal directions of each frame, among those that are neither shift nor turn, that are looked at; None for
    all."""

    @classmethod
    def of(
        cls, force_field: ForceField, frames: Frames, atoms: Sequence[int], device: torch.device = PROCESSOR
    ) -> "Residual":
        """What the force field leaves of frames with forces."""
        assert frames.forces is not None
        energies, forces = predict(force_field, frames.positions)
        left = frames.energies - energies
        scale = _OFFSET * float(np.std(frames.energies))
        return cls(
            force_field,
            frames.positions,
            left - left.mean(),
            frames.forces - forces,
            scale,
            tuple(atoms),
            device,
        )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def n_directions(self) -> int:
        """Number of directions of a frame that are neither shift nor turn of the atoms."""
        return n_internal(len(self.atoms)) if self.chosen is None else self.chosen.shape[2]

    @property
    def n_values(self) -> int:
        """Number of forces and energies that kernels are trained on."""
        return len(self) * (self.n_directions + 1)

    def subset(self, rows: Int[np.ndarray, " rows"]) -> "Residual":
        """Some of the frames, in the order of the rows."""
        return replace(
            self,
            positions=self.positions[rows],
            energies=self.energies[rows],
            forces=self.forces[rows],
            chosen=None if self.chosen is None else self.chosen[rows],
        )

    def with_directions(self, n: int, seed: int = 0) -> "Residual":
        """With so many random directions of the forces of each frame."""
        random = np.random.default_rng(seed).normal(size=(len(self), n_internal(len(self.atoms)), n))
        return replace(self, chosen=np.linalg.qr(random)[0])

    def on_device(self, values: Float[np.ndarray, "*shape"]) -> Float[Tensor, "*shape"]:
        """An array as a tensor on the device."""
        return torch.as_tensor(values).to(self.device)

    def projected(self, pseudo_frames: PseudoFrames | None = None) -> ProjectedResidual:
        """Forces and energies in the basis of each frame, then the energies of pseudo-frames."""
        n_atoms = self.positions.shape[1]
        others = pseudo_frames or PseudoFrames.none(n_atoms)
        positions = self.on_device(self.positions)
        inner = internal_basis(positions[:, list(self.atoms)])
        if self.chosen is not None:
            inner = inner @ self.on_device(self.chosen)
        coordinates = [3 * atom + axis for atom in self.atoms for axis in range(3)]
        basis = inner.new_zeros(len(self), 3 * n_atoms, inner.shape[-1])
        basis[:, coordinates] = inner
        by_force = projected(self.on_device(self.forces), basis).reshape(-1)
        values = torch.cat([by_force, self.on_device(np.concatenate([self.energies, others.energies]))])
        offset = values.new_zeros(len(values), 1)
        offset[len(by_force) :] = self.energy_scale
        everything = torch.cat([positions, self.on_device(others.positions)])
        return ProjectedResidual(everything, basis, values, len(by_force), offset)

    def coefficient_rows(
        self,
        posterior: Posterior | None,
        pseudo_frames: PseudoFrames | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Float[Tensor, "coefficients n"]:
        """What the terms' coefficients do to the values, each by the deviation that its fit has left it.

        Of energies, it is what they do beyond their mean over the frames of that fit; the zero of energy is unknown
        anyway. Without a posterior there are no coefficients that may move.
        """
        others = pseudo_frames or PseudoFrames.none(self.positions.shape[1])
        n_moves = 0 if posterior is None else len(posterior.spread)
        rows = torch.zeros(n_moves, self.n_values + len(others), dtype=dtype, device=self.device)
        if posterior is None:
            return rows
        table, spread = self.force_field.parameter_table, self.on_device(posterior.spread).to(dtype)
        step = max(1, _BLOCK_BYTES // (16 * len(table) * 3 * self.positions.shape[1]))
        frames = np.arange(len(self))
        parts = [self.subset(frames[first : first + step]).projected() for first in range(0, len(self), step)]
        if others:
            parts.append(self.subset(frames[:0]).projected(others))
        force, energy = 0, self.n_directions * len(self)
        for data in parts:
            found = columns(self.force_field.table, len(table), table.values, data.positions.numpy(force=True))
            energies = found.energy[posterior.fitted] - posterior.mean_energies[:, None]
            own = spread @ data.in_basis(energies, found.force[posterior.fitted]).to(dtype)
            n_energies = own.shape[1] - data.n_forces
            rows[:, force : force + data.n_forces] = own[:, : data.n_forces]
            rows[:, energy : energy + n_energies] = own[:, data.n_forces :]
            force, energy = force + data.n_forces, energy + n_energies
        return rows
