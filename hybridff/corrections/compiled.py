"""A kernel as one compiled function, for dynamics on the platforms Reference and CPU."""

import math
from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from hybridff.corrections.kernel import TINY, KernelExpansion
from hybridff.elementary import exp

_TOGETHER = 4
"""Points that ``_measure`` and ``_gather`` go over at a time, so that sums over entries do not wait for each other."""
_TILE = 2**16
"""Bytes of points and weights that are gone through with every permutation before the next ones: a cache holds them."""


class CompiledKernel:
    """Adds the forces of a kernel on some atoms to those of an array, and returns its energy."""

    def __init__(self, atoms: Sequence[int], expansion: KernelExpansion) -> None:
        descriptor = expansion.descriptor
        pairs = np.array([(atoms[i], atoms[j]) for i, j in descriptor.pairs], dtype=np.int64)
        angular = descriptor.angle_pairs, descriptor.torsion_pairs, descriptor.angular_scale
        # |x - p x_i| = |p⁻¹ x - x_i|: x is permuted once for all points.
        origin = np.argsort(descriptor.index(expansion.permutations).numpy(), axis=1)
        trained = [_padded(part.numpy()) for part in (expansion.points, expansion.force_weights)]
        energies = expansion.energy_weights
        trained.append(_padded(np.zeros(len(expansion.points)) if energies is None else energies.numpy()))
        n = len(descriptor)
        tile = max(1, _TILE // (2 * 8 * n * _TOGETHER)) * _TOGETHER
        scratch = np.empty(n), np.empty(len(pairs)), np.empty(len(pairs)), np.empty((len(pairs), 3))
        sums = np.empty(n), np.empty(n), np.empty(n), np.empty(tile), np.empty(tile)
        self._arguments = (math.sqrt(5) / expansion.width, pairs, *angular, origin, *trained, *scratch, *sums)
        self._constant = expansion.constant

    def __call__(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """At positions [nm]; forces [kJ/mol/nm], energy [kJ/mol]. Both arrays have to be contiguous and of float64."""
        return self._constant + _add(positions, forces, *self._arguments)


def _padded(rows: Float[np.ndarray, "points *entries"]) -> Float[np.ndarray, "more *entries"]:
    """With rows of nothing, to a multiple of the points that are taken together."""
    missing = -len(rows) % _TOGETHER
    return np.ascontiguousarray(np.concatenate([rows, np.zeros((missing, *rows.shape[1:]))]))


_MATHS = frozenset({"contract", "nsz", "reassoc"})
_fast = njit(cache=True, fastmath=set(_MATHS))
_inline = njit(cache=True, fastmath=set(_MATHS), forceinline=True)


@_fast
@no_type_check
def _add(
    positions, forces, s, pairs, angles, torsions, scale, origin, points, weights, energies,
    x, r, pull, along, slope, y, permuted_slope, both, first,
):  # fmt: skip
    """The formulas are those of ``kernel`` and ``descriptor``; ``pull`` is the derivative by each distance."""
    n_pairs = len(pairs)
    for k in range(n_pairs):
        square = 0.0
        for axis in range(3):
            along[k, axis] = positions[pairs[k, 1], axis] - positions[pairs[k, 0], axis]
            square += along[k, axis] * along[k, axis]
        r[k] = math.sqrt(square)
        x[k] = 1.0 / r[k]
    for k in range(len(angles)):
        x[n_pairs + k] = scale * _cosine(r, x, angles[k, 0], angles[k, 1], angles[k, 2])
    begin = n_pairs + len(angles)
    for k in range(len(torsions)):
        ij, jk, km, ik, jm = torsions[k, 0], torsions[k, 1], torsions[k, 2], torsions[k, 3], torsions[k, 4]
        product = _cosine(r, x, ij, jk, ik) * _cosine(r, x, jk, km, jm)
        x[begin + k] = scale * (product - _across(r, x, torsions[k]))
    energy = _sum(x, s, origin, points, weights, energies, slope, y, permuted_slope, both, first)
    for k in range(n_pairs):
        pull[k] = -slope[k] * x[k] * x[k]
    for k in range(len(angles)):
        _pull_cosine(r, x, angles[k, 0], angles[k, 1], angles[k, 2], scale * slope[n_pairs + k], pull)
    for k in range(len(torsions)):
        factor = scale * slope[begin + k]
        ij, jk, km, ik, jm, im = torsions[k]
        _pull_cosine(r, x, ij, jk, ik, factor * _cosine(r, x, jk, km, jm), pull)
        _pull_cosine(r, x, jk, km, jm, factor * _cosine(r, x, ij, jk, ik), pull)
        across, inverse = factor * _across(r, x, torsions[k]), factor * x[ij] * x[km]
        pull[ij] += across * x[ij]
        pull[km] += across * x[km]
        pull[im] -= inverse * r[im]
        pull[jk] -= inverse * r[jk]
        pull[ik] += inverse * r[ik]
        pull[jm] += inverse * r[jm]
    for k in range(n_pairs):
        factor = pull[k] * x[k]
        for axis in range(3):
            force = factor * along[k, axis]
            forces[pairs[k, 0], axis] += force
            forces[pairs[k, 1], axis] -= force
    return energy


@_fast
@no_type_check
def _sum(x, s, origin, points, weights, energies, slope, y, permuted_slope, both, first):
    """The energy, and its derivatives by the entries; tile by tile of the points, each with every permutation.

    ``both`` and ``first`` hold |u|² and u · weights until the factors of the derivative replace them.
    """
    n_entries, tile = len(x), len(both)
    third = s * s / 3.0
    slope[:] = 0.0
    energy = 0.0
    for start in range(0, len(points), tile):
        stop = min(start + tile, len(points))
        for p in range(len(origin)):
            for k in range(n_entries):
                y[k] = x[origin[p, k]]
                permuted_slope[k] = 0.0
            _measure(y, points, weights, start, stop, both, first)
            for i in range(stop - start):
                sd, along, weight = s * math.sqrt(both[i]), first[i], energies[start + i]
                decay = exp(-sd)
                first[i] = third * (1.0 + sd) * decay
                energy += weight * (1.0 + sd + sd * sd / 3.0) * decay - first[i] * along
                both[i] = s * s * third * decay * along - weight * first[i]
            _gather(y, points, weights, start, stop, both, first, permuted_slope)
            for k in range(n_entries):
                slope[origin[p, k]] += permuted_slope[k]
    return energy


@_inline
@no_type_check
def _measure(y, points, weights, start, stop, squares, along):
    """Squares of the differences u to the points of a tile, and u · weights, four points at a time."""
    for m in range(start, stop, _TOGETHER):
        s0, s1, s2, s3 = TINY, TINY, TINY, TINY
        a0, a1, a2, a3 = 0.0, 0.0, 0.0, 0.0
        p, w, i = points[m : m + _TOGETHER], weights[m : m + _TOGETHER], m - start
        for k in range(len(y)):
            u0, u1, u2, u3 = y[k] - p[0, k], y[k] - p[1, k], y[k] - p[2, k], y[k] - p[3, k]
            s0, s1, s2, s3 = s0 + u0 * u0, s1 + u1 * u1, s2 + u2 * u2, s3 + u3 * u3
            a0, a1, a2, a3 = a0 + u0 * w[0, k], a1 + u1 * w[1, k], a2 + u2 * w[2, k], a3 + u3 * w[3, k]
        squares[i], squares[i + 1], squares[i + 2], squares[i + 3] = s0, s1, s2, s3
        along[i], along[i + 1], along[i + 2], along[i + 3] = a0, a1, a2, a3


@_inline
@no_type_check
def _gather(y, points, weights, start, stop, both, first, slope):
    """Add both · u - first · weights of the points of a tile, four at a time."""
    for m in range(start, stop, _TOGETHER):
        p, w, i = points[m : m + _TOGETHER], weights[m : m + _TOGETHER], m - start
        b0, b1, b2, b3 = both[i], both[i + 1], both[i + 2], both[i + 3]
        f0, f1, f2, f3 = first[i], first[i + 1], first[i + 2], first[i + 3]
        for k in range(len(y)):
            there = b0 * (y[k] - p[0, k]) + b1 * (y[k] - p[1, k])
            there += b2 * (y[k] - p[2, k]) + b3 * (y[k] - p[3, k])
            there -= f0 * w[0, k] + f1 * w[1, k]
            slope[k] += there - (f2 * w[2, k] + f3 * w[3, k])


@_fast
@no_type_check
def _cosine(r, inverse, first, second, across):
    """Of the angle between two sides of a triangle."""
    squares = r[first] * r[first] + r[second] * r[second] - r[across] * r[across]
    return 0.5 * squares * inverse[first] * inverse[second]


@_fast
@no_type_check
def _across(r, inverse, sides):
    """Cosine between the first and the last bond of a torsion."""
    ij, jk, km, ik, jm, im = sides
    squares = r[im] * r[im] + r[jk] * r[jk] - r[ik] * r[ik] - r[jm] * r[jm]
    return 0.5 * squares * inverse[ij] * inverse[km]


@_fast
@no_type_check
def _pull_cosine(r, inverse, first, second, across, factor, pull):
    """Add a multiple of the derivatives of a cosine by the three sides."""
    cosine = _cosine(r, inverse, first, second, across)
    pull[first] += factor * (inverse[second] - cosine * inverse[first])
    pull[second] += factor * (inverse[first] - cosine * inverse[second])
    pull[across] -= factor * r[across] * inverse[first] * inverse[second]
