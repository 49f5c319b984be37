"""Rows of a linear form that matter least are left out, where there are more than wanted or than memory holds."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from hybridff.errors import FitError
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.estimate import Hyperparameters, solve
from hybridff.fitting.evidence import learn_noise, noise_left
from hybridff.fitting.linear_problem import LinearProblem, LinearSystem, linear_system, move_columns
from hybridff.fitting.options import FitOptions
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.progress import Progress, part

_MANY = 2000
"""Rows from which on a preview is worth its time."""
_MOST = 9000
"""Rows that a preview may hold, some 4 GB of matrices; of more, those go that move the forces least."""
_FORCE_FRAMES = 20
"""Frames of each molecule that show how much a row moves the forces."""
_PREVIEW = 120
"""Frames of each molecule that are enough to see which of many rows do not matter."""
_UNDETERMINED = 0.1
"""A row whose variance the preview lowers by less than this, as a fraction of the prior's, is left out."""
_SPARE = 2.0
"""How many times more rows than wanted the preview leaves."""
_STEP = 0.8
"""What one round of pruning leaves, as a fraction: rows replace each other, so that few may go at a time."""


def pruned_system(
    pairs: Sequence[tuple[ForceField, Frames]], options: FitOptions, progress: Progress | None = None
) -> LinearSystem:
    """Visit the frames of some molecules, and leave out the rows that the options do not want.

    Of many rows a preview by some of the frames leaves out most, before all frames are visited. Raises ``FitError``
    without forces.
    """
    for force_field, frames in pairs:
        if frames.forces is None:
            raise FitError(f"the training frames of {force_field.molecule.name} have no forces; a fit needs them.")
    unseen = [find_unseen_conformers(force_field, frames.positions) for force_field, frames in pairs]
    problem = with_most_significant(LinearProblem.of(pairs, unseen), _MOST)
    limit = sum(options.most_rows(len(force_field.molecule.numbers)) for force_field, _ in pairs)
    every = [frames for _, frames in pairs]
    few = [frames.subset(np.arange(min(len(frames), _PREVIEW))) for frames in every]
    n_few, n_every = sum(map(len, few)), sum(map(len, every))
    if n_few == n_every or len(problem.fitted) <= min(_MANY, _SPARE * limit):
        return pruned(linear_system(problem, every, progress), limit)
    share = n_few / (n_few + n_every)
    preview = without_undetermined(linear_system(problem, few, part(progress, 0.0, share)))
    preview = pruned(preview, _SPARE * limit)
    whole = linear_system(preview.problem, every, part(progress, share, 1.0))
    return pruned(replace(whole, noise=preview.noise), limit)


def with_most_significant(problem: LinearProblem, most: int) -> LinearProblem:
    """The problem with at most so many rows: those whose forces are largest, in units of their prior widths."""
    if len(problem.fitted) <= most:
        return problem
    significance = np.where(problem.dispensable, force_squares(problem), math.inf)
    return problem.without(~_largest(significance, most))


def force_squares(problem: LinearProblem) -> Float[np.ndarray, " n"]:
    """Sum of the squared forces of a unit move of each coefficient over some frames [(kJ/mol/nm)²]."""
    found = np.zeros(len(problem.fitted))
    for (force_field, frames), position in zip(problem.pairs, problem.positions, strict=True):
        table = move_columns(force_field.table, problem, position)
        values = force_field.parameter_table.values
        for frame in frames.positions[:_FORCE_FRAMES]:
            force = columns(table, len(problem.fitted) + 1, values, frame[None]).force[1:]
            found += (force**2).sum((1, 2))
    return found


def without_undetermined(system: LinearSystem) -> LinearSystem:
    """Leave out the rows that the data say nothing about."""
    learnt = learn_noise(system, rounds=2)
    variances = solve(system, learnt).covariance.variances
    dropped = (1 - variances < _UNDETERMINED) & system.problem.dispensable
    return replace(system, noise=learnt.noise).without(dropped)


def pruned(system: LinearSystem, limit: float) -> LinearSystem:
    """Leave out the rows that matter least, in a few rounds; those with a value at the start or bounds stay."""
    while len(system.problem.fitted) > limit:
        found = solve(system, Hyperparameters(system.noise, np.ones(len(system.problem.fitted))))
        system = replace(system, noise=noise_left(system.data, found))
        score = np.where(system.problem.dispensable, found.moves**2 / found.covariance.variances, math.inf)
        n_rows = len(system.problem.fitted)
        n_kept = max(int(limit), int(_STEP * n_rows), int(np.isinf(score).sum()))
        if n_kept == n_rows:
            break
        system = system.without(~_largest(score, n_kept))
    return system


def _largest(score: Float[np.ndarray, " n"], n_kept: int) -> Bool[np.ndarray, " n"]:
    """Which numbers are the largest; of equal ones, the first."""
    kept = np.zeros(len(score), dtype=bool)
    kept[np.argsort(-score, kind="stable")[:n_kept]] = True
    return kept
