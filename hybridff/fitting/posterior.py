"""What a linear fit knows: deviations of its coefficients, and of the energies and forces that it predicts."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import spearmanr

from hybridff.arrays import numbers_in, read_arrays
from hybridff.errors import InputError
from hybridff.fitting.noise import Noise
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import DesignMatrix, columns
from hybridff.gaff.forcefield import ForceField
from hybridff.units import FORCE_KCAL, KCAL_MOL

_BLOCK_BYTES = 1 << 27
_PROBES = 64
"""Random vectors that give the mean of many variances."""
POSTERIOR = "posterior.npz"
"""Name of the posterior's file beside a model."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of the fitted coefficients of one force field, a Gaussian.

    C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 3.3.
    """

    fitted: Int[np.ndarray, " n"]
    """Which parameters of the force field it is about."""
    spread: Float[np.ndarray, "rank n"]
    """The covariance of the coefficients is ``spread.T @ spread``; of many coefficients, in single precision."""
    mean_energies: Float[np.ndarray, " n"]
    """Mean of the energy columns over the training frames, as energies are known up to a constant."""
    scale: float = 1.0
    """Factor that makes deviations those seen on frames that were not trained on: see ``calibrated``."""

    def deviations(
        self, force_field: ForceField, positions: Float[np.ndarray, "frames atoms 3"]
    ) -> tuple[Float[np.ndarray, " frames"], Float[np.ndarray, " frames"]]:
        """Predicted deviation of each frame's energy [kJ/mol], and of its force components, their root mean square."""
        n_parameters, n_frames = len(force_field.parameter_table), len(positions)
        energy, force = np.empty(n_frames), np.empty(n_frames)
        design = DesignMatrix.of(force_field.table, n_parameters, force_field.parameter_table.values)
        block = max(1, _BLOCK_BYTES // (8 * len(self.spread) * positions[0].size))
        by_parameter = np.zeros((n_parameters, len(self.spread)), dtype=self.spread.dtype)
        by_parameter[self.fitted] = self.spread.T
        for first in range(0, n_frames, block):
            part = slice(first, first + block)
            found = design.at(positions[part])
            energies = found.energy[self.fitted] - self.mean_energies[:, None]
            energy[part] = np.sqrt(((self.spread @ energies.astype(self.spread.dtype)) ** 2).sum(0))
            forces = found.combined_forces(by_parameter.T)
            force[part] = np.sqrt(np.einsum("rfc,rfc->f", forces, forces) / forces.shape[2])
        return self.scale * energy, self.scale * force

    def predicted_errors(
        self, force_field: ForceField, positions: Float[np.ndarray, "frames atoms 3"]
    ) -> tuple[float, float]:
        """Root mean square of the deviations of energies [kJ/mol] and forces [kJ/mol/nm] of all geometries [nm]."""
        energies, forces = self.deviations(force_field, positions)
        return float(np.sqrt(np.mean(energies**2))), float(np.sqrt(np.mean(forces**2)))

    @classmethod
    def of_priors(cls, force_field: ForceField) -> "Posterior":
        """What is known of the coefficients of a force field before there are data: their priors."""
        parameters = force_field.parameter_table
        fitted = np.flatnonzero(parameters.adjustable)
        return cls(fitted, np.diag(parameters.prior_widths[fitted].astype(np.float32)), np.zeros(len(fitted)))

    def whitened(
        self, force_field: ForceField, noise: Noise, positions: Float[np.ndarray, "frames atoms 3"]
    ) -> Float[np.ndarray, "rank frames data"]:
        """Forces and, last, the energy of frames [nm] as functions of independent numbers of unit variance.

        In units of the ``noise``, before any scale, in single precision.
        """
        n_parameters, n_frames, size = len(force_field.parameter_table), len(positions), 3 * positions.shape[1]
        design = DesignMatrix.of(force_field.table, n_parameters, force_field.parameter_table.values)
        by_parameter = np.zeros((n_parameters, len(self.spread)), dtype=np.float32)
        by_parameter[self.fitted] = self.spread.T
        found = np.empty((len(self.spread), n_frames, size + 1), dtype=np.float32)
        block = max(1, _BLOCK_BYTES // (8 * len(self.spread) * size))
        for first in range(0, n_frames, block):
            part = slice(first, first + block)
            columns = design.at(positions[part])
            energies = columns.energy[self.fitted] - self.mean_energies[:, None]
            found[:, part, :size] = columns.combined_forces(by_parameter.T) / np.float32(noise.force)
            found[:, part, size] = self.spread @ energies.astype(self.spread.dtype) / noise.energy
        return found

    def probes(
        self, force_field: ForceField, positions: Float[np.ndarray, "frames atoms 3"]
    ) -> Float[np.ndarray, "rank probes"]:
        """Random sums of the forces of frames [nm] as functions of independent numbers of unit variance.

        The sum of their squares is the mean variance of a force component before any scale [(kJ/mol/nm)²], good to a
        per cent or two (M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1059 (1989)).
        """
        design = DesignMatrix.of(
            force_field.table, len(force_field.parameter_table), force_field.parameter_table.values
        )
        random, total = np.random.default_rng(0), np.zeros((design.n_columns, _PROBES))
        block = design.frames_of(_BLOCK_BYTES)
        for first in range(0, len(positions), block):
            some = positions[first : first + block]
            total += design.at(some).force_sums(random.choice((-1.0, 1.0), (*some.shape, _PROBES)))
        return self.spread @ total[self.fitted].astype(self.spread.dtype) / math.sqrt(_PROBES * positions.size)

    def about(self, force_field: ForceField, positions: Float[np.ndarray, "frames atoms 3"]) -> "Posterior":
        """The same with energies that count from their mean over some geometries [nm]."""
        parameters = force_field.parameter_table
        found = columns(force_field.table, len(parameters), parameters.values, positions)
        return replace(self, mean_energies=found.energy[self.fitted].mean(1))

    def write(self, path: Path) -> None:
        """Write as npz, single precision."""
        np.savez_compressed(
            path,
            fitted=self.fitted,
            spread=self.spread.astype(np.float32),
            mean_energies=self.mean_energies,
            scale=self.scale,
        )

    @classmethod
    def read(cls, path: Path, n_parameters: int) -> "Posterior":
        """Read what ``write`` wrote, for a force field of so many parameters.

        Raises ``InputError`` if the file is damaged or of another model.
        """
        try:
            found = read_arrays(path, ("fitted", "spread", "mean_energies", "scale"))
            fitted = numbers_in(path, found, "fitted", (None,)).astype(int)
            spread = numbers_in(path, found, "spread", (None, len(fitted))).astype(float)
            means = numbers_in(path, found, "mean_energies", (len(fitted),)).astype(float)
            scale = float(numbers_in(path, found, "scale", ()))
        except InputError as error:
            raise InputError(f"{str(error).rstrip('.')}; fit again with --keep-posterior.") from None
        if fitted.max(initial=0) >= n_parameters or fitted.min(initial=0) < 0 or scale < 0:
            raise InputError(f"{path} belongs to another model; fit again with --keep-posterior.")
        return cls(fitted, spread, means, scale)

    def in_double_precision(self) -> "Posterior":
        """The same for those who project it, whose rounding would move what is held."""
        return replace(self, spread=self.spread.astype(float, copy=False))

    def calibrated(self, force_field: ForceField, frames: Frames) -> "Posterior":
        """With the scale at which the mean squares of predicted and actual force errors of ``frames`` agree."""
        assert frames.forces is not None
        _, forces = predict(force_field, frames.positions)
        actual = float(((forces - frames.forces) ** 2).mean())
        predicted = float((self.probes(force_field, frames.positions).astype(float) ** 2).sum())
        return replace(self, scale=math.sqrt(actual / predicted))


def predicted_errors(posterior: Posterior, force_field: ForceField, frames: Frames) -> dict[str, float]:
    """Predicted errors of frames, and how well they rank the actual ones, in the units of their keys."""
    energy, force = posterior.deviations(force_field, frames.positions)
    found = {
        "predicted_energy_deviation_kcal_mol": float(np.sqrt(np.mean(energy**2))) / KCAL_MOL,
        "predicted_force_deviation_kcal_mol_angstrom": float(np.sqrt(np.mean(force**2))) / FORCE_KCAL,
    }
    if frames.forces is not None and len(frames) > 2:
        _, forces = predict(force_field, frames.positions)
        actual = np.sqrt(((forces - frames.forces) ** 2).mean((1, 2)))
        found["rank_correlation_of_predicted_and_actual_force_errors"] = float(spearmanr(force, actual).statistic)
    return found
