"""Hyperparameters of kernels: a search for those that predict best what nothing was fitted to.

Length scales, amplitudes and noise are changed one by one, as long as forces and energies of validation frames come out
better in single precision, which wide kernels with little noise do not survive. The likelihood of the training frames
is no guide here: a fit leaves less on its own frames than on others, and with as many coefficients as class II has,
almost nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import Points, solve_in_place
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.posterior import (
    KernelPrior,
    Priors,
    Targets,
    cross_covariance,
    expansion,
    mean_force_variance,
)

_WIDTH, _AMPLITUDE, _NOISE, _ENERGY_NOISE = 20.0, 0.3, 0.001, 0.005
"""Where the search begins: length scale [1/nm]; amplitude, and noise of forces, in units of the reference forces; noise
of energies over that of forces [nm]."""
_WIDTH_STEP, _STEP = 2.0, 3.0
"""Factor that length scales are changed by, and the one of all else."""
_BETTER = 0.003
"""Least change of the score that is followed."""
LEAST_GAIN = 0.04
"""Least gain of a kernel that is kept: two per cent of the errors of forces and energies."""
_POOREST_TERMS = 0.1
"""Highest score that the terms alone may have."""
_FEW_KERNELS = 3
"""Most kernels that are changed one by one."""
_KEPT = 3
"""Number of covariances that are kept for each kernel."""
SAMPLE = 50
"""Number of geometries from which the size of a kernel's forces is computed."""
_ROUNDED = 20
"""Number of geometries from which the errors of single precision are computed."""
_TINY = 1e-9
"""Errors that are as good as none [kJ/mol, kJ/mol/nm]."""


@dataclass(frozen=True)
class Hyperparameters:
    """Length scales, amplitudes and noise of kernels, and the prior of the terms' coefficients beside them."""

    widths: tuple[float, ...]
    """Length scale of each kernel [1/nm]."""
    amplitudes: tuple[float, ...]
    """Root mean square of the force components that each kernel gives a priori [kJ/mol/nm]; zero for a kernel that is
    switched off."""
    force_noise: float
    """Deviation of the noise of force components [kJ/mol/nm]."""
    energy_noise: float
    """Deviation of the noise of energies [kJ/mol]."""
    coefficient_scale: float = 1.0
    """Prior deviation of the terms' coefficients, in units of the one that their fit has left."""

    @classmethod
    def usual(cls, n: int, scale: float, width: float | None = None, noise: float | None = None) -> "Hyperparameters":
        """What mostly is good, of ``n`` kernels for reference forces of some size ``scale`` [kJ/mol/nm].

        ``width`` [1/nm] and the ``noise`` of forces [kJ/mol/nm] may be given.
        """
        noise = _NOISE * scale if noise is None else noise
        each = _AMPLITUDE * scale / math.sqrt(n)
        return cls((_WIDTH if width is None else width,) * n, (each,) * n, noise, _ENERGY_NOISE * noise)

    def with_noise(self, noise: float) -> "Hyperparameters":
        """The same with another noise of forces [kJ/mol/nm], and of energies in its proportion."""
        return replace(self, force_noise=noise, energy_noise=self.energy_noise / self.force_noise * noise)

    def without(self, place: int) -> "Hyperparameters":
        """The same with one kernel switched off."""
        return replace(self, amplitudes=tuple(0.0 if i == place else a for i, a in enumerate(self.amplitudes)))

    def priors(self, fragments: Sequence[Fragment], points: Sequence[Points]) -> Priors:
        """Priors of kernels whose forces have these amplitudes at the first of some geometries."""
        found = []
        for width, amplitude, fragment, own in zip(self.widths, self.amplitudes, fragments, points, strict=True):
            some = Points(own.x[:SAMPLE], own.slopes[:SAMPLE])
            mean = mean_force_variance(some, fragment, width) if amplitude else 1.0
            found.append(KernelPrior(width, amplitude**2 / mean))
        return Priors(tuple(found), self.force_noise, self.energy_noise)


Change = Callable[[Hyperparameters, int], Hyperparameters]
"""Makes some of them larger (1) or smaller (-1): multiplies by a factor to this power."""
Objective = Callable[[Hyperparameters], float]
"""The score to be made as low as possible; infinite where it cannot be computed."""


@dataclass(frozen=True)
class SearchResult:
    """The best hyperparameters that were tried."""

    hyperparameters: Hyperparameters
    score: float
    """The score of these: see ``score``."""
    gains: tuple[float, ...]
    """Increase of the score, which is worse, without each kernel; zero for those that are switched off."""


@dataclass(frozen=True, eq=False)
class Observations:
    """Forces and energies of training or validation frames, and what may explain them."""

    values: Float[Tensor, " n"]
    """Forces in the basis of each geometry [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    """Number of forces among the values."""
    offset: Float[Tensor, "n 1"]
    """Change of the values by an unknown zero of energy of its prior deviation."""
    points: Sequence[Points]
    """The geometries as each kernel sees them."""
    terms: Float[Tensor, "coefficients n"] | None
    """Change of the values by each coefficient of the terms, moved by the deviation that its fit has left; None where
    the coefficients are fixed."""
    pseudo_deviations: Float[np.ndarray, " pseudo_frames"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the last energies, those of pseudo-frames, over that of the noise of forces [nm]."""


