"""Noise and prior widths of a linear fit, learnt from the data by maximising the evidence.

D. J. C. MacKay, Neural Comput. 4, 415 (1992).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from hybridff.fitting.equations import NormalEquations
from hybridff.fitting.estimate import Estimate, Hyperparameters, rough, solve
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.noise import LEAST, Noise, Squares

_NOISE_ROUNDS = 2
"""Turns in which noise is learnt before it is extrapolated."""
_SLOWEST = 0.8
"""Factor between two steps of the noise from which on no limit can be told from them."""
_WIDTH_ROUNDS = 10
_TOLERANCE = 0.03
"""Relative change of the noise below which it is learnt."""
_LEAST_NOISE = 1e-3
"""Least noise of forces, in units of their root mean square at the start."""
_FEW_DATA_NOISE = 0.03
"""Least noise, in the same unit, of forces that all go into coefficients; of others it is less, by the square."""
_WIDTH_RANGE = 0.1, 10.0
"""Learnt prior widths in units of the given ones, so that few data cannot switch a family off or set it free."""


@dataclass(frozen=True)
class DataCounts:
    """How many data there are."""

    forces: int
    """Number of force components."""
    energies: int
    """Number of energies."""
    molecules: int
    """Number of molecules, each with a zero of energy of its own."""
    force_square: float
    """Sum of the squared residuals of the forces at the start [(kJ/mol/nm)²]."""


def learn_noise(system: LinearSystem, prior_scale: float = 1.0, rounds: int = _NOISE_ROUNDS) -> Hyperparameters:
    """The noise, by turns with the moves, at prior widths scaled by a factor."""
    precision = np.full(len(system.problem.fitted), prior_scale**-2)
    found = Hyperparameters(system.noise, precision, prior_scale)
    known = [found.noise]
    for _ in range(rounds):
        known.append(noise_left(system.data, rough(system, found)))
        found = replace(found, noise=known[-1])
        if max(map(abs, _steps(*known[-2:]))) < _TOLERANCE:
            return found
    return found if len(known) < 3 else replace(found, noise=limit(*known[-3:]))


def limit(first: Noise, second: Noise, third: Noise) -> Noise:
    """Where three turns that learn the noise lead to, if each is wrong by the same factor of the one before.

    Aitken's extrapolation of the logarithms; of what does not come to rest, the last turn.
    """
    left = []
    for step, following in zip(_steps(first, second), _steps(second, third), strict=True):
        factor = following / step if step else 0.0
        left.append(following * factor / (1 - factor) if 0 < factor < _SLOWEST else 0.0)
    return Noise(third.energy * math.exp(left[0]), third.force * math.exp(left[1]))


def _steps(before: Noise, after: Noise) -> tuple[float, float]:
    """Changes of the logarithms of the noise of energies and of forces."""
    return math.log(after.energy / before.energy), math.log(after.force / before.force)


def learn_widths(system: LinearSystem, prior_scale: float = 1.0) -> Hyperparameters:
    """The noise and the precision of the priors, by turns with the moves."""
    problem = system.problem
    families = np.array([problem.start.quantities[i] for i in problem.fitted])
    precision = np.full(len(problem.fitted), prior_scale**-2)
    learnt = Hyperparameters(system.noise, precision, prior_scale)
    for _ in range(_WIDTH_ROUNDS):
        found = solve(system, learnt)
        noise = noise_left(system.data, found)
        learnt = replace(learnt, noise=noise, precision=learnt_precision(found, families))
    return learnt


def noise_left(data: NormalEquations, found: Estimate) -> Noise:
    """The noise that an estimate leaves, less what its moves have taken of it, with floors for perfect or few data."""
    hyperparameters = found.hyperparameters
    n_determined = len(found.moves) - found.covariance.trace(hyperparameters.precision)
    n_by_energies = found.covariance.total_variance(data.energy.rows) / hyperparameters.noise.energy**2
    counts = DataCounts(data.n_forces, len(data.energy), len(data.means), data.force.constant)
    return noise_from(data.squares(found.moves), counts, n_determined, n_by_energies)


def noise_from(squares: Squares, counts: DataCounts, n_determined: float, n_by_energies: float) -> Noise:
    """The noise by what an estimate leaves of the data and by how many coefficients follow these.

    ``n_determined`` coefficients follow the data, ``n_by_energies`` of them the energies.
    """
    n_energies, n_forces = counts.energies - counts.molecules, counts.forces
    energy = squares.energy / max(n_energies - n_by_energies, 0.2 * n_energies, 1.0)
    force = squares.force / max(n_forces - (n_determined - n_by_energies), 0.2 * n_forces)
    least = max(_LEAST_NOISE, _FEW_DATA_NOISE * (n_determined / n_forces) ** 2)
    least *= math.sqrt(counts.force_square / n_forces)
    return Noise(max(math.sqrt(energy), LEAST.energy), max(math.sqrt(force), least, LEAST.force))


def learnt_precision(found: Estimate, families: np.ndarray) -> Float[np.ndarray, " n"]:
    """Inverse variances of the priors of each family of coefficients, from how far these moved."""
    precision, prior_scale = found.hyperparameters.precision.copy(), found.hyperparameters.prior_scale
    variances = found.covariance.variances
    narrow, wide = _WIDTH_RANGE
    for family in np.unique(families):
        own = families == family
        n_determined = own.sum() - float((precision[own] * variances[own]).sum())
        learnt = (n_determined + 0.5) / (float((found.moves[own] ** 2).sum()) + 0.5 * prior_scale**2)
        precision[own] = np.clip(learnt, (wide * prior_scale) ** -2, (narrow * prior_scale) ** -2)
    return precision
