import pytest
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.molecules.parsing import parse_smiles
from hybridff.molecules.sanitising import check_maps, complete, refuse_fragments, refuse_unsupported, sanitised


def test_the_kekule_structure_stays_and_aromatic_bonds_get_one() -> None:
    orders = [bond.GetBondTypeAsDouble() for bond in sanitised(parse_smiles("C1=CC=CC=C1"), "it").GetBonds()]
    assert orders == [2, 1, 2, 1, 2, 1]
    found = sanitised(parse_smiles("c1ccccc1"), "it")
    assert sorted(bond.GetBondTypeAsDouble() for bond in found.GetBonds()) == [1, 1, 1, 2, 2, 2]


def test_what_is_given_is_not_changed() -> None:
    mol = parse_smiles("c1ccccc1")
    sanitised(mol, "it")
    assert all(bond.GetIsAromatic() for bond in mol.GetBonds())


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CN(C)(C)C", r"it: atom 2 \(N\) has more bonds than its formal charge \(0\) allows"),
        ("c1ccnc1", "it: the aromatic bonds fit no structure"),
        ("*C", r"it: atom 1 is a dummy atom \('\*'\)"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(smiles: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sanitised(parse_smiles(smiles), "it")


def test_a_complete_molecule_has_atoms_all_hydrogens_and_one_part() -> None:
    with pytest.raises(InputError, match="it has no atoms"):
        complete(Chem.Mol(), "it")
    with pytest.raises(InputError, match=r"it: atom 1 \(C\) lacks 3 hydrogens; add them"):
        complete(parse_smiles("CO"), "it")
    with pytest.raises(InputError, match=r"it has 2 separate parts \(of 1, 1 atoms\)"):
        complete(parse_smiles("[Ar].[Ne]"), "it")
    assert complete(parse_smiles("[H]O[H]"), "it").GetNumAtoms() == 3


def test_parts_beyond_five_are_counted_and_not_listed() -> None:
    with pytest.raises(InputError, match=r"it has 6 separate parts \(of 1, 1, 1, 1, 1, \.\.\. atoms\)"):
        refuse_fragments(parse_smiles(".".join(["[Ar]"] * 6)), "it")


def test_radicals_and_unusual_bonds_are_refused() -> None:
    with pytest.raises(InputError, match=r"it: atom 1 \(C\) has an open valence"):
        refuse_unsupported(sanitised(parse_smiles("[CH3]"), "it"), "it")
    mol = Chem.RWMol(Chem.AddHs(Chem.MolFromSmiles("CC")))
    mol.GetBondBetweenAtoms(0, 1).SetBondType(Chem.BondType.QUADRUPLE)
    with pytest.raises(InputError, match="between atoms 1 and 2 is of type quadruple"):
        refuse_unsupported(mol, "it")
    refuse_unsupported(Chem.AddHs(Chem.MolFromSmiles("CC#C")), "it")


@pytest.mark.parametrize(
    ("smiles", "message"),
    [("[H:1][O:2][H]", "has no map number"), ("[H:1][O:2][H:2]", "2 occurs twice"), ("[H:1][O:2][H:4]", "up to 4")],
)
def test_maps_number_every_atom_once(smiles: str, message: str) -> None:
    mol = sanitised(parse_smiles(smiles), "it")
    with pytest.raises(InputError, match=message):
        check_maps(mol, [atom.GetAtomMapNum() for atom in mol.GetAtoms()], "it")
