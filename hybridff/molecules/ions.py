"""Ions and zwitterions: formal charges that no bonded neighbour cancels."""

import numpy as np
from scipy.sparse.csgraph import connected_components

from hybridff.molecules.graph import sparse_graph
from hybridff.molecules.molecule import Molecule


def has_ions(molecule: Molecule) -> bool:
    """Whether any group of bonded atoms with formal charges has a charge as a whole.

    Ammonium and carboxylate groups have; nitro groups, N-oxides and azides do not. A molecule whose formal charges are
    unknown has ions if it is charged.
    """
    if molecule.total_charge is not None:
        return molecule.total_charge != 0
    charged, n = molecule.formal_charges != 0, len(molecule.numbers)
    bonds = molecule.bonds[charged[molecule.bonds].all(1)]
    _, groups = connected_components(sparse_graph(n, bonds), directed=False)
    return bool(np.any(np.bincount(groups, weights=molecule.formal_charges)))
