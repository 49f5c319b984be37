"""Periodic images: a molecule made whole, wherever in the periodic box its atoms are."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit


@njit(cache=True)
@no_type_check
def make_whole(
    positions: Float[np.ndarray, "atoms 3"], tree: Int[np.ndarray, "atoms 2"], box: Float[np.ndarray, "3 3"]
) -> None:
    """Move each atom to its image nearest to an atom that it is bonded to, in place.

    ``positions`` and ``box`` are in one unit of length, ``box`` in OpenMM's reduced form; ``tree`` is a
    ``graph.spanning_tree``.
    """
    for atom, parent in tree:
        for k in (2, 1, 0):
            times = np.floor((positions[atom, k] - positions[parent, k]) / box[k, k] + 0.5)
            for axis in range(3):
                positions[atom, axis] -= times * box[k, axis]
