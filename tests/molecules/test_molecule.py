import numpy as np
import pytest
from openmm import app
from rdkit import Chem

from hybridff.errors import InputError, MissingProgramError
from hybridff.molecules.molecule import Molecule, check_same_elements


def bonds_of(molecule: Molecule) -> dict[tuple[int, ...], int]:
    return {tuple(sorted(p)): o for p, o in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)}


def sdf_of(smiles: str, *, hydrogens: bool = True, positions: bool = True) -> str:
    mol = Molecule.from_smiles(smiles).with_embedded_positions().to_rdkit()
    if not positions:
        mol.RemoveAllConformers()
    mol.SetProp("_Name", "thing")
    return Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveHs(mol)) + "$$$$\n"


def test_hydrogens_are_added_to_a_smiles_after_its_own_atoms():
    ethanol = Molecule.from_smiles("CCO")
    assert ethanol.symbols == ("C", "C", "O") + 6 * ("H",)
    assert ethanol.neighbours[0] == (1, 3, 4, 5)
    assert ethanol.name == "CCO"
    assert ethanol.positions is None


def test_atom_maps_fix_the_order_of_all_atoms():
    water = Molecule.from_smiles("[H:3][O:2][H:1]")
    assert water.symbols == ("H", "O", "H")
    assert water.neighbours == ((1,), (0, 2), (1,))


@pytest.mark.parametrize(
    ("smiles", "charge"),
    [("CC(=O)[O-]", -1), ("C[N+](C)(C)CC(=O)[O-]", 0), ("C[NH3+]", 1), ("CP(=O)([O-])[O-]", -2), ("[Na+]", 1)],
)
def test_the_charge_is_the_sum_of_formal_charges(smiles, charge):
    assert Molecule.from_smiles(smiles).charge == charge


def test_the_kekule_structure_is_the_users():
    first = Molecule.from_smiles("CC1=CC=CC=C1")
    second = Molecule.from_smiles("CC=1C=CC=CC=1")
    assert bonds_of(first)[1, 2] == 2
    assert bonds_of(second)[1, 2] == 1
    assert set(Molecule.from_smiles("Cc1ccccc1").bond_orders.tolist()) == {1, 2}


def test_a_molecule_survives_the_way_through_its_own_smiles_and_rdkit():
    original = Molecule.from_smiles("C[C@H](F)/C=C/c1ccccc1S(=O)(=O)NC(=O)[O-]").with_embedded_positions(seed=2)
    assert original.smiles is not None
    for copy in (Molecule.from_smiles(original.smiles), Molecule.from_rdkit(original.to_rdkit())):
        np.testing.assert_array_equal(copy.numbers, original.numbers)
        np.testing.assert_array_equal(copy.formal_charges, original.formal_charges)
        assert {frozenset(b) for b in copy.bonds.tolist()} == {frozenset(b) for b in original.bonds.tolist()}
        assert Chem.CanonSmiles(copy.smiles) == Chem.CanonSmiles(original.smiles)
    np.testing.assert_allclose(Molecule.from_rdkit(original.to_rdkit()).positions, original.positions, atol=1e-12)


@pytest.mark.parametrize("smiles", ["C[C@H](F)Cl", "C[C@@H](F)Cl", "F/C=C/F", "F/C=C\\F"])
def test_embedded_positions_have_the_stereochemistry_of_the_smiles(smiles):
    mol = Molecule.from_smiles(smiles).with_embedded_positions(seed=1).to_rdkit()
    Chem.AssignStereochemistryFrom3D(mol)
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == Chem.CanonSmiles(smiles)


def test_embedding_is_reproducible_and_in_nanometres():
    water = Molecule.from_smiles("O")
    first, second = water.with_embedded_positions(seed=5), water.with_embedded_positions(seed=5)
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.positions is not None
    assert np.linalg.norm(first.positions[0] - first.positions[1]) == pytest.approx(0.097, abs=0.003)  # an O-H bond


@pytest.mark.parametrize(
    ("smiles", "classes"),
    [
        ("CCO", 6),
        ("CC(=O)[O-]", 4),
        ("c1ccccc1", 2),
        ("C1=CC=CC=C1", 2),
        ("Cc1ccccc1", 9),
        ("C[N+](=O)[O-]", 4),
        ("NC(=[NH2+])N", 3),
        ("C[C@H](F)Cl", 6),
    ],
)
def test_atoms_that_the_graph_cannot_tell_apart_are_equivalent(smiles, classes):
    assert Molecule.from_smiles(smiles).equivalent_atoms().max() + 1 == classes


def test_an_sdf_keeps_order_orders_charges_name_and_positions(tmp_path):
    original = Molecule.from_smiles("[O-]C(=O)c1ccccc1").with_embedded_positions()
    (tmp_path / "a.sdf").write_text(sdf_of("[O-]C(=O)c1ccccc1"), encoding="utf-8")
    read = Molecule.read(tmp_path / "a.sdf")
    assert read.name == "thing"
    np.testing.assert_array_equal(read.numbers, original.numbers)
    np.testing.assert_array_equal(read.formal_charges, original.formal_charges)
    np.testing.assert_allclose(read.positions, original.positions, atol=1e-5)  # SDF has four decimals of Å


