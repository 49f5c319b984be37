"""Rows of a linear form that matter least are left out, where there are more than wanted or than memory holds."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from hybridff.errors import FitError
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.estimate import Hyperparameters, rough
from hybridff.fitting.evidence import noise_left
from hybridff.fitting.few_data import few_data, learnt_noise, variances
from hybridff.fitting.linear_problem import LinearProblem, LinearSystem, linear_system, move_columns
from hybridff.fitting.noise import Noise
from hybridff.fitting.options import FitOptions
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import DesignMatrix
from hybridff.gaff.forcefield import ForceField
from hybridff.progress import Progress

_MANY = 2000
"""Rows from which on a preview is worth its time."""
_MOST = 9000
"""Rows that a preview may hold, some 4 GB of matrices; of more, those go that move the forces least."""
_FORCE_FRAMES = 20
"""Frames of each molecule that show how much a row moves the forces."""
_PREVIEW = 20
"""Frames of each molecule that a preview looks at, where these are few data."""
_FEW = 3000
"""Most force components of a preview."""
_UNDETERMINED = 0.05
"""A row whose variance the frames, or as many as ``_AS_OF``, lower by less than this, as a fraction of the prior's, is
left out."""
_ENOUGH, _PER_DATUM = 6000, 1.5
"""Rows that are kept at most where data are few: so many, or so many for each force component."""
_AS_OF = 120
"""Most frames of each molecule that this is a matter of."""
_STEP = 0.8
"""What one round of pruning leaves, as a fraction: rows replace each other, so that few may go at a time."""


def pruned_system(
    pairs: Sequence[tuple[ForceField, Frames]], options: FitOptions, progress: Progress | None = None
) -> LinearSystem:
    """Visit the frames of some molecules, and leave out the rows that the options do not want.

    Of many rows a preview by few of the frames leaves out those that frames say nothing about, before all of them are
    visited. Raises ``FitError`` without forces.
    """
    for force_field, frames in pairs:
        if frames.forces is None:
            raise FitError(f"the training frames of {force_field.molecule.name} have no forces; a fit needs them.")
    unseen = [find_unseen_conformers(force_field, frames.positions) for force_field, frames in pairs]
    problem = with_most_significant(LinearProblem.of(pairs, unseen), _MOST)
    limit = sum(options.most_rows(len(force_field.molecule.numbers)) for force_field, _ in pairs)
    preview = len(problem.fitted) > _MANY and not problem.has_relatives  # data on relatives tell of a row, too
    problem, noise = determined(problem) if preview else (problem, None)
    system = linear_system(problem, [frames for _, frames in pairs], progress)
    if noise is not None:
        system = replace(system, noise=Noise(system.noise.energy, noise.force))
    system = pruned(system, limit)
    return system.with_relatives() if problem.has_relatives else system


def with_most_significant(problem: LinearProblem, most: int) -> LinearProblem:
    """The problem with at most so many rows: those whose forces are largest, in units of their prior widths.

    Rows with a value at the start or bounds stay, how many they may be.
    """
    if len(problem.fitted) <= most:
        return problem
    significance = np.where(problem.dispensable, force_squares(problem), math.inf)
    return problem.without(~_largest(significance, max(most, int(np.isinf(significance).sum()))))


def force_squares(problem: LinearProblem) -> Float[np.ndarray, " n"]:
    """Sum of the squared forces of a unit move of each coefficient over some frames [(kJ/mol/nm)²]."""
    found = np.zeros(len(problem.fitted))
    for (force_field, frames), position in zip(problem.pairs, problem.positions, strict=True):
        table = move_columns(force_field.table, problem, position)
        values = force_field.parameter_table.values
        design = DesignMatrix.of(table, len(problem.fitted) + 1, values)
        for frame in frames.positions[:_FORCE_FRAMES]:
            found += design.at(frame[None]).force_squares()[1:]
    return found


def determined(problem: LinearProblem) -> tuple[LinearProblem, Noise | None]:
    """Leave out the rows that frames say least about, as a few of the frames show; and what noise these show.

    Where even few frames of every molecule are many data, nothing is left out, and no noise is known.
    """
    every = [frames for _, frames in problem.pairs]
    n_few = min(_PREVIEW, _FEW // sum(frames.positions[0].size for frames in every))
    if n_few < 2:
        return problem, None
    few = few_data(problem, [frames.subset(np.arange(min(len(frames), n_few))) for frames in every]).with_priors()
    noise = learnt_noise(few, few.first_noise)
    variance = variances(few, noise)
    more = sum(min(len(frames), _AS_OF) for frames in every) / sum(min(len(frames), n_few) for frames in every)
    information = more * (1 / np.maximum(variance, np.finfo(float).tiny) - 1)
    score = np.where(problem.dispensable, information, math.inf)
    n_told = int((score >= _UNDETERMINED / (1 - _UNDETERMINED)).sum())
    most = max(_ENOUGH, int(_PER_DATUM * sum(frames.positions.size for frames in every)))
    kept = max(min(n_told, most), int(np.isinf(score).sum()))
    return problem.without(~_largest(score, kept)), noise


def pruned(system: LinearSystem, limit: float) -> LinearSystem:
    """Leave out the rows that matter least, in a few rounds; those with a value at the start or bounds stay."""
    while len(system.problem.fitted) > limit:
        found = rough(system, Hyperparameters(system.noise, np.ones(len(system.problem.fitted))))
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
