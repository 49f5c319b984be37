"""What a linear fit knows: deviations of its coefficients, and of the energies and forces that it predicts."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from hybridff.analysis.errors import predict
from hybridff.dataset import Frames
from hybridff.gaff.columns import columns
from hybridff.gaff.forcefield import ForceField

_BLOCK_BYTES = 1 << 27


@dataclass(frozen=True, eq=False)
class Posterior:
    """The posterior of the fitted coefficients of one force field, a Gaussian.

    C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 3.3.
    """

    fitted: Int[np.ndarray, " n"]
    """Which parameters of the force field it is about."""
    spread: Float[np.ndarray, "rank n"]
    """The covariance of the coefficients is ``spread.T @ spread``."""
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
        block = max(1, _BLOCK_BYTES // (16 * n_parameters * positions[0].size))
        for first in range(0, n_frames, block):
            part = slice(first, first + block)
            found = columns(force_field.table, n_parameters, force_field.parameter_table.values, positions[part])
            energies = self.spread @ (found.energy[self.fitted] - self.mean_energies[:, None])
            forces = self.spread @ found.force[self.fitted].reshape(len(self.fitted), -1)
            energy[part] = np.sqrt((energies**2).sum(0))
            variance = (forces**2).sum(0).reshape(found.force.shape[1:])
            force[part] = np.sqrt(variance.mean(1))
        return self.scale * energy, self.scale * force

    def calibrated(self, force_field: ForceField, frames: Frames) -> "Posterior":
        """With the scale at which the mean squares of predicted and actual force errors of ``frames`` agree."""
        assert frames.forces is not None
        _, predicted = replace(self, scale=1.0).deviations(force_field, frames.positions)
        _, forces = predict(force_field, frames.positions)
        actual = ((forces - frames.forces) ** 2).mean((1, 2))
        return replace(self, scale=float(np.sqrt(np.mean(actual / predicted**2))))