def test_an_sdf_without_geometry_has_no_positions(tmp_path):
    (tmp_path / "a.sdf").write_text(sdf_of("CCO", positions=False), encoding="utf-8")
    assert Molecule.read(tmp_path / "a.sdf").positions is None


def test_an_openmm_topology_comes_back_with_unique_names_and_bond_orders():
    original = Molecule.from_smiles("[NH3+]C(=O)C#N")
    topology = original.to_openmm_topology()
    names = [atom.name for atom in topology.atoms()]
    assert names[:4] == ["N1", "C2", "O3", "C4"]
    assert len(set(names)) == len(names)
    copy = Molecule.from_openmm(topology, "copy")
    assert copy.charge == 1
    np.testing.assert_array_equal(copy.bonds, original.bonds)
    np.testing.assert_array_equal(copy.bond_orders, original.bond_orders)


def test_unknown_bond_orders_are_zero_and_said_to_be_unknown():
    topology = app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    atoms = [topology.addAtom(name, app.Element.getBySymbol(name), residue) for name in ("C", "O")]
    topology.addBond(*atoms)
    carbon_monoxide = Molecule.from_openmm(topology, "CO", charge=0)
    assert carbon_monoxide.bond_orders.tolist() == [0]
    assert carbon_monoxide.equivalent_atoms().tolist() == [0, 1]
    with pytest.raises(InputError, match="bond orders of CO are unknown"):
        carbon_monoxide.to_rdkit()


def test_an_openff_molecule_is_taken_and_given_back():
    toolkit = pytest.importorskip("openff.toolkit", reason="pip install 'hybridff[openff]'")
    given = toolkit.Molecule.from_smiles("CC(=O)[O-]")
    given.name = "acetate"
    molecule = Molecule.from_openff(given)
    assert molecule.name == "acetate"
    assert molecule.charge == -1
    assert [atom.atomic_number for atom in given.atoms] == molecule.numbers.tolist()
    assert molecule.to_openff().is_isomorphic_with(given)


def test_anything_with_to_rdkit_is_taken_as_an_openff_molecule():
    class Other:
        name = ""

        def to_rdkit(self):
            return Molecule.from_smiles("CO").to_rdkit()

    assert Molecule.from_openff(Other()).symbols == ("C", "O", "H", "H", "H", "H")


def test_a_missing_openff_toolkit_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openff.toolkit", None)
    with pytest.raises(MissingProgramError, match="openff-toolkit is not installed"):
        Molecule.from_smiles("C").to_openff()


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CC(=O", r"'CC\(=O' is not a SMILES \(extra open parentheses near character 3\)"),
        ("CCQ", r"syntax error near character 3"),
        ("C1CC", "unclosed ring"),
        ("", "SMILES is empty"),
        ("CN(C)(C)C", r"atom 2 \(N\) has more bonds than its formal charge \(0\) allows"),
        ("c1ccnc1", "aromatic bonds fit no structure"),
        ("CC.O", "2 separate parts"),
        ("[CH3]", r"atom 1 \(C\) has an open valence.*radical"),
        ("[O][O]", "radical"),
        ("*C", "atom 1 is a dummy atom"),
        ("[CH3:1]C", "without map numbers"),
        ("[C:1]([H:2])([H:3])([H:4])[H]", r"atom 5 \(H\) has no map number"),
        ("[H:1][O:2][H:2]", "2 occurs twice"),
        ("[H:1][O:2][H:4]", "run up to 4"),
        ("no-such-thing.sdf", "there is no such file"),
        ("thing.pdb", "carry no bond orders"),
    ],
)
def test_a_molecule_that_cannot_be_read_gets_one_clear_sentence(smiles, message, capfd):
    with pytest.raises(InputError, match=message):
        Molecule.read(smiles)
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.sdf", "", "file is empty"),
        ("a.sdf", "nonsense\n", "not a readable SDF"),
        ("a.sdf", sdf_of("C") + sdf_of("CC"), r"holds 2 molecules \(1: thing, 2: thing\)"),
        ("a.sdf", sdf_of("CCO", hydrogens=False), r"atom 1 \(C\) lacks 3 hydrogens; add them"),
        ("a.xyz", "1\n\nH 0 0 0\n", "carry no bond orders"),
    ],
)
def test_a_structure_file_that_cannot_be_used_gets_one_clear_sentence(name, text, message, tmp_path, capfd):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        Molecule.read(tmp_path / name)
    assert name in str(raised.value)
    assert capfd.readouterr().err == ""


def test_a_binary_file_is_no_structure_file(tmp_path):
    (tmp_path / "a.sdf").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="cannot be read as text"):
        Molecule.read(tmp_path / "a.sdf")


def test_the_first_atom_of_another_element_is_named():
    molecule = Molecule.from_smiles("CCO")
    numbers = molecule.numbers.copy()
    check_same_elements(molecule, numbers, "data.npz")
    numbers[[1, 2]] = numbers[[2, 1]]
    with pytest.raises(InputError, match=r"atom 2 is C in the molecule CCO but O in data\.npz"):
        check_same_elements(molecule, numbers, "data.npz")
    with pytest.raises(InputError, match=r"has 9 atoms but data\.npz has 3"):
        check_same_elements(molecule, molecule.numbers[:3], "data.npz")
