"""A kernel of inverse distances as one compiled function, for dynamics on the platforms Reference and CPU."""

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
        self._pairs = np.array([(atoms[i], atoms[j]) for i, j in expansion.descriptor.pairs], dtype=np.int64)
        self._points, self._weights = np.ascontiguousarray(points), np.ascontiguousarray(weights)
        self._energies = np.zeros(len(points)) if energies is None else np.ascontiguousarray(energies)
        self._s, self._constant = math.sqrt(5) / expansion.width, expansion.constant
        self._scratch = np.empty((6, len(self._pairs)))

    def __call__(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """At positions [nm]; forces [kJ/mol/nm], energy [kJ/mol]. Both arrays have to be contiguous and of float64."""
        arrays = self._pairs, self._points, self._weights, self._energies, self._scratch
        return self._constant + _add(positions, forces, self._s, *arrays)


@njit(cache=True, fastmath={"contract", "nsz", "reassoc"})
@no_type_check
def _add(positions, forces, s, pairs, points, weights, energies, scratch):
    """The formulas are those of ``kernel``."""
    x, slope, inverse = scratch[0], scratch[1], scratch[2]
    n_entries = len(pairs)
    for k in range(n_entries):
        i, j = pairs[k]
        square = 0.0
        for axis in range(3):
            difference = positions[j, axis] - positions[i, axis]
            scratch[3 + axis, k] = difference
            square += difference * difference
        inverse[k] = 1.0 / square
        x[k] = math.sqrt(inverse[k])
        slope[k] = 0.0
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
    for k in range(n_entries):
        i, j = pairs[k]
        factor = slope[k] * x[k] * inverse[k]
        for axis in range(3):
            force = factor * scratch[3 + axis, k]
            forces[j, axis] += force
            forces[i, axis] -= force
    return energy
