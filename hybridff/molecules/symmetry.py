"""Symmetries of a molecule's graph of elements and bonds."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from hybridff.molecules.graph import spanning_tree
from hybridff.molecules.molecule import Molecule


def automorphism_generators(molecule: Molecule) -> list[Int[np.ndarray, " atoms"]]:
    """Permutations that generate every automorphism of the graph; entry i of each is the image of atom i.

    A strong generating set: for each atom in turn, one automorphism to every image that it has while all atoms before
    it stay where they are (C. C. Sims, 1970). Their number is at most that of pairs of atoms, that of all automorphisms
    may be astronomic. Bond orders and stereochemistry do not count: see ``Molecule.equivalent_atoms``.
    """
    neighbours = molecule.neighbours
    classes = molecule.equivalent_atoms()
    order = spanning_tree(molecule)[:, 0].tolist()
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


def _orbit(atom: int, generators: list[np.ndarray]) -> set[int]:
    reached, front = {atom}, [atom]
    while front:
        front = [image for i in front for g in generators if (image := int(g[i])) not in reached]
        reached |= set(front)
    return reached


def _extend(
    mapping: dict[int, int], order: list[int], depth: int, neighbours: Sequence[Sequence[int]], classes: np.ndarray
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


def _consistent(mapping: dict[int, int], atom: int, neighbours: Sequence[Sequence[int]]) -> bool:
    """Whether the newest atom keeps its bonds to the atoms already mapped."""
    images = {mapping[other] for other in neighbours[atom] if other in mapping}
    return images == set(neighbours[mapping[atom]]) & set(mapping.values())
