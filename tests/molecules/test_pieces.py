"""Pieces of large molecules: what is cut, what stays whole, and how pieces end."""

import pytest
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.pieces import MOST, Piece, pieces_of

VERAPAMIL = "COc1ccc(CC[NH+](C)CCCC(C#N)(C(C)C)c2ccc(OC)c(OC)c2)cc1OC"
PENTAALANINE = f"CC(=O){'N[C@@H](C)C(=O)' * 5}NC"
UREA = "CC(C)c1nc(CN(C)C(=O)N[C@@H](C(C)C)C(=O)NC)cs1"
MOLECULES = [VERAPAMIL, PENTAALANINE, UREA, "C" * 20, "CCCCCCCC(=O)OCC(OC(=O)CCCCCC)COP(=O)([O-])OCC[N+](C)(C)C"]


def found(smiles: str) -> tuple[Molecule, list[Piece]]:
    molecule = Molecule.from_smiles(smiles)
    return molecule, pieces_of(molecule)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_every_atom_is_in_a_piece_with_all_its_neighbours(smiles: str) -> None:
    molecule, pieces = found(smiles)
    places = [set(place) for piece in pieces for place in piece.places]
    for atom, bonded in enumerate(molecule.neighbours):
        assert any({atom, *bonded} <= place for place in places), molecule.label(atom)


@pytest.mark.parametrize("smiles", MOLECULES)
def test_rings_double_bonds_and_charges_are_never_cut(smiles: str) -> None:
    molecule, pieces = found(smiles)
    graph = molecule.to_rdkit()
    for place in (set(place) for piece in pieces for place in piece.places):
        for bond in graph.GetBonds():
            ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
            if bond.IsInRing() or bond.GetIsConjugated() or bond.GetBondTypeAsDouble() > 1:
                assert ends <= place or not ends & place


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_piece_has_the_atoms_of_its_places_their_charges_and_nothing_but_carbon_and_hydrogen_besides(
    smiles: str,
) -> None:
    molecule, pieces = found(smiles)
    for piece in pieces:
        for place in piece.places:
            own = [molecule.symbols[atom] for atom in place]
            others = list(piece.molecule.symbols)
            for symbol in own:
                others.remove(symbol)
            assert set(others) <= {"C", "H"}
            assert piece.molecule.charge == sum(molecule.formal_charges[atom] for atom in place)
            assert others.count("H") >= 3 * others.count("C")


def test_pieces_are_smaller_than_the_molecule_and_no_larger_than_a_unit_with_its_neighbours() -> None:
    for smiles in MOLECULES:
        molecule, pieces = found(smiles)
        sizes = [len(piece.molecule.numbers) for piece in pieces]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] <= MOST < len(molecule.numbers) or smiles == UREA


def test_pieces_that_are_alike_are_one_piece_of_several_places() -> None:
    _, (nonane,) = found("C" * 20)
    assert nonane.molecule.name == "C" * 9
    assert len(nonane.places) == 12
    _, pieces = found(PENTAALANINE)
    assert max(len(piece.places) for piece in pieces) == 3


def test_mirror_images_are_one_piece_as_it_is_in_the_first_place() -> None:
    _, pieces = found("CC(=O)N[C@@H](C)C(=O)N[C@H](C)C(=O)N[C@@H](C)C(=O)N[C@H](C)C(=O)N[C@@H](C)C(=O)NC")
    names = [piece.molecule.name for piece in pieces]
    centres = [Chem.FindMolChiralCenters(piece.molecule.to_rdkit(), useLegacyImplementation=False) for piece in pieces]
    assert len(names) == len(set(names))
    assert [len(own) for own in centres] == [1, 1, 1]
    assert sum(len(piece.places) for piece in pieces) == 5


def test_a_cut_ends_with_methyl_on_saturated_carbon_and_with_hydrogen_elsewhere() -> None:
    _, pieces = found(VERAPAMIL)
    names = [piece.molecule.name for piece in pieces]
    assert "CCCCC[NH+](C)CC" in names  # beyond it, a carbon with a nitrile goes on as methyl
    assert "CCc1ccc(OC)c(OC)c1" in names


@pytest.mark.parametrize("smiles", ["C", "c1ccccc1", "CCO", "CC(=O)Oc1ccccc1C(=O)O", "c1ccc(-c2ccc(-c3ccccc3)cc2)cc1"])
def test_molecules_that_nothing_can_be_cut_from_have_no_pieces(smiles: str) -> None:
    assert found(smiles)[1] == []


def test_molecules_without_bond_orders_are_refused() -> None:
    molecule = Molecule.from_openmm(Molecule.from_smiles("CCO").to_openmm_topology(), "ethanol")
    unknown = Molecule(
        molecule.name, molecule.numbers, molecule.bonds, 0 * molecule.bond_orders, molecule.formal_charges
    )
    with pytest.raises(InputError, match="bond orders of ethanol are unknown"):
        pieces_of(unknown)
