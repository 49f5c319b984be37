"""Periodic images: a molecule made whole, wherever in the periodic box its atoms are."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from hybridff.molecules.molecule import Molecule


def parents_of(molecule: Molecule) -> Int[np.ndarray, "atoms 2"]:
    """Each atom after one that it is bonded to, so that every atom comes after its own; the first is its own."""
    order, seen = [(0, 0)], {0}
    for atom, _ in order:
        for other in molecule.neighbours[atom]:
            if other not in seen:
                seen.add(other)
                order.append((other, atom))
    return np.array(order, dtype=np.int64)


@njit(cache=True)
@no_type_check
def make_whole(
    positions: Float[np.ndarray, "atoms 3"], parents: Int[np.ndarray, "atoms 2"], box: Float[np.ndarray, "3 3"]
) -> None:
    """Move each atom to its image nearest to the atom before it, in place; ``box`` is in OpenMM's reduced form."""
    for atom, parent in parents:
        for k in (2, 1, 0):
            times = np.floor((positions[atom, k] - positions[parent, k]) / box[k, k] + 0.5)
            for axis in range(3):
                positions[atom, axis] -= times * box[k, axis]
