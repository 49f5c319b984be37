"""Kernels with fewer points than frames and the terms' own coefficients, solved for together."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from hybridff.corrections.covariance import n_internal
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Hyperparameters
from hybridff.corrections.sparse import Block, SparseProblem, farthest
from hybridff.corrections.term import KernelTerm
from hybridff.hybrid.hot_frames import HotFrames
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.training import TrainingData

_FUNCTIONS = 7000
"""Most functions of all kernels together: their equations take 0.4 GB."""
_BLOCK_BYTES = 1 << 28
"""Memory that the rows of a block of frames may take."""
_CHEAP = 2e12
"""Products that the equations may take, if they are to be made for other length scales."""
_KEPT = 2
"""Number of length scales whose equations are kept."""
_HOT_FORCES = 3.0
"""Deviation of the forces of hot frames, in units of that of the noise of forces."""


class SparseProblemCache:
    """Keeps equations from one solution to the next, for the last length scales."""

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[Fragment, ...], tuple[float, ...]], tuple[TrainingData, SparseProblem]] = {}

    def problem(self, training: TrainingData, widths: tuple[float, ...]) -> SparseProblem:
        """The equations of a training with kernels of some length scales [1/nm].

        ``training`` is the last one, or made from it by ``holding``, then ``with_pseudo_frames`` and
        ``with_pseudo_energy``.
        """
        key = training.fragments, widths
        if key in self._kept:
            before, found = self._kept[key]
            _bring_up_to_date(found, before, training)
        else:
            if len(self._kept) == _KEPT:
                del self._kept[next(iter(self._kept))]
            found = _problem(training, widths)
        self._kept[key] = training, found
        return found


def solve_sparse(
    training: TrainingData, state: Hyperparameters, cache: SparseProblemCache
) -> tuple[list[KernelTerm], Float[np.ndarray, " coefficients"]]:
    """Kernels, and the moves of the coefficients in units of the deviations that their fit has left.

    Raises ``InputError`` where double precision cannot hold the equations.
    """
    n_coefficients = 0 if training.posterior is None else len(training.posterior.spread)
    deviations = np.full(1 + n_coefficients, state.coefficient_scale)
    deviations[0] = 1.0  # the zero of energy
    terms, others = cache.problem(training, state.widths).solve(training.priors(state), deviations)
    return terms, others[1:].numpy(force=True)


def widths_are_cheap(training: TrainingData) -> bool:
    """Whether other length scales can be tried: with few points, all rows of the equations change."""
    if training.n_points is None:
        return True
    n_functions = _points_of_each(training) * _functions_of_a_point(training)
    n_unknowns = n_functions + len(training.residual.force_field.parameter_table)
    return training.residual.n_values * n_unknowns**2 < _CHEAP


def _points_of_each(training: TrainingData) -> int:
    """Points of each kernel, as far as memory allows."""
    assert training.n_points is not None
    return min(training.n_points, max(1, _FUNCTIONS // _functions_of_a_point(training)))


def _functions_of_a_point(training: TrainingData) -> int:
    """Functions that a point of each kernel gives, all kernels together."""
    return sum(n_internal(len(fragment.atoms)) + 1 for fragment in training.fragments)


def _problem(training: TrainingData, widths: tuple[float, ...]) -> SparseProblem:
    """New equations."""
    positions = training.residual.on_device(training.residual.positions)
    n_points = _points_of_each(training)
    centres = [
        positions[farthest(fragment, positions, width, n_points)]
        for fragment, width in zip(training.fragments, widths, strict=True)
    ]
    priors = training.priors(replace(training.begin, widths=widths))
    return SparseProblem.of(_blocks(training), training.fragments, centres, priors)


def _bring_up_to_date(problem: SparseProblem, before: TrainingData, now: TrainingData) -> None:
    """Change equations in place, which may be too large for a copy: what is held since, and newer pseudo-frames."""
    for held in now.held[len(before.held) :]:
        zero_of_energy = np.zeros((1, held.directions.shape[1]))
        problem.project_out(np.concatenate([zero_of_energy, held.directions]))
    newer = now.pseudo_frames.after(len(before.pseudo_frames))
    if len(newer):
        problem.add([_pseudo_block(now, newer)])
    problem.set_pseudo_energies(now.pseudo_frames.energies)


def _blocks(training: TrainingData) -> Iterator[Block]:
    """Frames, hot frames and pseudo-frames, as many at a time as memory allows."""
    size = max(1, _BLOCK_BYTES // (8 * _FUNCTIONS * (training.residual.n_directions + 1)))
    for part in _parts(training.residual, size):
        yield _block(training, part)
    if training.hot is not None:
        for part in _parts(training.hot.residual, size):
            yield _hot_block(training, replace(training.hot, residual=part))
    if len(training.pseudo_frames):
        yield _pseudo_block(training, training.pseudo_frames)


def _parts(residual: Residual, size: int) -> Iterator[Residual]:
    """So many frames at a time."""
    rows = np.arange(len(residual))
    for first in range(0, len(rows), size):
        yield residual.subset(rows[first : first + size])


def _pseudo_block(training: TrainingData, pseudo_frames: PseudoFrames) -> Block:
    """Pseudo-frames without any frame."""
    none = training.residual.subset(np.arange(0))
    return replace(_block(training, none, pseudo_frames), pseudo_deviations=pseudo_frames.deviations)


def _hot_block(training: TrainingData, hot: HotFrames) -> Block:
    """Hot frames, less sure than others."""
    deviations = np.full(len(hot.residual), hot.energy_deviation)
    return replace(_block(training, hot.residual), pseudo_deviations=deviations, force_scale=_HOT_FORCES)


def _block(training: TrainingData, part: Residual, pseudo_frames: PseudoFrames | None = None) -> Block:
    """Frames and pseudo-frames with what the zero of energy and the coefficients do to them."""
    data = part.projected(pseudo_frames)
    offset = (data.offset > 0).to(data.offset) * training.residual.energy_scale
    others = torch.cat([offset.T, part.coefficient_rows(training.posterior, pseudo_frames)])
    return Block(data.values, data.n_forces, data.points(training.fragments), others)