def score(
    values: Float[np.ndarray, " n"],
    left: Float[np.ndarray, " n"],
    n_forces: int,
    rounding: tuple[float, float] = (0.0, 0.0),
) -> float:
    """How much larger what is left is than the values: log of the ratio of forces plus log of that of energies.

    Forces count by their root mean square, energies by their standard deviation. ``rounding`` are deviations of forces
    [kJ/mol/nm] and energies [kJ/mol] that come on top of what is left.
    """
    both = []
    for part in (values, left):
        both.append((float(np.sqrt(np.mean(part[:n_forces] ** 2))), float(np.std(part[n_forces:]))))
    before, after = both
    return sum(
        math.log(max(math.hypot(end, own), _TINY) / max(begin, _TINY))
        for begin, end, own in zip(before, after, rounding, strict=True)
    )


def single_precision(kernels: Sequence[KernelExpansion], points: Sequence[Points]) -> tuple[float, float]:
    """Root mean square errors of forces and energies of some geometries in single precision [kJ/mol/nm, kJ/mol].

    That is how GPUs compute them: terms of a kernel are much larger than their sum.
    """
    forces, energies = 0.0, 0.0
    for kernel, own in zip(kernels, points, strict=True):
        x, slopes = own.x[:_ROUNDED].cpu(), own.slopes[:_ROUNDED].cpu()
        found = []
        for dtype in (torch.float64, torch.float32):
            where = x.clone().requires_grad_()
            energy = kernel.of_descriptors(where, dtype)
            (slope,) = torch.autograd.grad(energy.sum(), where)
            found.append((energy.detach().double(), torch.einsum("pd,pdf->pf", slope, slopes)))
        (energy, force), (rounded_energy, rounded_force) = found
        forces += float((force - rounded_force).square().mean())
        energies += float((energy - rounded_energy).square().mean())
    return math.sqrt(forces), math.sqrt(energies)


def search(
    objective: Objective,
    begin: Hyperparameters,
    changes: Sequence[Change],
    most: int,
    visit: Callable[[int, float], None] | None = None,
    *,
    kept: int = 0,
) -> SearchResult:
    """Follow changes as long as they help, then switch off kernels that add too little, but for so many that are kept.

    ``most`` is how many hyperparameters may be scored on the way; ``visit`` is called after each with how many there
    were, and the best score so far.
    """
    scores: dict[Hyperparameters, float] = {}

    def scored(tried: Hyperparameters) -> float:
        if tried not in scores:
            scores[tried] = objective(tried) if any(tried.amplitudes) else 0.0
            if visit is not None:
                visit(len(scores), min(scores.values()))
        return scores[tried]

    found, best = begin, scored(begin)
    better = True
    while better and len(scores) < most:
        better = False
        for change in changes:
            for power in (1, -1):
                followed = False
                while len(scores) < most and (new := scored(change(found, power))) < best - _BETTER:
                    found, best, followed = change(found, power), new, True
                better |= followed
                if followed:
                    break
    return _pruned(scored, found, best, len(begin.amplitudes) - kept)


def changes(n: int, *, width: bool, noise: bool, terms: bool) -> list[Change]:
    """Changes of all kernels together, of noise, terms and length scales if wanted, then of few kernels one by one."""
    places = range(n)
    found: list[Change] = [partial(_change_amplitudes, places)]
    if noise:
        found.append(_change_noise)
    found.append(_change_energy_noise)
    if terms:
        found.append(_change_coefficient_scale)
    if width:
        found.append(partial(_change_widths, places))
    if 1 < n <= _FEW_KERNELS:
        for place in places:
            found.append(partial(_change_amplitudes, (place,)))
            if width:
                found.append(partial(_change_widths, (place,)))
    return found


