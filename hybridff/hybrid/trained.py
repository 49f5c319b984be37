"""Kernels trained for one set of hyperparameters, the terms' coefficients kept within their bounds."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.errors import InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.training import TrainingData

_OUT = 1e-3
"""How far a coefficient may be moved back into its bounds, in units of its prior deviation."""


class PrecisionError(InputError):
    """Double precision fails for kernels with so little noise."""


@dataclass(frozen=True, eq=False)
class TrainedKernels:
    """What a training came to."""

    force_field: ForceField | None
    """The force field with kernels; None where double precision fails."""
    training: TrainingData
    """The training, with the coefficients that are held by now."""
    failure: str = ""
    """What to say where there is no force field."""

    def hybrid(self) -> ForceField:
        """The force field with kernels.

        Raises ``PrecisionError`` where double precision fails.
        """
        if self.force_field is None:
            raise PrecisionError(self.failure)
        return self.force_field


def train(training: TrainingData, state: Hyperparameters, solver: Solver) -> TrainedKernels:
    """Solve for kernels and coefficients; a coefficient that would leave its bounds is held, and all solved again."""
    force_field = training.residual.force_field
    given = force_field.corrections
    while True:
        try:
            terms, moves = solver(training, state)
        except InputError as error:
            return TrainedKernels(None, training, str(error))
        if training.posterior is None:
            return TrainedKernels(force_field.with_corrections([*given, *terms]), training)
        values, out = moved(training, moves)
        if not len(out):
            return TrainedKernels(force_field.with_values(values).with_corrections([*given, *terms]), training)
        training = training.holding(out)


def moved(
    training: TrainingData, moves: Float[np.ndarray, " coefficients"]
) -> tuple[Float[np.ndarray, " parameters"], np.ndarray]:
    """Parameters of the terms within their bounds, and places of the coefficients that had to be put back into them.

    ``moves`` are in units of the deviations that the fit has left.
    """
    assert training.posterior is not None
    parameters, fitted = training.residual.force_field.parameter_table, training.posterior.fitted
    values, (lower, upper) = parameters.values.copy(), parameters.bounds
    wanted = values[fitted] + training.posterior.spread.T @ moves
    values[fitted] = np.clip(wanted, lower[fitted], upper[fitted])
    out = np.abs(values[fitted] - wanted) > _OUT * parameters.prior_widths[fitted]
    return values, np.flatnonzero(out)
