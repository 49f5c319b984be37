"""A kernel as one compiled function, for dynamics on the platforms Reference and CPU."""

import math
from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from hybridff.corrections.kernel import TINY, KernelExpansion


class CompiledKernel:
    """Adds the forces of a kernel on some atoms to those of an array, and returns its energy."""

    def __init__(self, atoms: Sequence[int], expansion: KernelExpansion) -> None:
        points, weights, energies = (None if part is None else part.numpy() for part in expansion.expanded())
        assert points is not None
        descriptor = expansion.descriptor
        pairs = np.array([(atoms[i], atoms[j]) for i, j in descriptor.pairs], dtype=np.int64)
        angular = descriptor.angle_pairs, descriptor.torsion_pairs, descriptor.angular_scale
        trained = (
            np.ascontiguousarray(points),
            np.ascontiguousarray(weights),
            np.zeros(len(points)) if energies is None else np.ascontiguousarray(energies),
        )
        n = len(descriptor)
        scratch = np.empty(n), np.empty(n), np.empty(len(pairs)), np.empty(len(pairs)), np.empty((len(pairs), 3))
        self._arguments = (math.sqrt(5) / expansion.width, pairs, *angular, *trained, *scratch)
        self._constant = expansion.constant

    def __call__(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """At positions [nm]; forces [kJ/mol/nm], energy [kJ/mol]. Both arrays have to be contiguous and of float64."""
        return self._constant + _add(positions, forces, *self._arguments)


_fast = njit(cache=True, fastmath={"contract", "nsz", "reassoc"})


@_fast
@no_type_check
def _add(positions, forces, s, pairs, angles, torsions, scale, points, weights, energies, x, slope, r, pull, along):
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
    first = n_pairs + len(angles)
    for k in range(len(torsions)):
        ij, jk, km, ik, jm = torsions[k, 0], torsions[k, 1], torsions[k, 2], torsions[k, 3], torsions[k, 4]
        product = _cosine(r, x, ij, jk, ik) * _cosine(r, x, jk, km, jm)
        x[first + k] = scale * (product - _across(r, x, torsions[k]))
    energy = _sum(x, s, points, weights, energies, slope)
    for k in range(n_pairs):
        pull[k] = -slope[k] * x[k] * x[k]
    for k in range(len(angles)):
        _pull_cosine(r, x, angles[k, 0], angles[k, 1], angles[k, 2], scale * slope[n_pairs + k], pull)
    for k in range(len(torsions)):
        factor = scale * slope[first + k]
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
def _sum(x, s, points, weights, energies, slope):
    """The energy, and its derivatives by the entries."""
    n_entries = len(x)
    slope[:] = 0.0
    energy = 0.0
    for m in range(len(points)):
        point, weight = points[m], weights[m]
        square, along = TINY, 0.0
        for k in range(n_entries):
            u = x[k] - point[k]
            square += u * u
            along += u * weight[k]
        sd = s * math.sqrt(square)
        decay = math.exp(-sd)
        first = s * s / 3.0 * (1.0 + sd) * decay
        energy += energies[m] * (1.0 + sd + sd * sd / 3.0) * decay - first * along
        both = s**4 / 3.0 * decay * along - energies[m] * first
        for k in range(n_entries):
            slope[k] += both * (x[k] - point[k]) - first * weight[k]
    return energy


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
