"""A term table compiled for one frame at a time: what runs in every step of dynamics on OpenMM's Reference and CPU.

Every internal coordinate is computed once, every feature once with its derivatives, terms are multiplied and added,
and one way back leads to the forces. Data stand in three flat arrays, which a call from Python passes at little cost.
"""

from enum import IntEnum
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from hybridff.elementary import OPTIONS
from hybridff.gaff import compiled_loops as kernels
from hybridff.gaff.codegen import call_kernel
from hybridff.gaff.compiled_terms import sums_of
from hybridff.gaff.terms import TermTable
from hybridff.gaff.tiles import FeatureTiles


class CompiledEnergy:
    """Energy and forces of a term table with these values of its parameters, for one frame.

    Terms whose coefficient is exactly zero are left out. An object belongs to one thread at a time.
    """

    def __init__(self, table: TermTable, values: Float[np.ndarray, " parameters"]) -> None:
        sums = sums_of(table, values)
        features = FeatureTiles(table, values)
        features.add(sums.used)
        data = {**features.arrays(), **sums.arrays(features.slots, features.size)}
        self._control, self._index, self._numbers = _pack(data, sums.constant)

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]."""
        forces = np.empty(positions.shape)
        return self.into(np.ascontiguousarray(positions, dtype=np.float64), forces), forces

    def into(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """The energy; forces are written into an array. Both arrays have to be contiguous and of float64."""
        return _evaluate(positions, forces, self._control, self._index, self._numbers)


_CONTROL = ("addresses", "tiles", "blocks", "rows")
_INDEX = (
    *("legs", "angle_places", "angle_targets", "torsion_places", "torsion_targets", "plane_places", "plane_targets"),
    *("bend_places", "bend_targets"),
    *("sources", "factors", "keys", "partners"),
)
_NUMBERS = (
    *("constant", "angle_signs", "torsion_signs", "plane_signs", "bend_signs", "p", "linear", "coefficients"),
    *("leg", "q", "dq", "pull", "scratch", "angle_slopes", "torsion_slopes", "plane_slopes", "bend_slopes"),
    *("x", "dx", "s", "f", "df"),
)
_At = IntEnum("_At", (*_CONTROL, *_INDEX, *_NUMBERS), start=0)  # type: ignore[misc]


def _pack(data: dict[str, np.ndarray], constant: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All arrays in three; the first begins with where each of the others begins and ends."""
    data = {**data, "constant": np.array([constant])}
    header = np.zeros(2 * len(_At), dtype=np.int64)
    packed = []
    for names, dtype, start in ((_CONTROL, np.int64, len(header)), (_INDEX, np.uint32, 0), (_NUMBERS, np.float64, 0)):
        for name in names:
            header[2 * _At[name] : 2 * _At[name] + 2] = start, start + len(data[name])
            start += len(data[name])
        packed.append(np.concatenate([data[name] for name in names]).astype(dtype))
    return np.concatenate([header, packed[0]]), packed[1], packed[2]


@njit(forceinline=True, **OPTIONS)
@no_type_check
def _view(data, control, at):
    """One of the arrays that ``_pack`` put together."""
    place = 2 * np.int64(at)
    return data[control[place] : control[place + 1]]


