"""Which geometries to label next: those after which a fit is expected to know the most of what it is for.

Forces and energy of a label are linear in the coefficients, so that what it would leave of the posterior does not
depend on what it says. Geometries are chosen one by one, each given those before (D. J. C. MacKay, Neural Comput. 4,
590 (1992), section 4; D. A. Cohn, Z. Ghahramani, M. I. Jordan, J. Artif. Intell. Res. 4, 129 (1996)): the next one is
that which takes most of the variance of the forces of some *targets*, geometries that the force field is to serve for.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import distance

from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.gaff.forcefield import ForceField

_BYTES = 1 << 30
"""Memory for what is known of the candidates; of more candidates, some are taken."""
_AS_GOOD = 0.98
"""Gain, in units of the best one, from which on a candidate is as good: the most unlike the others is taken then."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Geometries in the order in which they were chosen."""

    rows: Int[np.ndarray, " chosen"]
    """Which of the candidates they are."""
    left: Float[np.ndarray, " chosen"]
    """Predicted root mean square error of the forces of the targets once each is labelled [kJ/mol/nm]; not a number
    where nothing is predicted."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What the posterior says of candidates and targets, in units of the noise and of independent coefficients."""

    rows: Float[np.ndarray, "rank candidates data"]
    """What each datum of a candidate, all forces and the energy, would tell of each of these coefficients."""
    probes: Float[np.ndarray, "rank probes"]
    """What the forces of the targets depend on: the sum of squares is their mean variance [(kJ/mol/nm)²]."""


def choose_by_posterior(
    posterior: Posterior,
    force_field: ForceField,
    noise: Noise,
    candidates: Float[np.ndarray, "candidates atoms 3"],
    targets: Float[np.ndarray, "targets atoms 3"],
    wanted: int,
    known: Float[np.ndarray, "known atoms 3"] | None = None,
) -> Choice:
    """Choose from ``candidates`` [nm], by what they tell of the forces of ``targets`` [nm]; deterministic.

    ``noise`` is what the fit leaves of data. ``known`` geometries [nm] have labels: of candidates that are as good as
    each other, the most unlike these is taken.
    """
    most = max(wanted, _BYTES // (4 * len(posterior.spread) * (candidates[0].size + 1)))
    some = np.unique(np.linspace(0, len(candidates) - 1, min(most, len(candidates))).astype(int))
    rows = posterior.whitened(force_field, noise, candidates[some])
    found = _Known(rows, posterior.probes(force_field, targets))
    others = np.concatenate([candidates[some], candidates[:0] if known is None else known])
    order, left = _greedy(found, _unlike(others)[: len(some)], min(wanted, len(some)))
    return Choice(some[order], posterior.scale * np.sqrt(left))


def choose_farthest(
    candidates: Float[np.ndarray, "candidates atoms 3"],
    wanted: int,
    known: Float[np.ndarray, "known atoms 3"] | None = None,
) -> Choice:
    """Choose the candidates [nm] that are farthest from each other and from ``known`` geometries [nm], one by one.

    Distances are those of all inverse distances between atoms. Without known geometries, the first is the one nearest
    to the mean.
    """
    others = candidates[:0] if known is None else known
    places = _inverse_distances(np.concatenate([candidates, others]))
    own, given = places[: len(candidates)], places[len(candidates) :]
    rows = [] if len(given) else [int(np.argmin(np.linalg.norm(own - own.mean(0), axis=1)))]
    nearest = distance.cdist(own, np.concatenate([given, own[rows]])).min(1)
    while len(rows) < min(wanted, len(own)):
        rows.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(own - own[rows[-1]], axis=1))
    return Choice(np.array(rows, dtype=int), np.full(len(rows), np.nan))


def choose_at_random(n_candidates: int, wanted: int, seed: int = 0) -> Choice:
    """Choose from so many candidates by a seed."""
    rows = np.random.default_rng(seed).permutation(n_candidates)[:wanted]
    return Choice(rows, np.full(len(rows), np.nan))


def _greedy(
    known: _Known, unlike: Float[np.ndarray, "candidates others"], wanted: int
) -> tuple[list[int], Float[np.ndarray, " chosen"]]:
    """Candidates one by one, and the mean variance that the targets have after each [(kJ/mol/nm)²].

    A label whose data have the covariance C takes K (1 + C)⁻¹ Kᵀ from the covariance of anything that has the
    covariance K with them: products of rows, less what labels before have taken, which is kept as factors.
    """
    rank, n, size = known.rows.shape
    flat = known.rows.reshape(rank, n * size)
    own = np.array([known.rows[:, i].T @ known.rows[:, i] for i in range(n)], dtype=float)
    shared = (known.probes.astype(np.float32).T @ flat).reshape(-1, n, size).astype(float)
    left, found = float((known.probes.astype(float) ** 2).sum()), np.empty(wanted)
    order: list[int] = []
    factors: list[Float[np.ndarray, "data candidates data"]] = []
    free, nearest = np.ones(n, dtype=bool), unlike[:, n:].min(1, initial=np.inf)
    for step in range(wanted):
        gains = _gains(own, shared)
        best = _best(gains, nearest, free)
        covariance = (known.rows[:, best].T @ flat).reshape(size, n, size).astype(float)
        for factor in factors:
            covariance -= np.tensordot(factor[:, best], factor, (0, 0))
        root = np.linalg.cholesky(np.eye(size) + own[best])
        factors.append(np.linalg.solve(root, covariance.reshape(size, -1)).reshape(size, n, size))
        shared -= np.tensordot(np.linalg.solve(root, shared[:, best].T), factors[-1], (0, 0))
        own -= factors[-1].transpose(1, 2, 0) @ factors[-1].transpose(1, 0, 2)
        left -= float(gains[best])
        order.append(best)
        found[step] = max(left, 0.0)
        free[best], nearest = False, np.minimum(nearest, unlike[:, best])
    return order, found


def _gains(
    own: Float[np.ndarray, "candidates data data"], shared: Float[np.ndarray, "probes candidates data"]
) -> Float[np.ndarray, " candidates"]:
    """What a label of each candidate takes of the variance of the targets [(kJ/mol/nm)²]."""
    with_targets = shared.transpose(1, 2, 0)
    solved = np.linalg.solve(np.eye(own.shape[1]) + own, with_targets)
    return np.einsum("cip,cip->c", with_targets, solved)


def _best(gains: Float[np.ndarray, " n"], nearest: Float[np.ndarray, " n"], free: Bool[np.ndarray, " n"]) -> int:
    """The free candidate with the largest gain; of those that are as good, the farthest from all known ones."""
    as_good = free & (gains >= _AS_GOOD * gains[free].max())
    return int(np.flatnonzero(as_good)[np.argmax(nearest[as_good])])


def _unlike(places: Float[np.ndarray, "all atoms 3"]) -> Float[np.ndarray, "all all"]:
    """How unlike all geometries are to each other."""
    found = _inverse_distances(places)
    return distance.cdist(found, found)


def _inverse_distances(positions: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, "frames pairs"]:
    """Inverse distances of all pairs of atoms [1/nm]."""
    i, j = np.triu_indices(positions.shape[1], 1)
    return 1 / np.linalg.norm(positions[:, i] - positions[:, j], axis=2)
