"""Kernels as Gaussian processes beside whatever else explains the data.

Coefficients of a bonded part and the zero of energy have a prior of their own, and so give the data a covariance that
is *known* here. Amplitudes of the kernels and the noise are those of the largest marginal likelihood (C. E. Rasmussen,
C. K. I. Williams, Gaussian Processes for Machine Learning (2006), eqs. 5.8 and 5.9), length scales the best of a
series. A kernel that the likelihood does not want is switched off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import lapack
from scipy.optimize import minimize

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.gram import Points, energy_blocks, force_blocks, solve_in_place
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError

_FIRST_WIDTH = 5.0
"""[1/nm]"""
_WIDTH_STEP = 1.6
_MOST_STEPS = 8
_FIRST_SHARE = 0.3
"""Of the targets' variance that noise and every kernel have at first."""
_SMALLEST, _LARGEST = 1e-6, 1e8
"""Of amplitudes and noise, as variances in units of the targets'."""
_EVALUATIONS = 25
_FEW_EVALUATIONS = 8
"""Where the search begins near its end."""
_FEW_KERNELS = 3
"""Whose length scales are learnt one by one."""
_IMPOSSIBLE = 1e12
"""Cost where the covariance is singular."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be explained: forces in the basis of all geometries, then their energies."""

    values: Float[np.ndarray, " n"]
    """[kJ/mol/nm, kJ/mol]"""
    n_forces: int
    known: Float[np.ndarray, "n n"]
    """Covariance that does not come from kernels or noise."""

    def noise(self, force: float, energy: float) -> Float[np.ndarray, " n"]:
        """Variances of noise of these deviations."""
        variances = np.full(len(self.values), energy**2)
        variances[: self.n_forces] = force**2
        return variances


@dataclass(frozen=True)
class Strength:
    """Of a kernel's prior."""

    width: float
    """Length scale [1/nm]."""
    variance: float
    """Of the energy, where no permutation but one brings a geometry near itself [kJ²/mol²]; zero for a kernel that is
    switched off."""
    amplitude: float = 0.0
    """Root mean square of the force components that this gives [kJ/mol/nm]."""
    gain: float = 0.0
    """Logarithm of the likelihood with the kernel over that without."""


@dataclass(frozen=True)
class Hyperparameters:
    """What the likelihood prefers."""

    strengths: tuple[Strength, ...]
    """Of each kernel."""
    force_noise: float
    """Of a component [kJ/mol/nm]."""
    energy_noise: float
    """[kJ/mol]"""
    cost: float = 0.0
    """Minus the logarithm of the likelihood, less a constant."""


def covariance(points: Points, fragment: Fragment, width: float) -> tuple[Float[np.ndarray, "n n"], float]:
    """Of projected forces and energies, scaled to a mean variance of the force components of 1, and that variance."""
    matrix = cross_covariance(points, points, fragment, width)
    mean = float(np.diag(matrix)[: points.slopes.shape[-1] * len(points)].mean())
    matrix /= mean
    return matrix, mean


def cross_covariance(
    rows: Points, columns: Points, fragment: Fragment, width: float
) -> Float[np.ndarray, "left right"]:
    """Of projected forces and energies of some geometries with those of others [1/nm², 1/nm, 1]."""
    m, n = (len(points) * points.slopes.shape[-1] for points in (rows, columns))
    out = torch.empty(m + len(rows), n + len(columns), dtype=torch.float64)
    force_blocks(rows, columns, fragment.index, width, out=out[:m, :n])
    out[m:, n:], out[m:, :n] = energy_blocks(rows, columns, fragment.index, width)
    out[:m, n:] = out[m:, :n].T if rows is columns else energy_blocks(columns, rows, fragment.index, width)[1].T
    return out.numpy()


