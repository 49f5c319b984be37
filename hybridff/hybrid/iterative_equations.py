"""Kernels with a point at every frame and the terms' own coefficients, solved for by conjugate gradients."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.iterative import Data, IterativeEquations
from hybridff.corrections.posterior import Priors, kernel_terms
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.full_equations import CoefficientRowsCache
from hybridff.hybrid.training import TrainingData
from hybridff.progress import Progress, silent


class IterativeCache:
    """What one solution leaves for the next: rows of the coefficients, and the weights that it begins with."""

    def __init__(self, progress: Progress = silent) -> None:
        # Half of the memory: rounded coefficients' rows are another prior that is as good, and consistent.
        self._rows = CoefficientRowsCache(torch.float32)
        self._scaled: Float[Tensor, "coefficients n"] | None = None
        self._scale = 1.0
        self._last: tuple[Priors, Float[Tensor, "n rank"], Float[Tensor, " n"]] | None = None
        self._progress = progress

    def rows(self, training: TrainingData, scale: float) -> Float[Tensor, "coefficients n"]:
        """What the coefficients do to frames and pseudo-frames, each by ``scale`` times what its fit has left it."""
        found = self._rows.rows(training)
        if found is not self._scaled:
            self._scaled, self._scale = found, 1.0
        if scale != self._scale:
            found *= scale / self._scale
            self._scale = scale
        return found

    def solve(self, equations: IterativeEquations, priors: Priors, n: int) -> Float[Tensor, " n"]:
        """The ``n`` weights of the data, from those of the last solution."""
        guess = None
        if self._last is not None:
            last_priors, factor, weights = self._last
            guess = torch.nn.functional.pad(weights, (0, n - len(weights)))
            if last_priors.kernels == priors.kernels and len(factor) == n:
                equations.factor = factor
        weights = equations.solve(guess, progress=self._progress)
        self._last = priors, equations.factor, weights
        return weights


def solve_iterative(
    training: TrainingData, state: Hyperparameters, cache: IterativeCache
) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
    """Kernels, and the moves of the coefficients in units of the deviations that their fit has left.

    Raises ``InputError`` where double precision cannot hold the equations.
    """
    data = training.residual.projected(training.pseudo_frames)
    own = cache.rows(training, state.coefficient_scale)
    wanted = Data(data.values, data.n_forces, [data.offset, own.T], training.pseudo_frames.deviations)
    points, priors = data.points(training.fragments), training.priors(state)
    equations = IterativeEquations(wanted, training.fragments, points, priors)
    weights = cache.solve(equations, priors, len(data.values))
    terms = kernel_terms(training.fragments, points, priors, weights)
    return terms, state.coefficient_scale * (own @ weights.to(own)).double().numpy(force=True)
