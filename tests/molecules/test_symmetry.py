import numpy as np
import pytest
from graphs import plain_graph
from models import lone_atom
from rdkit import Chem
from sympy.combinatorics import Permutation, PermutationGroup

from hybridff.molecules.molecule import Molecule
from hybridff.molecules.symmetry import automorphism_generators

# SMILES, and the number of permutations of the graph of elements and bonds, counted by hand.
GROUPS: dict[str, tuple[str, int]] = {
    "ethanol": ("CCO", 3 * 2 * 2),
    "benzene": ("c1ccccc1", 12),
    "neopentane": ("CC(C)(C)C", 24 * 6**4),
    "aspirin": ("CC(=O)Oc1ccccc1C(=O)O", 6),
    "cubane": ("C12C3C4C1C5C2C3C45", 48),
    "acetate": ("CC(=O)[O-]", 6 * 2),
    "a chiral centre": ("[H][C@](F)(Cl)Br", 1),
    "a double bond with sides": ("F/C=C/F", 2),
    "hydrogen": ("[H][H]", 2),
    "allene": ("C=C=C", 2 * 2 * 2),
    "2-methylpropane": ("CC(C)C", 6 * 6**3),
    "dodecahedrane": ("C12C3C4C5C1C6C7C2C8C3C9C4C1C5C6C2C7C8C9C12", 120),
    "biphenyl": ("c1ccccc1-c1ccccc1", 2 * 2 * 2),
}


def molecule(name: str) -> Molecule:
    return Molecule.from_smiles(GROUPS[name][0], name)


def group(owner: Molecule) -> PermutationGroup:
    return PermutationGroup([Permutation(g.tolist()) for g in automorphism_generators(owner)] or [Permutation([0])])


@pytest.mark.parametrize("name", GROUPS)
def test_the_generators_generate_a_group_of_the_right_size(name: str) -> None:
    assert group(molecule(name)).order() == GROUPS[name][1]


@pytest.mark.parametrize("name", ["ethanol", "benzene", "cubane", "acetate", "allene", "2-methylpropane"])
def test_the_group_is_that_of_rdkits_substructure_matches(name: str) -> None:
    graph = plain_graph(molecule(name))
    matches = set(graph.GetSubstructMatches(graph, uniquify=False, maxMatches=10_000))
    assert {tuple(p.array_form) for p in group(molecule(name)).elements} == matches


@pytest.mark.parametrize("name", GROUPS)
def test_every_generator_keeps_elements_and_bonds(name: str) -> None:
    owner = molecule(name)
    bonds = {frozenset(bond) for bond in owner.bonds.tolist()}
    for generator in automorphism_generators(owner):
        assert sorted(generator) == list(range(len(owner.numbers)))
        assert (owner.numbers[generator] == owner.numbers).all()
        assert {frozenset(bond) for bond in generator[owner.bonds].tolist()} == bonds


@pytest.mark.parametrize("name", GROUPS)
def test_the_orbits_are_the_classes_of_equivalent_atoms(name: str) -> None:
    owner, reached = molecule(name), np.arange(len(molecule(name).numbers))
    for orbit in group(owner).orbits():
        reached[sorted(orbit)] = min(orbit)
    classes = owner.equivalent_atoms()
    assert ((reached[:, None] == reached) == (classes[:, None] == classes)).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["ethanol", "2-methylpropane", "cubane"])
def test_the_order_of_atoms_does_not_matter(name: str, seed: int) -> None:
    owner = molecule(name)
    order = np.random.default_rng(seed).permutation(len(owner.numbers)).tolist()
    shuffled = Molecule.from_rdkit(Chem.RenumberAtoms(owner.to_rdkit(), order))
    assert group(shuffled).order() == GROUPS[name][1]


def test_a_lone_atom_has_no_symmetry_but_itself() -> None:
    assert automorphism_generators(lone_atom().molecule) == []
