"""A kernel as one compiled function, for dynamics on the platforms Reference and CPU, and for training.

The formulas are those of ``kernel`` and ``descriptor``, which numba writes into the loops here. It keeps the machine
code of the loops, and does not see that a formula has changed: after a change there, clear ``__pycache__``.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from numba import njit
from torch import Tensor

from hybridff.corrections.descriptor import ANGLE, PAIR, TORSION, derivatives
from hybridff.corrections.formula import Formula
from hybridff.corrections.kernel import MATERN, KernelExpansion, inverse_scale
from hybridff.elementary import exp

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"arcp", "contract", "nsz", "reassoc"}}
_ROWS, _COLUMNS = 512, 1536
"""Geometries and permuted points whose products are computed at once, and stay in the processor's cache."""
_PARTS = 8
"""Parts for each thread, some of which other programs slow down."""
_fast = njit(cache=True, nogil=True, **_OPTIONS)
_inline = njit(cache=True, forceinline=True, **_OPTIONS)


def _function(formula: Formula, *wanted: str) -> Callable[..., Any]:
    """A function of the arguments of a formula that numba writes into those that call it."""
    namespace: dict[str, Any] = {"exp": exp, "sqrt": math.sqrt}
    exec(compile(formula.python("run", wanted), "<formula>", "exec"), namespace)
    return njit(forceinline=True, **_OPTIONS)(namespace["run"])


_pair, _pair_derivative = _function(PAIR, "value"), _function(PAIR, "derivative")
_angle, _angle_derivatives = _function(ANGLE, "value"), _function(ANGLE, *derivatives(ANGLE))
_torsion, _torsion_derivatives = _function(TORSION, "value"), _function(TORSION, *derivatives(TORSION))
_point = _function(MATERN, "energy", "by_difference", "first")


class CompiledKernel:
    """Adds the forces of a kernel on some atoms to those of an array, and returns its energy."""

    def __init__(self, atoms: Sequence[int], expansion: KernelExpansion) -> None:
        descriptor = expansion.descriptor
        pairs = np.array([(atoms[i], atoms[j]) for i, j in descriptor.pairs], dtype=np.int64)
        # Tuples: numba takes 3 µs more to tell the types of named ones, for each call.
        self._entries = pairs, descriptor.angle_pairs, descriptor.torsion_pairs, descriptor.angular_scale
        self._expansion = _arrays(expansion)
        self._constant = expansion.constant

    def __call__(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """At positions [nm]; forces [kJ/mol/nm], energy [kJ/mol]. Both arrays have to be contiguous and of float64."""
        return self._constant + _add(positions, forces, self._entries, self._expansion)


def sums(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, " frames"], Float[Tensor, "frames entries"]]:
    """Energies [kJ/mol] of descriptors [1/nm], less the constant, and their derivatives by the entries [nm kJ/mol].

    On as many threads as torch has, by products of matrices: |x - y|² = |x|² + |y|² - 2 x·y, from a centre that no
    permutation moves.
    """
    points, weights, energy_weights = expansion.expanded()
    centre, s = points.mean(0), inverse_scale(expansion.width)
    x, points = x - centre, points - centre
    last = points.new_zeros(len(points)) if energy_weights is None else energy_weights
    of_points = (points**2).sum(1), (points * weights).sum(1), last
    energies, by_x = x.new_zeros(len(x)), torch.zeros_like(x)
    for first in range(0, len(x), _ROWS):
        rows, out = x[first : first + _ROWS], by_x[first : first + _ROWS]
        sizes, own = (rows**2).sum(1).numpy(), energies[first : first + _ROWS].numpy()
        for start in range(0, len(points), _COLUMNS):
            part = slice(start, start + _COLUMNS)
            products, along = rows @ points[part].T, rows @ weights[part].T
            columns = tuple(array[part].numpy() for array in of_points)
            _in_threads(len(rows), partial(_between_some, s, (sizes, products.numpy(), along.numpy(), own), columns))
            out += products.sum(1)[:, None] * rows
            out.addmm_(products, points[part], alpha=-1).addmm_(along, weights[part], alpha=-1)
    return energies, by_x


