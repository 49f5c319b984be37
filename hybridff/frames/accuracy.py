"""Errors of a model against reference frames."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from hybridff.frames.dataset import Frames
from hybridff.model import EnergyModel
from hybridff.units import FORCE_KCAL, KCAL_MOL

_BLOCK = 256


@dataclass(frozen=True)
class Errors:
    """Errors over some frames. Forces component by component; energies after subtraction of ``energy_offset``."""

    n_frames: int
    """Number of frames."""
    energy_offset: float
    """Reference minus model energy [kJ/mol]."""
    energy_mae: float
    """Mean absolute error of the energies [kJ/mol]."""
    energy_rmse: float
    """Root mean square error of the energies [kJ/mol]."""
    force_mae: float | None
    """Mean absolute error of the force components [kJ/mol/nm]; None where the frames have no forces."""
    force_rmse: float | None
    """Root mean square error of the force components [kJ/mol/nm]; None where the frames have no forces."""

    def __str__(self) -> str:
        forces = "no forces"
        if self.force_mae is not None and self.force_rmse is not None:
            mae, rmse = self.force_mae / FORCE_KCAL, self.force_rmse / FORCE_KCAL
            forces = f"force components MAE {mae:.3f}, RMSE {rmse:.3f} kcal/mol/Å"
        mae, rmse = self.energy_mae / KCAL_MOL, self.energy_rmse / KCAL_MOL
        return f"{self.n_frames} frames: energy MAE {mae:.3f}, RMSE {rmse:.3f} kcal/mol; {forces}"

    def in_field_units(self) -> dict[str, float | int | None]:
        """Errors in kcal/mol and kcal/mol/Å, with the units in the keys."""
        return {
            "n_frames": self.n_frames,
            "energy_offset_kcal_mol": self.energy_offset / KCAL_MOL,
            "energy_mae_kcal_mol": self.energy_mae / KCAL_MOL,
            "energy_rmse_kcal_mol": self.energy_rmse / KCAL_MOL,
            "force_mae_kcal_mol_angstrom": None if self.force_mae is None else self.force_mae / FORCE_KCAL,
            "force_rmse_kcal_mol_angstrom": None if self.force_rmse is None else self.force_rmse / FORCE_KCAL,
        }


def predict(
    model: EnergyModel, positions: Float[np.ndarray, "frames atoms 3"]
) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, "frames atoms 3"]]:
    """Energies [kJ/mol] and forces [kJ/mol/nm] of many frames, a block at a time."""
    blocks = [model.energy_forces(torch.as_tensor(positions[i : i + _BLOCK])) for i in range(0, len(positions), _BLOCK)]
    return tuple(torch.cat(part).numpy() for part in zip(*blocks, strict=True))  # type: ignore[return-value]


def evaluate(model: EnergyModel, frames: Frames, energy_offset: float | None = None) -> Errors:
    """Errors of ``model`` on ``frames``.

    ``energy_offset`` [kJ/mol] is the model's own, from its fit; None takes the mean difference over these frames.
    """
    return errors_of(*predict(model, frames.positions), frames, energy_offset)


def what_is_left(frames: Frames, models: Sequence[EnergyModel]) -> Frames:
    """Frames with what some models, taken together, leave of their energies and forces; the same without models."""
    for model in models:
        energies, forces = predict(model, frames.positions)
        left = None if frames.forces is None else frames.forces - forces
        frames = replace(frames, energies=frames.energies - energies, forces=left)
    return frames


def errors_of(
    energies: Float[np.ndarray, " frames"],
    forces: Float[np.ndarray, "frames atoms 3"],
    frames: Frames,
    energy_offset: float | None = None,
) -> Errors:
    """Errors of energies [kJ/mol] and forces [kJ/mol/nm] that a model has on ``frames``; the rest as ``evaluate``."""
    difference = frames.energies - energies
    offset = float(difference.mean()) if energy_offset is None else energy_offset
    energy_error = difference - offset
    force_error = None if frames.forces is None else frames.forces - forces
    return Errors(
        n_frames=len(energies),
        energy_offset=offset,
        energy_mae=float(np.abs(energy_error).mean()),
        energy_rmse=_rms(energy_error),
        force_mae=None if force_error is None else float(np.abs(force_error).mean()),
        force_rmse=None if force_error is None else _rms(force_error),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
