"""The equations of a training: with a point of a kernel at every frame, or with few points."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.full_equations import CoefficientRowsCache, solve_full
from hybridff.hybrid.sparse_equations import SparseProblemCache, solve_sparse
from hybridff.hybrid.training import TrainingData

Solver = Callable[[TrainingData, Hyperparameters], tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]]
"""Solves for kernels and for the moves of coefficients, in units of the deviations that their fit has left.

Raises ``InputError`` where double precision fails."""


def solver_of(training: TrainingData) -> Solver:
    """The solver of a training and of all that are made from it, with a cache of what these have in common."""
    if training.n_points is None:
        return partial(solve_full, cache=CoefficientRowsCache())
    return partial(solve_sparse, cache=SparseProblemCache())
