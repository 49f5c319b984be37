"""Molecules whose atoms a periodic box has put on opposite sides are made whole along their bonds."""

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from ase.geometry import find_mic
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from hybridff.errors import InputError
from hybridff.molecules.radii import covalent_sums

_BONDED: Final = 1.35
"""Two bonded atoms are closer than this many sums of their covalent radii."""
_TORN: Final = 2.0
"""Parts of a molecule further apart than this many sums of covalent radii hang together by nothing."""
_SOMETHING: Final = 1e-9
"""A distance that is not 0, which a graph takes for none."""

Tree = Int[np.ndarray, "bonds 2"]
"""Bonds that join all atoms: one that stands in a row before, or is atom 0, and the next."""


def whole_frames(
    numbers: Int[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "frames atoms 3"],
    boxes: Float[np.ndarray, "frames 3 3"],
    periodic: Sequence[bool] | Bool[np.ndarray, " 3"] = (True, True, True),
) -> tuple[Float[np.ndarray, "frames atoms 3"], list[int]]:
    """Positions of one molecule made whole, and the rows of frames that its periodic box had cut.

    ``boxes`` are three vectors each, in rows, in the unit of the positions [nm]; those of no volume are none. Atom 0
    stays where it is. Frames in which atoms do not hang together stay as they are. Raises ``InputError`` where atoms
    are bonded to another image of their own molecule, as in a crystal.
    """
    sums, found = covalent_sums(numbers), positions.copy()
    tree: Tree | None = None
    cut = []
    for row, (x, box) in enumerate(zip(positions, boxes, strict=True)):
        if len(x) < 2 or not np.isfinite(x).all() or not abs(np.linalg.det(box)) > 0:
            continue
        if tree is None or not _bonded(_near(x, tree, box, periodic), tree, sums):
            tree = _tree(x, box, sums, periodic)
            _refuse_crystal(x, box, sums, periodic, row)
        if _bonded(x[tree[:, 1]] - x[tree[:, 0]], tree, sums):
            continue
        steps = _near(x, tree, box, periodic)
        if _bonded(steps, tree, sums):
            for (before, atom), step in zip(tree.tolist(), steps, strict=True):
                found[row, atom] = found[row, before] + step
            cut.append(row)
    return found, cut


def whole_molecules(
    positions: Float[np.ndarray, "atoms 3"], bonds: Sequence[tuple[int, int]], box: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """Positions [nm] of any number of molecules whose bonds are as short as they can be in a periodic box [nm].

    The first atom of each molecule stays where it is. Where all are whole, these are the positions themselves.
    """
    pairs = np.array(bonds, dtype=int).reshape(-1, 2)
    direct = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    steps = find_mic(direct, box)[0] if len(pairs) else direct
    if np.allclose(steps, direct, rtol=0.0, atol=1e-6):
        return positions
    found = positions.copy()
    neighbours: list[list[tuple[int, np.ndarray]]] = [[] for _ in positions]
    for (i, j), step in zip(pairs.tolist(), steps, strict=True):
        neighbours[i].append((j, step))
        neighbours[j].append((i, -step))
    seen: set[int] = set()
    for first in range(len(positions)):
        queue = deque([first] if first not in seen else [])
        seen.add(first)
        while queue:
            atom = queue.popleft()
            for other, step in neighbours[atom]:
                if other not in seen:
                    seen.add(other)
                    found[other] = found[atom] + step
                    queue.append(other)
    return found


def is_torn(numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]) -> bool:
    """Whether positions [nm] are of parts that are too far apart to be one molecule."""
    if len(positions) < 2:
        return False
    ratios = np.linalg.norm(positions[:, None] - positions[None], axis=-1) / covalent_sums(numbers)
    return bool(minimum_spanning_tree(np.triu(np.maximum(ratios, _SOMETHING), 1)).max() > _TORN)


def _tree(x: np.ndarray, box: np.ndarray, sums: np.ndarray, periodic: Sequence[bool] | np.ndarray) -> Tree:
    """The bonds that join all atoms with the shortest sum of lengths, in the order of a walk from atom 0."""
    ratios = np.zeros((len(x), len(x)))
    first, second = np.triu_indices(len(x), 1)
    distances = find_mic(x[second] - x[first], box, periodic)[1]
    ratios[first, second] = np.maximum(distances / sums[first, second], _SOMETHING)
    walk, before = breadth_first_order(minimum_spanning_tree(ratios), 0, directed=False)
    return np.stack([before[walk[1:]], walk[1:]], axis=1).astype(np.int64)


def _near(x: np.ndarray, tree: Tree, box: np.ndarray, periodic: Sequence[bool] | np.ndarray) -> np.ndarray:
    return find_mic(x[tree[:, 1]] - x[tree[:, 0]], box, periodic)[0]


def _bonded(steps: np.ndarray, tree: Tree, sums: np.ndarray) -> bool:
    return bool((np.linalg.norm(steps, axis=1) < _BONDED * sums[tree[:, 0], tree[:, 1]]).all())


def _refuse_crystal(
    x: np.ndarray, box: np.ndarray, sums: np.ndarray, periodic: Sequence[bool] | np.ndarray, row: int
) -> None:
    """Refuse atoms a shortest image of which is bonded where the whole molecule has them further apart."""
    tree = _tree(x, box, sums, periodic)
    steps, whole = _near(x, tree, box, periodic), x.copy()
    for (before, atom), step in zip(tree.tolist(), steps, strict=True):
        whole[atom] = whole[before] + step
    if not _bonded(steps, tree, sums):
        return
    first, second = np.triu_indices(len(x), 1)
    vectors = whole[second] - whole[first]
    near = find_mic(vectors, box, periodic)[1]
    limit = sums[first, second]
    if ((near < 1.15 * limit) & (np.linalg.norm(vectors, axis=1) > 1.5 * limit)).any():
        raise InputError(
            f"the atoms of frame {row + 1} are bonded to their own images in the periodic box, as in a crystal; give "
            "one molecule."
        )
