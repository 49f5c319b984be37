"""The features of a compiled energy in tiles of equal rows, and the internal coordinates that they need."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.gaff.codegen import Kernel, address, kernel
from hybridff.gaff.compiled_loops import LEG, WIDTH
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES, angle, bend_product, distance, out_of_plane, torsion

_VECTOR = 8
"""Rows are filled up to a multiple of this, so that whole vectors are computed; the added rows repeat others."""
_KINDS = (distance, angle, torsion, out_of_plane, bend_product)
_LEGS: dict[Callable, Sequence[tuple[int, int]]] = {
    distance: ((0, 1),),
    angle: ((1, 0), (1, 2)),
    torsion: ((0, 1), (1, 2), (2, 3)),
    out_of_plane: ((0, 1), (0, 2), (0, 3)),
    bend_product: ((0, 1), (1, 2), (2, 3)),
}
"""Between which of its atoms each internal coordinate has its legs."""


class FeatureTiles:
    """The feature rows in use, and all coordinates that they need, collected as arrays for the kernels."""

    def __init__(self, table: TermTable, values: Float[np.ndarray, " parameters"]) -> None:
        self.table, self.values = table, values
        self.slots = np.full(table.n_features, -1)
        self.size = 0
        self.coordinates = CoordinateRows()
        self._blocks: dict[tuple, int] = {}
        self._sources: list[tuple[Callable, np.ndarray]] = []
        self._x = self._s = self._p = 0
        self._constants: list[np.ndarray] = []
        self._tiles: list[tuple[int, tuple[int, ...]]] = []

    def add(self, used: Int[np.ndarray, " used"]) -> None:
        """Add feature rows, given by their numbers among all of the table."""
        first = 0
        for rows in self.table.features:
            own = used[(used >= first) & (used < first + len(rows))] - first
            item = kernel(rows.feature) if len(own) else None
            for tile in _tiles(own, rows.coordinate[own]):
                assert item is not None
                self.slots[first + tile] = self.size + np.arange(len(tile))
                self._tiles.append((address(item.lines), self._tile(item, rows, tile)))
            first += len(rows)

    def _tile(self, item: Kernel, rows: FeatureRows, own: np.ndarray) -> tuple[int, ...]:
        """Make place for some rows: where their data begin, their number, and that of their variables."""
        padded = own[np.minimum(np.arange(_full(len(own))), len(own) - 1)]
        place = self._block(rows, padded)
        parameters = {name: torch.as_tensor(self.values[index[padded]]) for name, index in rows.parameters.items()}
        constants = np.zeros((len(item.columns), WIDTH))
        for column, expression in zip(constants, item.columns, strict=True):
            column[: len(padded)] = expression.evaluate(parameters).numpy()
        tile = (place, self._p, self.size, self._s, len(padded), len(item.variables))
        self._constants.append(constants)
        self._p += constants.size
        self.size += len(padded)
        self._s += len(item.variables) * WIDTH
        return tile

    def _block(self, rows: FeatureRows, padded: np.ndarray) -> int:
        """Make place for the variables of these coordinates; tiles of the same coordinates share it."""
        feature, coordinate = rows.feature, rows.coordinate[padded]
        key = (feature.coordinate, feature.variables, coordinate.tobytes())
        if key not in self._blocks:
            self._blocks[key] = self._x
            for name in feature.variables:
                variable = COORDINATES[feature.coordinate].variables[name]
                atoms = self.table.coordinates[feature.coordinate][coordinate][:, variable.places]
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
class CoordinateRows:
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
        """First row of each kind among all coordinates."""
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
        for name, kind in (("angle", angle), ("torsion", torsion), ("plane", out_of_plane), ("bend", bend_product)):
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