def learn(
    targets: Targets,
    fragments: Sequence[Fragment],
    points: Sequence[Points],
    *,
    first: Hyperparameters | None = None,
    width: float | None = None,
) -> Hyperparameters:
    """Length scale and amplitude of each kernel, and the noise.

    The search begins at ``first``; ``width`` fixes all length scales [1/nm].
    """
    widths = [_FIRST_WIDTH if width is None else width] * len(fragments)
    if first is not None and width is None:
        widths = [strength.width for strength in first.strengths]
    search = _Search(targets, fragments, points, widths, first)
    if width is None:
        search.climb()
    best = search.best
    strengths = []
    for place, width in enumerate(best.widths):
        kept = [i for i in range(len(fragments)) if i != place]
        without = search.fit([best.widths[i] for i in kept], kept, [best.variances[i] for i in (*kept, -2, -1)])
        gain = without.cost - best.cost
        wanted = gain > math.log(len(targets.values))  # two more numbers, by the Bayesian information criterion
        strengths.append(search.strength(place, width, best.variances[place] if wanted else 0.0, gain))
    if not all(strength.variance for strength in strengths):
        kept = [i for i, strength in enumerate(strengths) if strength.variance]
        best = search.fit(tuple(best.widths[i] for i in kept), kept)
        for i, variance in zip(kept, best.variances, strict=False):
            strengths[i] = search.strength(i, strengths[i].width, variance, strengths[i].gain)
    force, energy = (math.sqrt(variance) for variance in best.variances[-2:])
    return Hyperparameters(tuple(strengths), force, energy, best.cost)


@dataclass(frozen=True)
class _Fit:
    """The largest likelihood at given length scales."""

    widths: tuple[float, ...]
    variances: tuple[float, ...]
    """Of each kernel, of the noise of forces, and of that of energies."""
    cost: float
    """Minus its logarithm, less a constant."""


