from itertools import pairwise

import numpy as np
import pytest
from graphs import plain_graph
from models import lone_atom, molecule
from rdkit import Chem

from hybridff.molecules.graph import (
    angle_atoms,
    bond_counts,
    chain_name,
    far_side,
    shortest_chain,
    spanning_tree,
    sparse_graph,
    torsion_atoms,
)
from hybridff.molecules.molecule import Molecule

SMILES = ("CCO", "CC(=O)Oc1ccccc1C(=O)O", "C12C3C4C1C5C2C3C45", "C=C=C", "[H][H]", "CC#C")


def own(smiles: str) -> Molecule:
    return Molecule.from_smiles(smiles)


def matches(owner: Molecule, smarts: str) -> set[tuple[int, ...]]:
    """Chains that RDKit finds, each in the order that begins with its smaller end."""
    return {min(found, found[::-1]) for found in plain_graph(owner).GetSubstructMatches(Chem.MolFromSmarts(smarts))}


@pytest.mark.parametrize("smiles", SMILES)
def test_numbers_of_bonds_are_rdkits(smiles: str) -> None:
    expected = Chem.GetDistanceMatrix(plain_graph(own(smiles))).astype(int)
    np.testing.assert_array_equal(bond_counts(own(smiles)), expected)


def test_a_lone_atom_has_no_paths_angles_or_torsions() -> None:
    argon = lone_atom().molecule
    assert bond_counts(argon).tolist() == [[0]]
    assert spanning_tree(argon).tolist() == [[0, 0]]
    assert angle_atoms(argon) == torsion_atoms(argon) == []


@pytest.mark.parametrize("smiles", SMILES)
def test_a_shortest_chain_follows_bonds_and_is_as_long_as_the_number_of_bonds(smiles: str) -> None:
    counts = bond_counts(own(smiles))
    for first, second in np.ndindex(counts.shape):
        chain = shortest_chain(own(smiles), first, second)
        assert (chain[0], chain[-1]) == (second, first)
        assert len(chain) == counts[first, second] + 1
        assert all(counts[i, j] == 1 for i, j in pairwise(chain))


def test_the_far_side_of_a_bond_is_what_hangs_on_its_second_atom() -> None:
    assert far_side(molecule("ethanol"), 1, 2) == [2, 8]
    assert far_side(molecule("ethanol"), 2, 1) == [0, 1, 3, 4, 5, 6, 7]
    assert far_side(molecule("ethanol"), 1, 0) == [0, 3, 4, 5]


def test_the_far_side_of_a_bond_in_a_ring_is_the_whole_molecule() -> None:
    assert far_side(molecule("benzene"), 0, 1) == list(range(12))
    assert far_side(molecule("benzene"), 0, 6) == [6]


@pytest.mark.parametrize("name", ["benzene", "propane"])
def test_in_a_spanning_tree_every_atom_stands_below_one_that_it_is_bonded_to(name: str) -> None:
    tree = spanning_tree(molecule(name)).tolist()
    assert sorted(atom for atom, _ in tree) == list(range(len(molecule(name).numbers)))
    assert tree[0] == [0, 0]
    for row, (atom, parent) in enumerate(tree[1:], start=1):
        assert parent in molecule(name).neighbours[atom]
        assert parent in [earlier for earlier, _ in tree[:row]]


@pytest.mark.parametrize("smiles", SMILES)
def test_angles_are_all_that_rdkit_finds_each_once(smiles: str) -> None:
    found = angle_atoms(own(smiles))
    assert len(set(found)) == len(found)
    assert {min(atoms, atoms[::-1]) for atoms in found} == matches(own(smiles), "*~*~*")


@pytest.mark.parametrize("smiles", SMILES)
def test_torsions_are_all_that_rdkit_finds_each_once(smiles: str) -> None:
    found = torsion_atoms(own(smiles))
    assert len(set(found)) == len(found)
    bonds = {tuple(sorted(bond)) for bond in own(smiles).bonds.tolist()}
    assert all(tuple(sorted(pair)) in bonds for i, j, k, m in found for pair in ((i, j), (j, k), (k, m)))
    assert all(len(set(atoms)) == 4 for atoms in found)
    degrees = [len(bonded) for bonded in own(smiles).neighbours]
    triangles = 3 * len(matches(own(smiles), "*~1~*~*~1"))
    assert len(found) == sum((degrees[i] - 1) * (degrees[j] - 1) for i, j in own(smiles).bonds.tolist()) - triangles


def test_three_atoms_of_a_ring_are_no_torsion() -> None:
    assert len(torsion_atoms(own("C1CC1"))) == 24  # each C-C: 3 x 3 chains, of which one closes the ring


def test_a_chain_is_named_by_the_labels_of_its_atoms() -> None:
    assert chain_name(molecule("ethanol"), (0, 1, 2, 8)) == "C1-C2-O3-H9"


def test_graphs_have_indices_that_the_oldest_scipy_takes() -> None:
    graph = sparse_graph(3, np.array([[0, 1], [1, 2]], dtype=np.int64))
    assert graph.indices.dtype == graph.indptr.dtype == np.int32
    np.testing.assert_array_equal(graph.toarray(), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