@dataclass(frozen=True, eq=False)
class PredictionScore:
    """Scores hyperparameters by what kernels predict with them, beside the terms, for validation frames.

    Covariances are kept from one call to the next.
    """

    train: Observations
    validation: Observations
    fragments: Sequence[Fragment]
    """The atoms and descriptor of each kernel."""

    def __call__(self, hyperparameters: Hyperparameters) -> float:
        """The score; infinite where double precision does not suffice, or the terms alone would be too poor."""
        train, validation = self.train, self.validation
        priors = hyperparameters.priors(self.fragments, train.points)
        kernels = [(k, prior) for k, prior in enumerate(priors.kernels) if prior.variance]
        matrix, across = self._covariances(kernels, hyperparameters.coefficient_scale)
        targets = Targets(train.values, train.n_forces, matrix, train.pseudo_deviations)
        matrix.diagonal().add_(targets.noise(priors.force_noise, priors.energy_noise))
        try:
            weights = solve_in_place(matrix, train.values)
        except np.linalg.LinAlgError:
            return math.inf
        values = validation.values.numpy(force=True)
        if self._by_terms is not None:
            left = validation.values - hyperparameters.coefficient_scale**2 * (self._by_terms[1] @ weights)
            if too_poor_alone(score(values, left.numpy(force=True), validation.n_forces)):
                return math.inf
        expansions = [
            expansion(self.fragments[k], train.points[k], prior.width, prior.variance * weights, train.n_forces)
            for k, prior in kernels
        ]
        rounding = single_precision(expansions, [validation.points[k] for k, _ in kernels])
        left = validation.values - across @ weights
        return score(values, left.numpy(force=True), validation.n_forces, rounding)

    def _covariances(
        self, kernels: Sequence[tuple[int, KernelPrior]], coefficient_scale: float
    ) -> tuple[Float[Tensor, "n n"], Float[Tensor, "m n"]]:
        """Covariance of the training values with themselves, and of the validation values with them."""
        matrix, across = (part.clone() for part in self._by_offset)
        parts = [(prior.variance, *self._by_kernel(k, prior.width)) for k, prior in kernels]
        if self._by_terms is not None:
            parts.append((coefficient_scale**2, *self._by_terms))
        for variance, own, other in parts:
            matrix += variance * own
            across += variance * other
        return matrix, across

    @cached_property
    def _by_offset(self) -> tuple[Tensor, Tensor]:
        """The same by the zero of energy alone."""
        return self.train.offset @ self.train.offset.T, self.validation.offset @ self.train.offset.T

    @cached_property
    def _by_terms(self) -> tuple[Tensor, Tensor] | None:
        """The same by the coefficients of the terms alone; None where these are fixed."""
        if self.train.terms is None:
            return None
        assert self.validation.terms is not None
        return self.train.terms.T @ self.train.terms, self.validation.terms.T @ self.train.terms

    @cached_property
    def _kept(self) -> dict[tuple[int, float], tuple[Tensor, Tensor]]:
        """What ``_by_kernel`` found for the last length scales."""
        return {}

    def _by_kernel(self, place: int, width: float) -> tuple[Tensor, Tensor]:
        """The same by one kernel of unit variance alone."""
        key = place, width
        if key not in self._kept:
            kept = [other for other in self._kept if other[0] == place]
            if len(kept) == _KEPT:
                del self._kept[kept[0]]
            fragment, points = self.fragments[place], self.train.points[place]
            own = cross_covariance(points, points, fragment, width)
            self._kept[key] = own, cross_covariance(self.validation.points[place], points, fragment, width)
        return self._kept[key]


def too_poor_alone(score: float) -> bool:
    """Whether terms with this score are too poor to be what is left far from all training frames."""
    return score > _POOREST_TERMS


def _pruned(scored: Objective, found: Hyperparameters, best: float, most: int) -> SearchResult:
    """The result without the kernels that add too little, of which the least goes first; at most so many go."""
    gains = [0.0] * len(found.amplitudes)
    while on := [place for place, amplitude in enumerate(found.amplitudes) if amplitude]:
        scores = {place: scored(found.without(place)) for place in on}
        gains = [scores[place] - best if place in scores else 0.0 for place in range(len(gains))]
        least = min(on, key=lambda place: scores[place])
        if gains[least] >= LEAST_GAIN or len(found.amplitudes) - len(on) == most:
            break
        found, best = found.without(least), scores[least]
        gains[least] = 0.0
    return SearchResult(found, best, tuple(gains))


def _change_amplitudes(places: Sequence[int], old: Hyperparameters, power: int) -> Hyperparameters:
    return replace(old, amplitudes=_scaled(old.amplitudes, places, _STEP**power))


def _change_widths(places: Sequence[int], old: Hyperparameters, power: int) -> Hyperparameters:
    return replace(old, widths=_scaled(old.widths, places, _WIDTH_STEP**power))


def _change_noise(old: Hyperparameters, power: int) -> Hyperparameters:
    force, energy = _scaled((old.force_noise, old.energy_noise), (0, 1), _STEP**power)
    return replace(old, force_noise=force, energy_noise=energy)


def _change_energy_noise(old: Hyperparameters, power: int) -> Hyperparameters:
    return replace(old, energy_noise=_scaled((old.energy_noise,), (0,), (_STEP**2) ** power)[0])


def _change_coefficient_scale(old: Hyperparameters, power: int) -> Hyperparameters:
    return replace(old, coefficient_scale=min(1.0, _scaled((old.coefficient_scale,), (0,), _STEP**power)[0]))


def _scaled(values: tuple[float, ...], places: Sequence[int], factor: float) -> tuple[float, ...]:
    """Some of the values times a factor; rounded, so that there and back are the same hyperparameters."""
    return tuple(float(f"{factor * v:.9g}") if place in places else v for place, v in enumerate(values))
