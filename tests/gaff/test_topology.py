from itertools import permutations

import numpy as np
import pytest
import torch
from models import distorted, lone_atom, molecule
from rdkit import Chem
from sympy.combinatorics import Permutation, PermutationGroup

from hybridff.gaff.topology import Topology, canonical
from hybridff.geometry import COORDINATES
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.symmetry import automorphism_generators

SMILES = {
    "ethanol": "CCO",
    "cyclopropane": "C1CC1",
    "cubane": "C12C3C4C1C5C2C3C45",
    "allene": "C=C=C",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "acetamide": "CC(=O)N",
}
VARIABLES = [(kind, name) for kind, declared in COORDINATES.items() for name in declared.variables]
ALLENE_LINE = frozenset({(0, 1, 2)})
AS_GIVEN = [(kind, name) for kind, name in VARIABLES if name not in ("theta1", "theta2")]
"""Variables that do not depend on the end from which a coordinate is read."""


def topology(name: str) -> Topology:
    return Topology(Molecule.from_smiles(SMILES[name], name))


def value(kind: str, variable: str, positions: np.ndarray) -> float:
    return float(COORDINATES[kind].variables[variable].of(torch.as_tensor(positions)))


def paths(owner: Molecule, n_atoms: int) -> set[frozenset[tuple[int, ...]]]:
    """All chains of bonded atoms, either way round, by RDKit."""
    graph = Chem.RWMol()
    for number in owner.numbers.tolist():
        graph.AddAtom(Chem.Atom(number))
    for i, j in owner.bonds.tolist():
        graph.AddBond(i, j, Chem.BondType.SINGLE)
    query = Chem.MolFromSmarts("~".join(["*"] * n_atoms))
    found = graph.GetSubstructMatches(query, uniquify=False, maxMatches=10_000)
    return {frozenset((path, path[::-1])) for path in found}


@pytest.mark.parametrize("name", SMILES)
def test_chains_are_rdkits(name: str) -> None:
    found = topology(name)
    for kind in ("bond", "angle", "torsion"):
        rows = found.atoms[kind]
        chains = {frozenset((atoms, atoms[::-1])) for atoms in rows}
        assert len(chains) == len(rows)
        assert chains == paths(found.molecule, COORDINATES[kind].n_atoms)


@pytest.mark.parametrize("name", SMILES)
def test_pairs_are_three_or_more_bonds_apart_and_centres_have_three_neighbours(name: str) -> None:
    found = topology(name)
    n_atoms = len(found.molecule.numbers)
    near = {frozenset((path[0], path[-1])) for n in (2, 3) for both in paths(found.molecule, n) for path in both}
    far = {frozenset((i, j)) for i in range(n_atoms) for j in range(i)} - near
    assert {frozenset(pair) for pair in found.atoms["pair"]} == far
    assert len(found.atoms["pair"]) == len(far)
    degrees = np.bincount(found.molecule.bonds.ravel())
    assert [centre for centre, *_ in found.atoms["out_of_plane"]] == np.flatnonzero(degrees == 3).tolist()


@pytest.mark.parametrize(("kind", "variable"), AS_GIVEN)
def test_canonical_order_keeps_the_value_but_for_the_sign_that_it_names(kind: str, variable: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    orders = permutations(range(4)) if kind == "out_of_plane" else [(0, 1, 2, 3), (3, 2, 1, 0)]
    for order in orders:
        atoms = tuple(order)[: COORDINATES[kind].n_atoms]
        same, sign = canonical(kind, atoms)
        assert canonical(kind, same) == (same, 1)
        assert set(same) == set(atoms)
        assert value(kind, variable, x[list(atoms)]) == pytest.approx(sign * value(kind, variable, x[list(same)]))


@pytest.mark.parametrize("name", ["ethanol", "cubane", "allene", "acetamide"])
@pytest.mark.parametrize(("kind", "variable"), AS_GIVEN)
def test_images_have_the_values_of_permuted_geometries(name: str, kind: str, variable: str) -> None:
    found = topology(name)
    x = np.random.default_rng(1).normal(size=(1, len(found.molecule.numbers), 3))
    here = found.values(kind, variable, x)[0]
    for generator, maps in zip(automorphism_generators(found.molecule), found.images, strict=True):
        images, signs = maps[kind]
        moved = found.values(kind, variable, x[:, generator])[0]
        np.testing.assert_allclose(moved, np.array(signs) * here[images], rtol=1e-12)  # rounding


@pytest.mark.parametrize("name", SMILES)
def test_coordinates_of_one_class_are_images_of_each_other(name: str) -> None:
    found = topology(name)
    generators = [Permutation(g.tolist()) for g in automorphism_generators(found.molecule)]
    elements = [p.array_form for p in PermutationGroup(generators).elements]
    for kind, rows in found.atoms.items():
        for i, atoms in enumerate(rows):
            images = {canonical(kind, tuple(p[atom] for atom in atoms))[0] for p in elements}
            assert found.classes[kind][i] == min(found.index[kind][image] for image in images)


def test_means_and_quantiles_are_those_of_equivalent_coordinates() -> None:
    found, x = Topology(molecule("ethanol")), distorted("ethanol", 50)
    carbon, hydrogens = 0, (3, 4, 5)
    bonds = [found.index["bond"][carbon, hydrogen] for hydrogen in hydrogens]
    lengths = np.linalg.norm(x[:, hydrogens] - x[:, [carbon]], axis=-1)
    means = np.array(found.means("bond", "r", x))
    np.testing.assert_allclose(means[bonds], lengths.mean(), rtol=1e-14)
    quantiles = np.array(found.quantiles("bond", "r", x, 0.1))
    np.testing.assert_allclose(quantiles[bonds], np.quantile(lengths, 0.1, axis=0).min(), rtol=1e-14)
    oxygen = found.index["bond"][1, 2]
    assert means[oxygen] == pytest.approx(np.linalg.norm(x[:, 1] - x[:, 2], axis=-1).mean(), rel=1e-14)


def test_a_lone_atom_has_no_coordinates() -> None:
    found = Topology(lone_atom().molecule)
    assert all(rows == () for rows in found.atoms.values())
    assert found.means("bond", "r", np.zeros((2, 1, 3))) == []


def test_torsions_across_atoms_in_line_join_the_ends_of_the_line() -> None:
    allene = Topology(topology("allene").molecule, ALLENE_LINE)
    across = [atoms for atoms in allene.atoms["torsion"] if len(allene.paths[atoms]) > 2]
    assert across == [(3, 0, 2, 5), (3, 0, 2, 6), (4, 0, 2, 5), (4, 0, 2, 6)]
    assert {allene.paths[atoms] for atoms in across} == {(0, 1, 2)}
    assert allene.ends((3, 0, 2, 5)) == ((1, 0, 3), (1, 2, 5))
    assert not set(across) & set(topology("allene").atoms["torsion"])
