"""Validation frames, which nothing was fitted to and by which kernels are scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from hybridff.corrections.device import PROCESSOR
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import score, single_precision
from hybridff.corrections.term import KernelTerm
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.residual import Residual

_MOST = 100
"""Most validation frames that kernels predict by their covariance, or that tell what single precision does."""


@dataclass(frozen=True, eq=False)
class Validation:
    """Validation frames, and what the terms alone leave of them."""

    frames: Frames
    left: Float[np.ndarray, " n"]
    """What the force field without new kernels leaves of all forces [kJ/mol/nm], then of all energies [kJ/mol]."""
    residual: Residual
    """What the terms leave of the first of the frames."""

    @classmethod
    def of(
        cls, force_field: ForceField, frames: Frames, atoms: Sequence[int], device: torch.device = PROCESSOR
    ) -> "Validation":
        """Validation frames, which need forces, for kernels on some atoms beside the terms of a force field."""
        residual = Residual.of(force_field, frames, atoms, device)
        return cls(frames, _left(force_field, frames), residual.subset(np.arange(len(frames))[:_MOST]))

    @property
    def n_forces(self) -> int:
        """Number of force components of all frames."""
        return len(self.left) - len(self.frames)

    def deviations(self) -> tuple[float, float]:
        """Deviations of the forces and energies that the terms leave [kJ/mol/nm, kJ/mol]."""
        forces, energies = self.left[: self.n_forces], self.left[self.n_forces :]
        return float(np.sqrt((forces**2).mean())), float(np.std(energies))

    def score(self, model: ForceField, fragments: Sequence[Fragment]) -> float:
        """How much worse a model with kernels on ``fragments`` is than the terms: see ``corrections.hyperparameters``.

        Kernels that are switched off may be missing in it.
        """
        added = model.corrections[len(self.residual.force_field.corrections) :]
        kernels = {term.atoms: term.expansion for term in added if isinstance(term, KernelTerm)}
        used = [fragment for fragment in fragments if fragment.atoms in kernels]
        rounding = single_precision(list(kernels.values()), self.residual.projected().points(used))
        return score(self.left, _left(model, self.frames), self.n_forces, rounding)


def _left(model: ForceField, frames: Frames) -> Float[np.ndarray, " n"]:
    """Forces, then energies, that a model leaves."""
    assert frames.forces is not None
    energies, forces = predict(model, frames.positions)
    return np.concatenate([(frames.forces - forces).ravel(), frames.energies - energies])
