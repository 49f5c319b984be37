"""The scale of all prior widths of a linear fit, by frames that are left out one at a time.

The evidence prefers priors that are too wide, for all their families together: predictions of frames that a fit did not
see choose better. With K = 1 + BᵀB of few data (``few_data``), what a fit without a frame leaves of that frame's data
is (K⁻¹)_bb⁻¹ (K⁻¹ t)_b in units of their deviations, b being the frame's places (C. E. Rasmussen, C. K. I. Williams,
Gaussian Processes for Machine Learning (2006), section 5.4.2), at the noise of all.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from scipy.linalg import lapack

from hybridff.fitting.few_data import FewData, few_data, learnt_noise
from hybridff.fitting.linear_problem import LinearProblem
from hybridff.fitting.noise import Noise

_SCALES = (1.0, 0.5, 0.25)
"""Scales that are tried, as long as they get better."""
_MOST = 3500
"""Most forces and energies that take seconds; of more, nothing is left out."""
_TINY = 1e-9
"""Variance that is as good as none, in units of the noise."""
_FEWEST = 5
"""Fewest frames that tell scales apart."""


@dataclass(frozen=True)
class LeftOut:
    """A scale of all priors, and how well a fit predicts frames that it does not see."""

    prior_scale: float
    """Factor on the widths of all priors."""
    force_error: float
    """Root mean square error of the forces of frames that are left out one at a time [kJ/mol/nm]."""
    calibration: float
    """The error of these forces over the one that the posteriors of the fits without them predict."""


def best_scale(problem: LinearProblem) -> LeftOut | None:
    """The scale with which frames that are left out are predicted best.

    None where the frames are too few to tell, or so many that it would take long; the scale matters little then.
    """
    frames = [own for _, own in problem.pairs]
    n_data = sum(own.positions.size + len(own) for own in frames)
    if n_data > _MOST or min(len(own) for own in frames) < _FEWEST:
        return None
    few = few_data(problem, frames)
    blocks = list(_places([len(own) for own in frames], [own.positions[0].size for own in frames]))
    noise, best = few.first_noise, LeftOut(1.0, math.inf, 1.0)
    for scale in _SCALES:
        data = few.with_priors(scale)
        noise = learnt_noise(data, noise)
        found = LeftOut(scale, *left_out_errors(data, noise, blocks))
        if found.force_error >= best.force_error:
            break
        best = found
    return best


def left_out_errors(data: FewData, noise: Noise, blocks: list[Int[np.ndarray, " _"]]) -> tuple[float, float]:
    """Root mean square of what fits without each frame leave of its forces [kJ/mol/nm], and over what they predict.

    ``blocks`` are the places of the data of each frame, the energy last.
    """
    inverse, _ = lapack.dtrtri(data.cholesky(noise), lower=1)
    inverse = np.tril(inverse)
    scales = data.scales(noise)
    weights = inverse.T @ (inverse @ (scales * data.targets))
    left, predicted = 0.0, 0.0
    for places in blocks:
        own = inverse[:, places]
        covariance = np.linalg.inv(own.T @ own)
        left += float(((covariance @ weights[places])[:-1] ** 2).sum())
        predicted += float((covariance.diagonal()[:-1] - 1).sum())
    return noise.force * math.sqrt(left / data.counts.forces), math.sqrt(left / max(predicted, _TINY))


def _places(n_frames: list[int], n_components: list[int]) -> Iterator[Int[np.ndarray, " places"]]:
    """Places of the forces of each frame, molecule by molecule, and of its energy, which comes after all forces."""
    force, energy = 0, sum(n * size for n, size in zip(n_frames, n_components, strict=True))
    for n, size in zip(n_frames, n_components, strict=True):
        for _ in range(n):
            yield np.append(np.arange(force, force + size), energy)
            force, energy = force + size, energy + 1