def _between_some(s: float, rows: tuple[np.ndarray, ...], columns: tuple[np.ndarray, ...], part: slice) -> None:
    _between(s, tuple(array[part] for array in rows), columns)


def each(
    expansion: KernelExpansion, x: Float[Tensor, "frames entries"]
) -> tuple[Float[Tensor, "frames points"], Float[Tensor, "frames points entries"]]:
    """What each point adds to the ``sums`` of an expansion without energy weights."""
    points, weights, _ = (None if part is None else part.contiguous().numpy() for part in expansion.expanded())
    n, s, rows = len(expansion.points), inverse_scale(expansion.width), x.contiguous().numpy()
    energies, by_x = np.zeros((len(rows), n)), np.zeros((len(rows), n, rows.shape[1]))
    _in_threads(len(rows), lambda part: _each(rows[part], s, points, weights, energies[part], by_x[part]))
    return torch.from_numpy(energies), torch.from_numpy(by_x)


def _in_threads(n_rows: int, run: Callable[[slice], None]) -> None:
    """Call a function that releases Python's lock for all rows, a part of them at a time."""
    n_threads = torch.get_num_threads()
    size = max(1, -(-n_rows // (_PARTS * n_threads)))
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(run, [slice(first, first + size) for first in range(0, n_rows, size)]))


def _arrays(expansion: KernelExpansion) -> tuple[Any, ...]:
    """What ``_summed`` needs. |x - p x_i| = |p⁻¹ x - x_i|: x is permuted once for all points."""
    origin = np.argsort(expansion.descriptor.index(expansion.permutations).numpy(), axis=1)
    energies = expansion.energy_weights
    weights = expansion.points.new_zeros(len(expansion.points)) if energies is None else energies
    trained = (np.ascontiguousarray(part.numpy()) for part in (expansion.points, expansion.force_weights, weights))
    return inverse_scale(expansion.width), origin, *trained


@_fast
@no_type_check
def _between(s, rows, columns):
    """Adds to energies what points give some geometries.

    Their scalar products become the factors of u in the derivative, those of geometries and force weights the factors
    of the latter.
    """
    sizes, products, along, energies = rows
    of_points, along_points, weights = columns
    for i in range(len(sizes)):
        energy = 0.0
        for j in range(len(weights)):
            square = max(sizes[i] + of_points[j] - 2 * products[i, j], 0.0)
            own, products[i, j], along[i, j] = _point(s, square, along[i, j] - along_points[j], weights[j])
            energy += own
        energies[i] += energy


@_fast
@no_type_check
def _each(x, s, points, weights, energies, by_x):
    """Fills in what each of some points adds, which follow each other with all of their permutations."""
    n_images = len(points) // energies.shape[1]
    of_u, of_w = np.empty(len(points)), np.empty(len(points))
    for i in range(len(x)):
        for j in range(len(points)):
            square, along = 0.0, 0.0
            for k in range(x.shape[1]):
                u = x[i, k] - points[j, k]
                square += u * u
                along += u * weights[j, k]
            of_u[j], of_w[j] = square, along
        for j in range(len(points)):
            own, of_u[j], of_w[j] = _point(s, of_u[j], of_w[j], 0.0)
            energies[i, j // n_images] += own
        for j in range(len(points)):
            out = by_x[i, j // n_images]
            for k in range(x.shape[1]):
                out[k] += of_u[j] * (x[i, k] - points[j, k]) - of_w[j] * weights[j, k]


@_fast
@no_type_check
def _add(positions, forces, entries, expansion):
    """Energy of a geometry; adds the forces. ``by_x`` and ``by_r`` are derivatives by the entries and distances."""
    pairs = entries[0]
    along, r = np.empty((len(pairs), 3)), np.empty(len(pairs))
    for k in range(len(pairs)):
        square = 0.0
        for axis in range(3):
            along[k, axis] = positions[pairs[k, 1], axis] - positions[pairs[k, 0], axis]
            square += along[k, axis] * along[k, axis]
        r[k] = math.sqrt(square)
    x = _described(entries, r)
    by_x = np.zeros(len(x))
    energy = _summed(x, expansion, by_x)
    by_r = _by_distances(entries, r, by_x)
    for k in range(len(pairs)):
        factor = by_r[k] / r[k]
        for axis in range(3):
            force = factor * along[k, axis]
            forces[pairs[k, 0], axis] += force
            forces[pairs[k, 1], axis] -= force
    return energy


@_inline
@no_type_check
def _described(entries, r):
    """Entries of the descriptor, of distances."""
    pairs, angles, torsions, scale = entries
    x = np.empty(len(pairs) + len(angles) + len(torsions))
    for k in range(len(pairs)):
        x[k] = _pair(r[k])
    for k in range(len(angles)):
        ij, jk, ik = angles[k]
        x[len(pairs) + k] = scale * _angle(r[ij], r[jk], r[ik])
    for k in range(len(torsions)):
        ij, jk, km, ik, jm, im = torsions[k]
        x[len(pairs) + len(angles) + k] = scale * _torsion(r[ij], r[jk], r[km], r[ik], r[jm], r[im])
    return x


@_inline
@no_type_check
def _by_distances(entries, r, by_x):
    """Derivatives by the distances, from those by the entries."""
    pairs, angles, torsions, scale = entries
    by_r = np.empty(len(pairs))
    for k in range(len(pairs)):
        by_r[k] = _pair_derivative(r[k], by_x[k])
    for k in range(len(angles)):
        ij, jk, ik = angles[k]
        factor, own = scale * by_x[len(pairs) + k], _angle_derivatives(r[ij], r[jk], r[ik])
        for side in range(3):
            by_r[angles[k, side]] += factor * own[side]
    for k in range(len(torsions)):
        ij, jk, km, ik, jm, im = torsions[k]
        factor = scale * by_x[len(pairs) + len(angles) + k]
        own = _torsion_derivatives(r[ij], r[jk], r[km], r[ik], r[jm], r[im])
        for side in range(6):
            by_r[torsions[k, side]] += factor * own[side]
    return by_r


@_fast
@no_type_check
def _summed(x, expansion, by_x):
    """Energy of a sum over points and permutations; adds its derivatives by the entries.

    The points are gone over three times, so that the loop over ``_point`` becomes one of vector instructions: one loop
    for everything takes 1.4 to 1.7 times as long for ethanol. ``of_u`` and ``of_w`` hold |u|² and u · w, then the
    factors of u and w in the derivative.
    """
    s, origin, points, force_weights, energy_weights = expansion
    y, by_y = np.empty(len(x)), np.empty(len(x))
    of_u, of_w = np.empty(len(points)), np.empty(len(points))
    energy = 0.0
    for p in range(len(origin)):
        for k in range(len(x)):
            y[k] = x[origin[p, k]]
            by_y[k] = 0.0
        for i in range(len(points)):
            square, along = 0.0, 0.0
            for k in range(len(y)):
                u = y[k] - points[i, k]
                square += u * u
                along += u * force_weights[i, k]
            of_u[i], of_w[i] = square, along
        for i in range(len(points)):
            own, by_difference, first = _point(s, of_u[i], of_w[i], energy_weights[i])
            energy += own
            of_u[i], of_w[i] = by_difference, first
        for i in range(len(points)):
            for k in range(len(y)):
                by_y[k] += of_u[i] * (y[k] - points[i, k]) - of_w[i] * force_weights[i, k]
        for k in range(len(x)):
            by_x[origin[p, k]] += by_y[k]
    return energy
