"""How strong kernels are: what predicts frames best that nothing was fitted to.

Length scales, amplitudes and noise are changed one by one, as long as forces and energies of unseen frames come out
better in single precision, which wide kernels with little noise do not survive. The likelihood of the training frames
is no guide here: a fit leaves less on its own frames than on others, and with as many coefficients as class II has,
almost nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hybridff.corrections.covariance import Points, solve_in_place
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.posterior import Hyperparameters, Strength, Targets, covariance, cross_covariance, expansion

_WIDTH, _AMPLITUDE, _NOISE, _ENERGY_NOISE = 20.0, 0.3, 0.001, 0.005
"""Where the search begins: length scale [1/nm]; amplitude, and noise of forces, in units of the reference forces; noise
of energies over that of forces [nm]."""
_WIDTH_STEP, _STEP = 2.0, 3.0
"""Factors that length scales, and all else, are changed by."""
_BETTER = 0.003
"""Least change of the score that is followed."""
WORTH = 0.04
"""Least gain of a kernel: two per cent of the errors of forces and energies."""
_TERMS_WORSE = 0.1
"""Score that the terms alone may have."""
_FEW_KERNELS = 3
"""That are changed one by one."""
_KEPT = 3
"""Covariances that are kept for each kernel."""
SAMPLE = 50
"""Geometries that tell how large forces of a kernel are."""
_ROUNDED = 20
"""Geometries that tell what single precision does."""
_TINY = 1e-9
"""Errors that are as good as none [kJ/mol, kJ/mol/nm]."""


@dataclass(frozen=True)
class State:
    """How strong kernels are."""

    widths: tuple[float, ...]
    """Length scale of each [1/nm]."""
    amplitudes: tuple[float, ...]
    """Size of force components that each gives a priori [kJ/mol/nm]; zero for a kernel that is switched off."""
    force_noise: float
    """[kJ/mol/nm]"""
    energy_noise: float
    """[kJ/mol]"""
    freedom: float = 1.0
    """Deviations that the coefficients of the terms have, in units of those that their fit has left."""

    @classmethod
    def usual(cls, n: int, scale: float, width: float | None = None, noise: float | None = None) -> "State":
        """What mostly is good, of ``n`` kernels for reference forces of some size [kJ/mol/nm]."""
        noise = _NOISE * scale if noise is None else noise
        each = _AMPLITUDE * scale / math.sqrt(n)
        return cls((_WIDTH if width is None else width,) * n, (each,) * n, noise, _ENERGY_NOISE * noise)

    def without(self, place: int) -> "State":
        """One kernel switched off."""
        return replace(self, amplitudes=tuple(0.0 if i == place else a for i, a in enumerate(self.amplitudes)))

    def hyperparameters(self, fragments: Sequence[Fragment], points: Sequence[Points]) -> Hyperparameters:
        """For kernels whose forces have these amplitudes at the first of some geometries."""
        strengths = []
        for width, amplitude, fragment, own in zip(self.widths, self.amplitudes, fragments, points, strict=True):
            mean = covariance(Points(own.x[:SAMPLE], own.slopes[:SAMPLE]), fragment, width)[1] if amplitude else 1.0
            strengths.append(Strength(width, amplitude**2 / mean, amplitude))
        return Hyperparameters(tuple(strengths), self.force_noise, self.energy_noise)


Change = Callable[[State, bool], State]
"""Makes something larger, or else smaller."""
Judge = Callable[[State], float]
"""The score of a state; infinite where it is not possible."""


@dataclass(frozen=True)
class Learnt:
    """The best state that was seen."""

    state: State
    score: float
    gains: tuple[float, ...]
    """By how much the score is worse without each kernel; zero for those that are switched off."""


@dataclass(frozen=True, eq=False)
class Part:
    """Of training or unseen frames."""

    values: Float[Tensor, " n"]
    """Forces in the basis of each geometry [kJ/mol/nm], then energies [kJ/mol]."""
    n_forces: int
    offset: Float[Tensor, "n 1"]
    """What an unknown zero of energy does to them."""
    points: Sequence[Points]
    """As each kernel sees them."""
    terms: Float[Tensor, "coefficients n"] | None
    """What the coefficients do to them, each by the deviation that its fit has left; None where they are fixed."""
    anchored: Float[np.ndarray, " anchors"] = field(default_factory=lambda: np.zeros(0))
    """Deviations of the last energies, of anchors, over that of the noise of forces [nm]."""


def score(
    values: Float[np.ndarray, " n"],
    left: Float[np.ndarray, " n"],
    n_forces: int,
    rounding: tuple[float, float] = (0.0, 0.0),
) -> float:
    """How much worse what is left is than the values: the sum of the logarithms of forces and energies.

    Of energies, the mean does not count. ``rounding`` are deviations of forces and energies that come on top.
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
    """Deviations of forces and energies of some geometries in single precision [kJ/mol/nm, kJ/mol].

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


def learn(
    judge: Judge, begin: State, changes: Sequence[Change], most: int, visit: Callable[[int, float], None] | None = None
) -> Learnt:
    """Follow changes as long as they help, then switch off kernels that add too little.

    ``most`` is how many states may be judged on the way; ``visit`` is told of each how many there were and the best
    score so far.
    """
    scores: dict[State, float] = {}

    def judged(state: State) -> float:
        if state not in scores:
            scores[state] = judge(state) if any(state.amplitudes) else 0.0
            if visit is not None:
                visit(len(scores), min(scores.values()))
        return scores[state]

    state, best = begin, judged(begin)
    better = True
    while better and len(scores) < most:
        better = False
        for change in changes:
            for up in (True, False):
                followed = False
                while len(scores) < most and (found := judged(change(state, up))) < best - _BETTER:
                    state, best, followed = change(state, up), found, True
                better |= followed
                if followed:
                    break
    return _pruned(judged, state, best)


def changes(n: int, *, width: bool, noise: bool, terms: bool) -> list[Change]:
    """Of all kernels together, of noise, terms and length scales if wanted, then of few kernels one by one."""
    places = range(n)
    found: list[Change] = [partial(_louder, places)]
    if noise:
        found.append(_noisier)
    found.append(_less_sure_of_energies)
    if terms:
        found.append(_freer)
    if width:
        found.append(partial(_wider, places))
    if 1 < n <= _FEW_KERNELS:
        for place in places:
            found.append(partial(_louder, (place,)))
            if width:
                found.append(partial(_wider, (place,)))
    return found


class Predictions:
    """Judges kernels by what they predict, beside the terms, for unseen frames."""

    def __init__(self, train: Part, unseen: Part, fragments: Sequence[Fragment]) -> None:
        self._train, self._unseen, self._fragments = train, unseen, fragments
        self._offsets = train.offset @ train.offset.T, unseen.offset @ train.offset.T
        self._terms = None
        if train.terms is not None:
            assert unseen.terms is not None
            self._terms = train.terms.T @ train.terms, unseen.terms.T @ train.terms
        self._covariances: dict[tuple[int, float], tuple[Tensor, Tensor]] = {}

    def __call__(self, state: State) -> float:
        """The score; infinite where double precision does not suffice, or ``too_bad_alone`` says so."""
        matrix, across = (part.clone() for part in self._offsets)
        found = state.hyperparameters(self._fragments, self._train.points)
        parts = [
            (strength.variance, *self._covariance(place, strength.width))
            for place, strength in enumerate(found.strengths)
            if strength.variance
        ]
        if self._terms is not None:
            parts.append((state.freedom**2, *self._terms))
        for variance, own, other in parts:
            matrix += variance * own
            across += variance * other
        train, unseen = self._train, self._unseen
        targets = Targets(train.values, train.n_forces, matrix, train.anchored)
        matrix.diagonal().add_(targets.noise(state.force_noise, state.energy_noise))
        try:
            weights = solve_in_place(matrix, train.values)
        except np.linalg.LinAlgError:
            return math.inf
        values = unseen.values.numpy(force=True)
        if self._terms is not None:
            left = unseen.values - state.freedom**2 * (self._terms[1] @ weights)
            if too_bad_alone(score(values, left.numpy(force=True), unseen.n_forces)):
                return math.inf
        kernels = [
            expansion(fragment, own, strength.width, strength.variance * weights, train.n_forces)
            for fragment, own, strength in zip(self._fragments, train.points, found.strengths, strict=True)
            if strength.variance
        ]
        used = [own for own, strength in zip(unseen.points, found.strengths, strict=True) if strength.variance]
        rounding = single_precision(kernels, used)
        return score(values, (unseen.values - across @ weights).numpy(force=True), unseen.n_forces, rounding)

    def _covariance(self, place: int, width: float) -> tuple[Tensor, Tensor]:
        """Of the training frames with themselves and of the unseen ones with them."""
        key = place, width
        if key not in self._covariances:
            kept = [other for other in self._covariances if other[0] == place]
            if len(kept) == _KEPT:
                del self._covariances[kept[0]]
            fragment, points = self._fragments[place], self._train.points[place]
            own = cross_covariance(points, points, fragment, width)
            self._covariances[key] = own, cross_covariance(self._unseen.points[place], points, fragment, width)
        return self._covariances[key]


def too_bad_alone(score: float) -> bool:
    """Whether terms with this score may not be what is left far from all training frames."""
    return score > _TERMS_WORSE


def _pruned(judged: Judge, state: State, best: float) -> Learnt:
    """Without the kernels that add too little, the least first."""
    gains = [0.0] * len(state.amplitudes)
    while on := [place for place, amplitude in enumerate(state.amplitudes) if amplitude]:
        scores = {place: judged(state.without(place)) for place in on}
        gains = [scores[place] - best if place in scores else 0.0 for place in range(len(gains))]
        least = min(on, key=lambda place: scores[place])
        if gains[least] >= WORTH:
            break
        state, best = state.without(least), scores[least]
        gains[least] = 0.0
    return Learnt(state, best, tuple(gains))


def _louder(places: Sequence[int], state: State, up: bool) -> State:
    return replace(state, amplitudes=_scaled(state.amplitudes, places, _STEP, up))


def _wider(places: Sequence[int], state: State, up: bool) -> State:
    return replace(state, widths=_scaled(state.widths, places, _WIDTH_STEP, up))


def _noisier(state: State, up: bool) -> State:
    force, energy = _scaled((state.force_noise, state.energy_noise), (0, 1), _STEP, up)
    return replace(state, force_noise=force, energy_noise=energy)


def _less_sure_of_energies(state: State, up: bool) -> State:
    return replace(state, energy_noise=_scaled((state.energy_noise,), (0,), _STEP**2, up)[0])


def _freer(state: State, up: bool) -> State:
    return replace(state, freedom=min(1.0, _scaled((state.freedom,), (0,), _STEP, up)[0]))


def _scaled(values: tuple[float, ...], places: Sequence[int], factor: float, up: bool) -> tuple[float, ...]:
    """Rounded, so that there and back is the same state."""
    share = factor if up else 1 / factor
    return tuple(float(f"{share * v:.9g}") if place in places else v for place, v in enumerate(values))
