"""Which descriptors kernels have: those that do best on the validation frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import Hyperparameters, Objective, Observations, PredictionScore
from hybridff.fitting.posterior import Posterior
from hybridff.hybrid.material import CorrectionInputs
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual
from hybridff.hybrid.solver import Solver, solver_of
from hybridff.hybrid.trained import train
from hybridff.hybrid.training import TrainingData
from hybridff.progress import Progress, silent
from hybridff.units import ANGSTROM, FORCE_KCAL

_PREDICTED, _PREDICTED_BY_SOME = 6000, 4000
"""Most forces and energies of training frames from which kernels predict validation frames by their covariance, and how
many do where there are more."""
_FRAMES = 500
"""Most frames that these are of, unless even all directions of so many frames are fewer."""
_LEAST_NOISE = 0.1
"""Least noise of forces of kernels that some of the frames choose, in units of what terms leave: scores hardly change
with less."""
_STRONGEST = 300.1
"""Largest amplitude of such kernels, in units of the noise: steps of conjugate gradients grow with this ratio."""
_SPARSE_NOISE = 0.3
"""Where the search for the noise of kernels with fewer points than frames begins: they leave something of their own. In
units of what the terms alone leave."""


@dataclass(frozen=True, eq=False)
class ChosenDescriptors:
    """Kernels whose hyperparameters are to be found."""

    material: CorrectionInputs
    training: TrainingData
    solver: Solver
    predictions: Objective | None
    """Scores hyperparameters by their predictions for validation frames; None where kernels have to be trained for
    that."""
    partial: bool = False
    """Whether predictions are made from some of the frames or forces only."""


def choose(material: CorrectionInputs, progress: Progress = silent) -> ChosenDescriptors:
    """Choose, of the descriptors that may be taken, those that do best with hyperparameters that mostly are good.

    Kernels predict validation frames from as many training frames as that takes little time. Where they are to have
    fewer points than frames, the first descriptors are taken. ``progress`` is told how far long solutions are.
    """
    training = first_training(material)
    solver = solver_of(training, progress)
    if material.n_points is not None:
        return ChosenDescriptors(material, training, solver, None)
    some = subset(training)
    partial = some.residual.n_values < training.residual.n_values
    if partial:
        some = replace(some, begin=with_enough_noise(material, some.begin))
    some = train(some, some.begin, solver_of(some)).training  # holds what would leave its bounds
    predictions = predictions_of(some, material.validation.residual, material.candidates)
    scores = [one(some.begin) for one in predictions]
    best = scores.index(min(scores))
    training = replace(
        training,
        fragments=material.candidates[best],
        begin=some.begin,
        posterior=some.posterior,
        held=some.held,
    )
    found = within_reach(predictions[best], some.begin) if partial else predictions[best]
    return ChosenDescriptors(material, training, solver, found, partial)


def subset(training: TrainingData) -> TrainingData:
    """The same with so few forces that their covariance takes little time: of some frames, some random directions.

    Some frames with all of their forces would be so far from each other that only narrow kernels could learn from them.
    """
    residual = training.residual
    if residual.n_values <= _PREDICTED:
        return training
    n_frames = max(_FRAMES, _PREDICTED_BY_SOME // (residual.n_directions + 1))
    some = residual.subset(np.arange(len(residual))[:n_frames])
    n_directions = max(1, _PREDICTED_BY_SOME // len(some) - 1)
    if n_directions < some.n_directions:
        some = some.with_directions(n_directions)
    return replace(training, residual=some)


def with_enough_noise(material: CorrectionInputs, begin: Hyperparameters) -> Hyperparameters:
    """The same with at least the noise that scores of kernels beside terms need, unless the options fix it."""
    if material.task.options.kernel_noise is not None or not len(material.task.force_field.table.products):
        return begin
    return begin.with_noise(max(begin.force_noise, _LEAST_NOISE * material.validation.deviations()[0]))


def within_reach(scores: Objective, begin: Hyperparameters) -> Objective:
    """The same scores, infinite for less noise than at the beginning, and for kernels that are too strong for it."""

    def scored(state: Hyperparameters) -> float:
        if state.force_noise < begin.force_noise or max(state.amplitudes) > _STRONGEST * state.force_noise:
            return math.inf
        return scores(state)

    return scored


def first_training(material: CorrectionInputs) -> TrainingData:
    """The training with the first descriptors and usual hyperparameters."""
    region, n_atoms = material.region, material.residual.positions.shape[1]
    return TrainingData(
        material.residual,
        material.candidates[0],
        usual_hyperparameters(material),
        PseudoFrames.none(n_atoms) if region is None else region.pseudo_frames(material.residual.atoms),
        material.task.posterior,
        material.n_points,
        material.hot,
    )


def usual_hyperparameters(material: CorrectionInputs) -> Hyperparameters:
    """Hyperparameters that the search begins with: what mostly is good, and what the options fix."""
    options, forces = material.task.options, material.task.frames.forces
    assert forces is not None
    scale = float(np.sqrt((forces[:, list(material.residual.atoms)] ** 2).mean()))
    width = None if options.kernel_width is None else options.kernel_width / ANGSTROM
    noise = None if options.kernel_noise is None else options.kernel_noise * FORCE_KCAL
    if noise is None and material.n_points is not None:
        noise = _SPARSE_NOISE * material.validation.deviations()[0]
    return Hyperparameters.usual(len(material.task.atoms), scale, width, noise)


def predictions_of(
    training: TrainingData, validation: Residual, candidates: Sequence[Sequence[Fragment]]
) -> list[PredictionScore]:
    """Scores of hyperparameters by what kernels predict for validation frames, for each list of descriptors.

    Rows of the coefficients are the same for all.
    """
    posterior = training.posterior
    left = _observations(training.residual, candidates, posterior, training.pseudo_frames)
    right = _observations(validation, candidates, posterior)
    return [PredictionScore(*three) for three in zip(left, right, candidates, strict=True)]


def _observations(
    residual: Residual,
    candidates: Sequence[Sequence[Fragment]],
    posterior: Posterior | None,
    pseudo_frames: PseudoFrames | None = None,
) -> list[Observations]:
    data = residual.projected(pseudo_frames)
    terms = None if posterior is None else residual.coefficient_rows(posterior, pseudo_frames)
    deviations = np.zeros(0) if pseudo_frames is None else pseudo_frames.deviations
    return [
        Observations(data.values, data.n_forces, data.offset, data.points(own), terms, deviations) for own in candidates
    ]
