"""Kernels with a point at every frame and the terms' own coefficients, solved for together."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import add_squares
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.posterior import Targets, solve
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.training import TrainingData


class CoefficientRowsCache:
    """Keeps the rows of the coefficients from one solution to the next, as only what is held changes them."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        self._dtype = dtype
        self._last: tuple[TrainingData, Float[Tensor, "coefficients n"]] | None = None

    def rows(self, training: TrainingData) -> Float[Tensor, "coefficients n"]:
        """What the coefficients do to frames and pseudo-frames, each by the deviation that its fit has left it.

        ``training`` is the last one, or made from it; rows that were given before change in place, as they may be too
        large for a copy.
        """
        if self._last is None or len(self._last[0].pseudo_frames) != len(training.pseudo_frames):
            self._last = None
            found = training.residual.coefficient_rows(training.posterior, training.pseudo_frames, self._dtype)
        else:
            before, found = self._last
            for held in training.held[len(before.held) :]:
                directions = torch.as_tensor(held.directions).to(found)
                found.addmm_(directions, directions.T @ found, alpha=-1)
        self._last = training, found
        return found


def solve_full(
    training: TrainingData, state: Hyperparameters, cache: CoefficientRowsCache
) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
    """Kernels, and the moves of the coefficients in units of the deviations that their fit has left.

    Raises ``InputError`` where double precision cannot hold the equations.
    """
    data = training.residual.projected(training.pseudo_frames)
    known = data.offset @ data.offset.T
    own = state.coefficient_scale * cache.rows(training)
    add_squares(known, own)
    targets = Targets(data.values, data.n_forces, known, training.pseudo_frames.deviations)
    terms, weights = solve(targets, training.fragments, data.points(training.fragments), training.priors(state))
    return terms, state.coefficient_scale * (own @ weights).numpy(force=True)
