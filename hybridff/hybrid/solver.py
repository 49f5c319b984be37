"""The equations of a training: with a point of a kernel at every frame, or with few points."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float

from hybridff.corrections.device import most_direct
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.full_equations import CoefficientRowsCache, solve_full
from hybridff.hybrid.iterative_equations import IterativeCache, solve_iterative
from hybridff.hybrid.sparse_equations import SparseProblemCache, solve_sparse
from hybridff.hybrid.training import TrainingData
from hybridff.progress import Progress, silent

Solver = Callable[[TrainingData, Hyperparameters], tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]]
"""Solves for kernels and for the moves of coefficients, in units of the deviations that their fit has left.

Raises ``InputError`` where double precision fails."""


def solver_of(training: TrainingData, progress: Progress = silent) -> Solver:
    """The solver of a training and of all that are made from it, with a cache of what these have in common.

    Where a matrix of all forces and energies would take too long, conjugate gradients tell ``progress`` how far they
    are.
    """
    if training.n_points is not None:
        return partial(solve_sparse, cache=SparseProblemCache())
    if training.residual.n_values <= most_direct(training.residual.device):
        return partial(solve_full, cache=CoefficientRowsCache())
    return partial(solve_iterative, cache=IterativeCache(progress))
