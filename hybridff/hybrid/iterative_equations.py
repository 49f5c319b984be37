"""Kernels with a point at every frame and the terms' own coefficients, solved for by conjugate gradients."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.factors import DenseFactor, Factor, HeldFactor
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.iterative import Data, IterativeEquations
from hybridff.corrections.low_rank import LowRankInverse, PartialCholesky
from hybridff.corrections.posterior import Priors, kernel_terms
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.coefficients import CoefficientFactor
from hybridff.hybrid.training import TrainingData
from hybridff.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class _Last:
    """What one solution leaves for the next."""

    priors: Priors
    scale: float
    factor: PartialCholesky
    inverse: LowRankInverse
    weights: Float[Tensor, " n"]


class IterativeCache:
    """What solutions have in common: the coefficients' factor, a preconditioner, and the weights that one begins with.

    The preconditioner of the first solution is good enough for those where more coefficients are held, and for more
    pseudo-frames: it knows all but a few directions.
    """

    def __init__(self, progress: Progress = silent) -> None:
        self._known: tuple[TrainingData, Factor] | None = None
        self._n_held = 0
        self._last: _Last | None = None
        self._progress = progress

    def coefficients(self, training: TrainingData, scale: float) -> list[HeldFactor]:
        """What the coefficients do to frames and pseudo-frames, each by ``scale`` times what its fit has left it.

        ``training`` is the first one, or made from it; without coefficients that may move there is no factor.
        """
        if training.posterior is None:
            return []
        if self._known is None:
            self._known, self._n_held = (training, _factor(training)), len(training.held)
        before, found = self._known
        if len(before.pseudo_frames) != len(training.pseudo_frames):
            before = replace(before, pseudo_frames=training.pseudo_frames)
            found = _with_pseudo_frames(found, before)
            self._known = before, found
        nothing = np.zeros((found.shape[1], 0))
        held = [nothing, *(held.directions for held in training.held[self._n_held :])]
        return [HeldFactor(found, scale, torch.as_tensor(np.hstack(held)).to(training.residual.device))]

    def solve(
        self, equations: IterativeEquations, priors: Priors, scale: float, values: Float[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """The weights of the data, from those of the last solution."""
        guess, last = None, self._last
        if last is not None:
            guess = torch.nn.functional.pad(last.weights, (0, len(values) - len(last.weights)))
            if (last.priors, last.scale) == (priors, scale):
                equations.begin_with(last.factor, last.inverse)
            elif last.priors.kernels == priors.kernels and len(last.factor.matrix) == len(values):
                equations.factor = last.factor
            self._last = None  # may be too large to be kept beside a new one
        weights = equations.solve(guess, progress=self._progress)
        self._last = _Last(priors, scale, equations.factor, equations.inverse, weights)
        return weights


def _factor(training: TrainingData) -> Factor:
    """What the coefficients do to the values."""
    residual, posterior = training.residual, training.posterior
    assert posterior is not None
    if residual.device.type == "cpu":
        return CoefficientFactor.of(residual, posterior, training.pseudo_frames)
    return DenseFactor(residual.coefficient_rows(posterior, training.pseudo_frames, torch.float32).T)


def _with_pseudo_frames(factor: Factor, training: TrainingData) -> Factor:
    """A factor of the same training with other pseudo-frames."""
    if not isinstance(factor, CoefficientFactor):
        return _factor(training)
    assert training.posterior is not None
    return factor.with_pseudo_frames(training.residual.force_field, training.posterior, training.pseudo_frames)


def solve_iterative(
    training: TrainingData, state: Hyperparameters, cache: IterativeCache
) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
    """Kernels, and the moves of the coefficients in units of the deviations that their fit has left.

    Raises ``InputError`` where double precision cannot hold the equations.
    """
    data = training.residual.projected(training.pseudo_frames)
    own = cache.coefficients(training, state.coefficient_scale)
    wanted = Data(data.values, data.n_forces, data.offset, own, training.pseudo_frames.deviations)
    points, priors = data.points(training.fragments), training.priors(state)
    equations = IterativeEquations(wanted, training.fragments, points, priors)
    weights = cache.solve(equations, priors, state.coefficient_scale, data.values)
    terms = kernel_terms(training.fragments, points, priors, weights)
    moves = [state.coefficient_scale * factor.along(weights).numpy(force=True) for factor in own]
    return terms, np.concatenate([np.zeros(0), *moves])