@njit(**OPTIONS)
@no_type_check
def _coordinates(positions, control, index, numbers):
    """All coordinates with their derivatives, copied to where the features read them."""
    leg, q = _view(numbers, control, _At.leg), _view(numbers, control, _At.q)
    atoms, scratch = _view(index, control, _At.legs), _view(numbers, control, _At.scratch)
    kernels.legs(atoms, positions, leg, q)
    q_rest = q[len(atoms) // 2 :]
    places, slopes = _view(index, control, _At.angle_places), _view(numbers, control, _At.angle_slopes)
    kernels.angles(places, _view(numbers, control, _At.angle_signs), leg, scratch, slopes, q_rest)
    q_rest = q_rest[len(places) // 2 :]
    places, slopes = _view(index, control, _At.torsion_places), _view(numbers, control, _At.torsion_slopes)
    kernels.torsions(places, _view(numbers, control, _At.torsion_signs), leg, scratch, slopes, q_rest)
    q_rest = q_rest[len(places) // 3 :]
    places, slopes = _view(index, control, _At.plane_places), _view(numbers, control, _At.plane_slopes)
    kernels.planes(places, _view(numbers, control, _At.plane_signs), leg, scratch, slopes, q_rest)
    q_rest = q_rest[len(places) // 3 :]
    places, slopes = _view(index, control, _At.bend_places), _view(numbers, control, _At.bend_slopes)
    kernels.bend_products(places, _view(numbers, control, _At.bend_signs), leg, scratch, slopes, q_rest)
    blocks, sources = _view(control, control, _At.blocks), _view(index, control, _At.sources)
    kernels.to_tiles(blocks, sources, q, _view(numbers, control, _At.x))


@njit(**OPTIONS)
@no_type_check
def _energy(control, index, numbers):
    """All terms, and dE/df."""
    matrix = (
        _view(index, control, _At.keys),
        _view(control, control, _At.rows),
        _view(index, control, _At.partners),
        _view(numbers, control, _At.coefficients),
    )
    return _view(numbers, control, _At.constant)[0] + kernels.terms(
        _view(numbers, control, _At.linear),
        _view(index, control, _At.factors),
        matrix,
        _view(numbers, control, _At.f),
        _view(numbers, control, _At.df),
    )


@njit(**OPTIONS)
@no_type_check
def _forces(forces, control, index, numbers):
    """Write forces, from dE/df."""
    dq, pull, df = (
        _view(numbers, control, _At.dq),
        _view(numbers, control, _At.pull),
        _view(numbers, control, _At.df),
    )
    blocks, sources = _view(control, control, _At.blocks), _view(index, control, _At.sources)
    tiles, s, dx = _view(control, control, _At.tiles), _view(numbers, control, _At.s), _view(numbers, control, _At.dx)
    dq[:] = 0.0
    pull[:] = 0.0
    forces[:] = 0.0
    kernels.from_tiles(tiles, blocks, sources, df, s, dx, dq)
    atoms, leg = _view(index, control, _At.legs), _view(numbers, control, _At.leg)
    dq_rest = dq[len(atoms) // 2 :]
    targets = _view(index, control, _At.angle_targets)
    kernels.to_legs(targets, _view(numbers, control, _At.angle_slopes), 2, dq_rest, pull)
    dq_rest = dq_rest[len(targets) // 2 :]
    targets = _view(index, control, _At.torsion_targets)
    kernels.to_legs(targets, _view(numbers, control, _At.torsion_slopes), 3, dq_rest, pull)
    dq_rest = dq_rest[len(targets) // 3 :]
    targets = _view(index, control, _At.plane_targets)
    kernels.to_legs(targets, _view(numbers, control, _At.plane_slopes), 3, dq_rest, pull)
    dq_rest = dq_rest[len(targets) // 3 :]
    targets = _view(index, control, _At.bend_targets)
    kernels.to_legs(targets, _view(numbers, control, _At.bend_slopes), 3, dq_rest, pull)
    kernels.to_atoms(atoms, leg, dq, pull, forces)


@njit(**OPTIONS)
@no_type_check
def _features(control, numbers):
    """All features with their derivatives."""
    addresses, tiles = _view(control, control, _At.addresses), _view(control, control, _At.tiles)
    x, p = _view(numbers, control, _At.x).ctypes.data, _view(numbers, control, _At.p).ctypes.data
    f, s = _view(numbers, control, _At.f).ctypes.data, _view(numbers, control, _At.s).ctypes.data
    for tile in range(len(addresses)):
        at = tiles[6 * tile :]
        call_kernel(addresses[tile], x + 8 * at[0], p + 8 * at[1], f + 8 * at[2], s + 8 * at[3], at[4])


@njit(**OPTIONS)
@no_type_check
def _evaluate(positions, forces, control, index, numbers):
    """The energy; forces are written into their array."""
    _coordinates(positions, control, index, numbers)
    _features(control, numbers)
    energy = _energy(control, index, numbers)
    _forces(forces, control, index, numbers)
    return energy
