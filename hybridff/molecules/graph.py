"""A molecule as a graph: paths along its bonds, the atoms on one side of a bond, its angles and torsions."""

from collections.abc import Iterable
from itertools import combinations

import numpy as np
from jaxtyping import Int
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from hybridff.molecules.molecule import Molecule


def bond_counts(molecule: Molecule) -> Int[np.ndarray, "atoms atoms"]:
    """Number of bonds on the shortest path between every two atoms."""
    return shortest_path(_bond_matrix(molecule), directed=False, unweighted=True).astype(np.int64)


def sparse_graph(n: int, bonds: Int[np.ndarray, "bonds 2"]) -> sparse.csr_array:
    """A graph of ``n`` atoms for SciPy's functions, of which those of version 1.13 take no indices of 64 bits."""
    first, second = bonds.astype(np.int32).T
    return sparse.csr_array((np.ones(len(bonds)), (first, second)), shape=(n, n))


def shortest_chain(molecule: Molecule, first: int, second: int) -> list[int]:
    """Atoms of a shortest path of bonds, from the second atom back to the first, both included."""
    _, before = shortest_path(_bond_matrix(molecule), directed=False, indices=first, return_predecessors=True)
    chain = [second]
    while chain[-1] != first:
        chain.append(int(before[chain[-1]]))
    return chain


def far_side(molecule: Molecule, near: int, far: int) -> list[int]:
    """Atoms that hang on ``far`` when its bond to ``near`` is cut, itself included, ascending.

    The bond is in a ring where ``near`` is among them; they are then all atoms of the molecule.
    """
    found, front = {far}, [far]
    while front:
        front = [n for atom in front for n in molecule.neighbours[atom] if n not in found and {atom, n} != {near, far}]
        found |= set(front)
    return sorted(found)


def spanning_tree(molecule: Molecule) -> Int[np.ndarray, "atoms 2"]:
    """Each atom and one that it is bonded to, which stands in an earlier row; the first stands with itself."""
    tree, seen = [(0, 0)], {0}
    for atom, _ in tree:
        for other in molecule.neighbours[atom]:
            if other not in seen:
                seen.add(other)
                tree.append((other, atom))
    return np.array(tree, dtype=np.int64)


def angle_atoms(molecule: Molecule) -> list[tuple[int, int, int]]:
    """The atoms of every angle between two bonds, its vertex second, each angle once."""
    return [(i, j, k) for j, bonded in enumerate(molecule.neighbours) for i, k in combinations(bonded, 2)]


def torsion_atoms(molecule: Molecule) -> list[tuple[int, int, int, int]]:
    """The atoms of every chain of four different bonded atoms, each chain once."""
    neighbours = molecule.neighbours
    return [
        (i, j, k, m)
        for j, bonded in enumerate(neighbours)
        for k in bonded
        if j < k
        for i in bonded
        if i != k
        for m in neighbours[k]
        if m not in (i, j)
    ]


def chain_name(molecule: Molecule, atoms: Iterable[int]) -> str:
    """Labels of atoms joined by hyphens, such as C1-C2-O3."""
    return "-".join(molecule.label(atom) for atom in atoms)


def _bond_matrix(molecule: Molecule) -> sparse.csr_array:
    return sparse_graph(len(molecule.numbers), molecule.bonds)