class _Search:
    """Likelihoods that were looked at."""

    def __init__(
        self,
        targets: Targets,
        fragments: Sequence[Fragment],
        points: Sequence[Points],
        widths: Sequence[float],
        first: Hyperparameters | None,
    ) -> None:
        self.targets, self.fragments, self.points = targets, fragments, points
        self._evaluations = _EVALUATIONS if first is None else _FEW_EVALUATIONS
        n = targets.n_forces
        self._scales = [max(float((part**2).mean()), 1e-20) for part in (targets.values[:n], targets.values[n:])]
        self._covariances: dict[tuple[int, float], tuple[np.ndarray, float]] = {}
        start = None
        if first is not None:
            noise = first.force_noise**2, first.energy_noise**2
            start = [strength.amplitude**2 or _FIRST_SHARE * noise[0] for strength in first.strengths] + [*noise]
        self.best = self.fit(widths, range(len(fragments)), start)

    def climb(self) -> None:
        """Change all length scales together, then those of few kernels one by one, as long as that helps."""
        places = range(len(self.fragments))
        groups = [tuple(places)]
        if 1 < len(groups[0]) <= _FEW_KERNELS:
            groups += [(place,) for place in places]
        for group in groups:
            for factor in (_WIDTH_STEP, 1 / _WIDTH_STEP):
                better = False
                for _ in range(_MOST_STEPS):
                    widths = [w * factor if i in group else w for i, w in enumerate(self.best.widths)]
                    found = self.fit(widths, places, self.best.variances)
                    if found.cost >= self.best.cost:
                        break
                    self.best, better = found, True
                if better:
                    break

    def fit(self, widths: Sequence[float], places: Sequence[int], start: Sequence[float] | None = None) -> _Fit:
        """Amplitudes and noise at given length scales of some of the kernels."""
        kernels = [self._covariance(place, width)[0] for place, width in zip(places, widths, strict=True)]
        force, energy = self._scales
        units = np.array([*[force] * len(kernels), force, energy])
        first = np.log(units * _FIRST_SHARE if start is None else start)
        bounds = [(math.log(unit * _SMALLEST), math.log(unit * _LARGEST)) for unit in units]
        options = {"maxfun": self._evaluations}
        found = minimize(self._cost, first, args=(kernels,), jac=True, bounds=bounds, options=options)
        return _Fit(tuple(widths), tuple(np.exp(found.x).tolist()), float(found.fun))

    def strength(self, place: int, width: float, force_variance: float, gain: float) -> Strength:
        """Of a kernel whose force components have this variance on average."""
        _, mean = self._covariance(place, width)
        return Strength(width, force_variance / mean, math.sqrt(force_variance), gain)

    def _covariance(self, place: int, width: float) -> tuple[np.ndarray, float]:
        key = place, round(width, 9)
        if key not in self._covariances:
            self._covariances[key] = covariance(self.points[place], self.fragments[place], width)
        return self._covariances[key]

    def _cost(self, logarithms: Float[np.ndarray, " n"], kernels: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """Minus the logarithm of the likelihood, and its derivatives by the logarithms of the variances."""
        targets, variances = self.targets, np.exp(logarithms)
        n = targets.n_forces
        matrix = targets.known.copy()
        for variance, kernel in zip(variances, kernels, strict=False):
            matrix += variance * kernel
        matrix[np.diag_indices_from(matrix)] += targets.noise(*np.sqrt(variances[-2:]))
        # A row-major lower half is LAPACK's column-major upper one: no copy.
        factor, info = lapack.dpotrf(matrix.T, lower=0, overwrite_a=1)
        if info:
            return _IMPOSSIBLE, np.zeros(len(logarithms))
        weights = lapack.dpotrs(factor, targets.values, lower=0)[0]
        cost = 0.5 * float(targets.values @ weights) + float(np.log(np.diag(factor)).sum())
        inverse, _ = lapack.dpotri(factor, lower=0, overwrite_c=1)  # half of it; the other half is zero
        diagonal = np.diag(inverse).copy()
        slopes = []
        for kernel in kernels:
            trace = 2 * float(np.vdot(inverse.T, kernel)) - float(diagonal @ np.diag(kernel))
            slopes.append(trace - float(weights @ (kernel @ weights)))
        slopes += [float(diagonal[part].sum() - (weights[part] ** 2).sum()) for part in (slice(n), slice(n, None))]
        return cost, 0.5 * variances * np.array(slopes)


def solve(
    targets: Targets, fragments: Sequence[Fragment], points: Sequence[Points], found: Hyperparameters
) -> tuple[list[KernelTerm], Float[np.ndarray, " n"]]:
    """The trained kernels that are not switched off, and the weights of the data.

    The weights times the covariance of anything with the data give its mean. Raises ``InputError`` where the covariance
    is singular in double precision. Overwrites the known covariance.
    """
    matrix = targets.known
    for strength, fragment, own in zip(found.strengths, fragments, points, strict=True):
        if strength.variance:
            kernel = cross_covariance(own, own, fragment, strength.width)
            kernel *= strength.variance
            matrix += kernel
            del kernel
    matrix[np.diag_indices_from(matrix)] += targets.noise(found.force_noise, found.energy_noise)
    try:
        weights = solve_in_place(matrix, targets.values)
    except np.linalg.LinAlgError:
        raise InputError(
            f"the covariance of {len(matrix)} forces and energies is singular: leave out frames that are all but the "
            "same."
        ) from None
    terms = [
        KernelTerm(
            fragment.atoms, expansion(fragment, own, strength.width, strength.variance * weights, targets.n_forces)
        )
        for strength, fragment, own in zip(found.strengths, fragments, points, strict=True)
        if strength.variance
    ]
    return terms, weights


def expansion(
    fragment: Fragment, points: Points, width: float, weights: Float[np.ndarray, " n"], n_forces: int
) -> KernelExpansion:
    """The energy function that some weights of forces and energies give."""
    by_force = torch.as_tensor(weights[:n_forces]).reshape(len(points), -1)
    return KernelExpansion(
        fragment.descriptor,
        points.x,
        torch.einsum("pdf,pf->pd", points.slopes, by_force),
        torch.as_tensor(weights[n_forces:]),
        fragment.permutations,
        width,
    )
