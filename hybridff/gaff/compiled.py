"""A term table compiled for one frame at a time: what runs in every step of dynamics on OpenMM's Reference and CPU.

Every internal coordinate is computed once, every feature once with its derivatives, terms are multiplied and added,
and one way back leads to the forces. Data stand in three flat arrays, which a call from Python passes at little cost.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import combinations
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit

from hybridff.elementary import OPTIONS
from hybridff.gaff import kernels
from hybridff.gaff.codegen import Kernel, address, call_kernel, kernel
from hybridff.gaff.kernels import LEG, WIDTH
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES, angle, distance, out_of_plane, torsion

_VECTOR = 8
"""Rows are filled up to a multiple of this, so that whole vectors are computed; the added rows repeat others."""
_KINDS = (distance, angle, torsion, out_of_plane)
_LEGS: dict[Callable, Sequence[tuple[int, int]]] = {
    distance: ((0, 1),),
    angle: ((1, 0), (1, 2)),
    torsion: ((0, 1), (1, 2), (2, 3)),
    out_of_plane: ((0, 1), (0, 2), (0, 3)),
}
"""Between which of its atoms each internal coordinate has its legs."""


class CompiledEnergy:
    """Energy and forces of a term table with these values of its parameters, for one frame.

    Terms whose coefficient is exactly zero are left out. An object belongs to one thread at a time.
    """

    def __init__(self, table: TermTable, values: Float[np.ndarray, " parameters"]) -> None:
        sums = _sums(table, values)
        features = _FeatureData(sums.used, table, values)
        data = {**features.arrays(), **sums.arrays(features.slots, features.size)}
        self._control, self._index, self._numbers = _pack(data, sums.constant)

    def __call__(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]."""
        forces = np.empty(positions.shape)
        return self.into(np.ascontiguousarray(positions, dtype=np.float64), forces), forces

    def into(self, positions: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
        """The energy; forces are written into an array. Both arrays have to be contiguous and of float64."""
        return _evaluate(positions, forces, self._control, self._index, self._numbers)


@dataclass(frozen=True)
class _Sums:
    """The terms as a sum over products of feature rows."""

    constant: float
    used: Int[np.ndarray, " used"]
    """Feature rows that occur."""
    products: dict[tuple[int, ...], float]

    def arrays(self, slots: Int[np.ndarray, " features"], size: int) -> dict[str, np.ndarray]:
        """Everything that ``kernels.terms`` reads; ``slots`` is where each feature row is, of ``size`` places.

        Longer products are pairs of features, which become factors of their own, times one more.
        """
        products: defaultdict[tuple[int, ...], float] = defaultdict(float)
        for product, coefficient in self.products.items():
            products[tuple(sorted(slots[list(product)].tolist()))] += coefficient
        factors: dict[tuple[int, int], int] = {}
        while any(len(product) > 2 for product in products):
            products = _shorter(products, factors, size)
        linear = np.zeros(size + len(factors))
        matrix: dict[tuple[int, int], float] = {}
        for product, coefficient in products.items():
            if len(product) == 1:
                linear[product[0]] += coefficient
            elif product in factors:
                linear[factors[product[0], product[1]]] += coefficient
            else:
                matrix[product[0], product[1]] = coefficient
        rows = _rows(matrix)
        lengths = [len(row) for row in rows.values()]
        return {
            "linear": linear,
            "factors": np.array(list(factors), int).ravel(),
            "keys": np.array(list(rows), int),
            "rows": np.cumsum([0, *lengths]),
            "partners": np.array([partner for row in rows.values() for partner, _ in row], int),
            "coefficients": np.array([value for row in rows.values() for _, value in row], float),
            "f": np.zeros(len(linear)),
            "df": np.zeros(len(linear)),
        }


def _sums(table: TermTable, values: Float[np.ndarray, " parameters"]) -> _Sums:
    coefficients = values[table.coefficients] * table.multipliers
    products: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for product, coefficient in zip(table.products.tolist(), coefficients.tolist(), strict=True):
        if coefficient != 0.0:
            products[tuple(sorted(row for row in product if row >= 0))] += coefficient
    constant = float(products.pop((), 0.0))
    return _Sums(constant, np.array(sorted({row for product in products for row in product}), int), dict(products))


def _shorter(
    products: Mapping[tuple[int, ...], float], factors: dict[tuple[int, int], int], size: int
) -> defaultdict[tuple[int, ...], float]:
    """Each product of more than two with its most frequent pair as one factor; new pairs are added to ``factors``."""
    frequent = Counter(pair for product in products if len(product) > 2 for pair in set(combinations(product, 2)))
    result: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for product, coefficient in products.items():
        if len(product) > 2:
            pair = max(combinations(product, 2), key=lambda item: (frequent[item], item))
            rest = list(product)
            for item in pair:
                rest.remove(item)
            product = tuple(sorted((*rest, factors.setdefault(pair, size + len(factors)))))
        result[product] += coefficient
    return result


def _rows(matrix: dict[tuple[int, int], float]) -> dict[int, list[tuple[int, float]]]:
    """Elements of a symmetric matrix, each in the row of that index which has more of them; long rows first."""
    degree = Counter(index for pair in matrix for index in pair)
    rows: dict[int, list[tuple[int, float]]] = {}
    for (a, b), value in matrix.items():
        key, partner = (a, b) if (degree[a], -a) >= (degree[b], -b) else (b, a)
        rows.setdefault(key, []).append((partner, value))
    return {key: sorted(rows[key]) for key in sorted(rows, key=lambda key: (-len(rows[key]), key))}


class _FeatureData:
    """The feature rows in use, and all coordinates that they need, as arrays for the kernels."""

    def __init__(
        self, used: Int[np.ndarray, " used"], table: TermTable, values: Float[np.ndarray, " parameters"]
    ) -> None:
        self.slots = np.full(table.n_features, -1)
        self.size = 0
        self.coordinates = _Coordinates()
        self._blocks: dict[tuple, int] = {}
        self._sources: list[tuple[Callable, np.ndarray]] = []
        self._x = self._s = self._p = 0
        self._constants: list[np.ndarray] = []
        self._tiles: list[tuple[int, tuple[int, ...]]] = []
        first = 0
        for rows in table.features:
            own = used[(used >= first) & (used < first + len(rows))] - first
            for tile in _tiles(own, rows.coordinate[own]):
                self.slots[first + tile] = self.size + np.arange(len(tile))
                item = kernel(rows.feature)
                self._tiles.append((address(item.lines), self._tile(item, rows, tile, table, values)))
            first += len(rows)

    def _tile(
        self, item: Kernel, rows: FeatureRows, own: np.ndarray, table: TermTable, values: np.ndarray
    ) -> tuple[int, ...]:
        """Where the data of some rows begin, their number, and that of their variables; makes place for them."""
        padded = own[np.minimum(np.arange(_full(len(own))), len(own) - 1)]
        place = self._block(rows, padded, table)
        parameters = {name: torch.as_tensor(values[index[padded]]) for name, index in rows.parameters.items()}
        constants = np.zeros((len(item.columns), WIDTH))
        for column, expression in zip(constants, item.columns, strict=True):
            column[: len(padded)] = expression.evaluate(parameters).numpy()
        tile = (place, self._p, self.size, self._s, len(padded), len(item.variables))
        self._constants.append(constants)
        self._p += constants.size
        self.size += len(padded)
        self._s += len(item.variables) * WIDTH
        return tile

    def _block(self, rows: FeatureRows, padded: np.ndarray, table: TermTable) -> int:
        """Where the variables of these coordinates are; tiles of the same coordinates share them."""
        feature, coordinate = rows.feature, rows.coordinate[padded]
        key = (feature.coordinate, feature.variables, coordinate.tobytes())
        if key not in self._blocks:
            self._blocks[key] = self._x
            for name in feature.variables:
                variable = COORDINATES[feature.coordinate].variables[name]
                atoms = table.coordinates[feature.coordinate][coordinate][:, variable.places]
                self._sources.append((variable.function, self.coordinates.add(variable.function, atoms)))
                self._x += WIDTH
        return self._blocks[key]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that the kernels read and work in, but for the terms."""
        coordinates = self.coordinates.arrays()
        offsets = self.coordinates.offsets()
        sources, blocks = np.zeros(self._x, int), []
        for i, (function, rows) in enumerate(self._sources):
            sources[WIDTH * i : WIDTH * i + len(rows)] = offsets[function] + rows
            blocks += [WIDTH * i, len(rows)]
        return {
            **coordinates,
            "addresses": np.array([place for place, _ in self._tiles], int),
            "tiles": np.array([tile for _, tile in self._tiles], int).ravel(),
            "blocks": np.array(blocks, int),
            "sources": sources,
            "p": np.concatenate([np.zeros(0), *(constants.ravel() for constants in self._constants)]),
            "x": np.zeros(self._x),
            "dx": np.zeros(self._x),
            "s": np.zeros(self._s),
        }


def _tiles(rows: Int[np.ndarray, " rows"], coordinates: Int[np.ndarray, " rows"]) -> Iterator[Int[np.ndarray, " tile"]]:
    """Rows in groups of up to a tile; the second, third … rows of equal coordinates make groups like the first ones."""
    seen: Counter[int] = Counter()
    turns: defaultdict[int, list[int]] = defaultdict(list)
    for row, coordinate in zip(rows.tolist(), coordinates.tolist(), strict=True):
        turns[seen[coordinate]].append(row)
        seen[coordinate] += 1
    for turn in turns.values():
        for start in range(0, len(turn), WIDTH):
            yield np.array(turn[start : start + WIDTH])


@dataclass(frozen=True)
class _Coordinates:
    """Internal coordinates without repetition: distances (which are the legs of the others), angles, torsions, s."""

    rows: dict[Callable, dict[tuple[int, ...], int]] = field(default_factory=lambda: {kind: {} for kind in _KINDS})

    def add(self, function: Callable, atoms: Int[np.ndarray, "rows atoms"]) -> Int[np.ndarray, " rows"]:
        """Rows of these coordinates among those of their kind."""
        return np.array([self._row(function, tuple(row)) for row in atoms.tolist()])

    def _row(self, function: Callable, atoms: tuple[int, ...]) -> int:
        key = atoms if function is out_of_plane else min(atoms, atoms[::-1])
        known = self.rows[function]
        if key not in known:
            known[key] = len(known)
            if function is not distance:
                for a, b in _LEGS[function]:
                    self._row(distance, (key[a], key[b]))
        return known[key]

    def offsets(self) -> dict[Callable, int]:
        """Where each kind begins among all coordinates."""
        sizes = [_full(len(self.rows[kind])) for kind in _KINDS]
        return dict(zip(_KINDS, np.cumsum([0, *sizes]).tolist(), strict=False))

    def arrays(self) -> dict[str, np.ndarray]:
        """Legs of all coordinates, with places and signs, and room for their data."""
        legs = self.rows[distance]
        n = sum(_full(len(rows)) for rows in self.rows.values())
        result = {
            "legs": np.array(_filled(list(legs)), int).ravel(),
            "leg": np.zeros(_tiled(len(legs)) * 4),
            "q": np.zeros(n),
            "dq": np.zeros(n),
            "pull": np.zeros(3 * _full(len(legs))),
            "scratch": np.zeros(12 * WIDTH),
        }
        for name, kind in (("angle", angle), ("torsion", torsion), ("plane", out_of_plane)):
            pairs = [(key[a], key[b]) for key in _filled(list(self.rows[kind])) for a, b in _LEGS[kind]]
            rows = np.array([legs[min(a, b), max(a, b)] for a, b in pairs], int)
            result |= {
                f"{name}_places": rows // WIDTH * LEG + rows % WIDTH,
                f"{name}_targets": 3 * rows,
                f"{name}_signs": np.array([1.0 if a < b else -1.0 for a, b in pairs]),
                f"{name}_slopes": np.zeros(3 * len(_LEGS[kind]) * _tiled(len(self.rows[kind]))),
            }
        return result


def _full(rows: int) -> int:
    return -(-rows // _VECTOR) * _VECTOR


def _tiled(rows: int) -> int:
    return -(-rows // WIDTH) * WIDTH


def _filled(rows: list[Any]) -> list[Any]:
    return rows + rows[-1:] * (_full(len(rows)) - len(rows))


_CONTROL = ("addresses", "tiles", "blocks", "rows")
_INDEX = (
    *("legs", "angle_places", "angle_targets", "torsion_places", "torsion_targets", "plane_places", "plane_targets"),
    *("sources", "factors", "keys", "partners"),
)
_NUMBERS = (
    *("constant", "angle_signs", "torsion_signs", "plane_signs", "p", "linear", "coefficients"),
    *("leg", "q", "dq", "pull", "scratch", "angle_slopes", "torsion_slopes", "plane_slopes"),
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
    blocks, sources = _view(control, control, _At.blocks), _view(index, control, _At.sources)
    kernels.to_tiles(blocks, sources, q, _view(numbers, control, _At.x))


@njit(**OPTIONS)
@no_type_check
def _energy(control, index, numbers):
    """All terms, and dE/df."""
    return _view(numbers, control, _At.constant)[0] + kernels.terms(
        _view(numbers, control, _At.linear),
        _view(index, control, _At.factors),
        _view(index, control, _At.keys),
        _view(control, control, _At.rows),
        _view(index, control, _At.partners),
        _view(numbers, control, _At.coefficients),
        _view(numbers, control, _At.f),
        _view(numbers, control, _At.df),
    )


@njit(**OPTIONS)
@no_type_check
def _forces(forces, control, index, numbers):
    """From dE/df to forces."""
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
