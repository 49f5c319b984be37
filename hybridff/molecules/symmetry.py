"""Symmetries of a molecule's graph of elements and bonds."""

import numpy as np
from jaxtyping import Int
from scipy import sparse
from scipy.sparse.csgraph import shortest_path

from hybridff.molecules.molecule import Molecule


def automorphism_generators(molecule: Molecule) -> list[Int[np.ndarray, " atoms"]]:
    """Permutations that generate every automorphism of the graph; entry i of each is the image of atom i.

    A strong generating set: for each atom in turn, one automorphism to every image that it has while all atoms before
    it stay where they are (C. C. Sims, 1970). Their number is at most that of pairs of atoms, that of all automorphisms
    may be astronomic. Bond orders and stereochemistry do not count: see ``Molecule.equivalent_atoms``.
    """
    neighbours = _neighbours(molecule)
    classes = molecule.equivalent_atoms()
    order = _connected_order(neighbours)
    generators: list[np.ndarray] = []
    for depth, atom in enumerate(order):
        fixed = {other: other for other in order[:depth]}
        stabiliser = [g for g in generators if all(g[other] == other for other in fixed)]
        reached = _orbit(atom, stabiliser)
        for image in np.flatnonzero(classes == classes[atom]).tolist():
            if image in reached or image in fixed:
                continue
            found = _extend({**fixed, atom: image}, order, depth + 1, neighbours, classes)
            if found is not None:
                generators.append(np.array([found[i] for i in range(len(classes))], dtype=np.int64))
                stabiliser.append(generators[-1])
                reached = _orbit(atom, stabiliser)
    return generators


def graph_distances(molecule: Molecule) -> Int[np.ndarray, "atoms atoms"]:
    """Number of bonds between every two atoms."""
    n_atoms = len(molecule.numbers)
    ones = np.ones(len(molecule.bonds))
    graph = sparse.csr_array((ones, tuple(molecule.bonds.T)), shape=(n_atoms, n_atoms))
    return shortest_path(graph, directed=False, unweighted=True).astype(np.int64)


def _neighbours(molecule: Molecule) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in molecule.numbers]
    for i, j in molecule.bonds.tolist():
        found[i].append(j)
        found[j].append(i)
    return [sorted(atoms) for atoms in found]


def _connected_order(neighbours: list[list[int]]) -> list[int]:
    """All atoms, each but the first next to an earlier one."""
    order = [0]
    for atom in order:
        order += [other for other in neighbours[atom] if other not in order]
    return order


def _orbit(atom: int, generators: list[np.ndarray]) -> set[int]:
    reached, front = {atom}, [atom]
    while front:
        front = [image for i in front for g in generators if (image := int(g[i])) not in reached]
        reached |= set(front)
    return reached


def _extend(
    mapping: dict[int, int], order: list[int], depth: int, neighbours: list[list[int]], classes: np.ndarray
) -> dict[int, int] | None:
    """An automorphism that continues ``mapping``, or None."""
    if not _consistent(mapping, order[depth - 1], neighbours):
        return None
    if depth == len(order):
        return mapping
    atom, taken = order[depth], set(mapping.values())
    parent = next(other for other in neighbours[atom] if other in mapping)
    for image in neighbours[mapping[parent]]:
        if image not in taken and classes[image] == classes[atom]:
            found = _extend({**mapping, atom: image}, order, depth + 1, neighbours, classes)
            if found is not None:
                return found
    return None


def _consistent(mapping: dict[int, int], atom: int, neighbours: list[list[int]]) -> bool:
    """Whether the newest atom keeps its bonds to the atoms already mapped."""
    images = {mapping[other] for other in neighbours[atom] if other in mapping}
    return images == set(neighbours[mapping[atom]]) & set(mapping.values())
