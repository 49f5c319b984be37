"""Scores of hyperparameters by kernels that are trained with them."""

import math
from dataclasses import dataclass

from hybridff.corrections.hyperparameters import Hyperparameters, too_poor_alone
from hybridff.hybrid.solver import Solver
from hybridff.hybrid.trained import train
from hybridff.hybrid.training import TrainingData
from hybridff.hybrid.validation import Validation


@dataclass(frozen=True, eq=False)
class Scored:
    """The score of some hyperparameters."""

    score: float
    """Score on the validation frames: see ``corrections.hyperparameters.score``; infinite for what is not possible."""
    training: TrainingData
    """The training, with the coefficients that are held by now."""


def scored(training: TrainingData, state: Hyperparameters, solver: Solver, validation: Validation) -> Scored:
    """Train kernels and score them; infinite where the terms alone would be bad, or double precision fails."""
    found = train(training, state, solver)
    if found.force_field is None:
        return Scored(math.inf, found.training)
    alone = found.force_field.with_corrections(training.residual.force_field.corrections)
    if training.posterior is not None and too_poor_alone(validation.score(alone, training.fragments)):
        return Scored(math.inf, found.training)
    return Scored(validation.score(found.force_field, training.fragments), found.training)
