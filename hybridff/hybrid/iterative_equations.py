"""Kernels with a point at every frame and the terms' own coefficients, solved for by conjugate gradients."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.iterative import Data, IterativeEquations
from hybridff.corrections.posterior import kernel_terms
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.full_equations import CoefficientRowsCache
from hybridff.hybrid.training import TrainingData
from hybridff.progress import Progress


class WeightsCache:
    """Rows of the coefficients, and the weights that a solution begins with: those of the last one."""

    def __init__(self, progress: Progress) -> None:
        self.rows = CoefficientRowsCache()
        self.progress = progress
        self.weights: Float[Tensor, " n"] | None = None

    def guess(self, n: int) -> Float[Tensor, " n"] | None:
        """Weights of the last solution, with nothing for pseudo-frames that came after it; None before the first."""
        if self.weights is None:
            return None
        return torch.nn.functional.pad(self.weights, (0, n - len(self.weights)))


def solve_iterative(
    training: TrainingData, state: Hyperparameters, cache: WeightsCache
) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
    """Kernels, and the moves of the coefficients in units of the deviations that their fit has left.

    Raises ``InputError`` where double precision cannot hold the equations.
    """
    data = training.residual.projected(training.pseudo_frames)
    own = state.coefficient_scale * cache.rows.rows(training)
    factors = [data.offset, own.T] if len(own) else [data.offset]
    wanted = Data(data.values, data.n_forces, factors, training.pseudo_frames.deviations)
    points, priors = data.points(training.fragments), training.priors(state)
    equations = IterativeEquations(wanted, training.fragments, points, priors)
    weights = cache.weights = equations.solve(cache.guess(len(data.values)), progress=cache.progress)
    terms = kernel_terms(training.fragments, points, priors, weights)
    return terms, state.coefficient_scale * (own @ weights).numpy(force=True)
