import itertools
from pathlib import Path

import numpy as np
import openmmforcefields
import pytest
from openmm import app
from rdkit import Chem

from hybridff.errors import InputError, MissingProgramError
from hybridff.molecules.mol2 import _GAFF_TYPES, _gaff_element
from hybridff.molecules.molecule import Molecule, check_same_elements

MOL2_ACETATE = """@<TRIPOS>MOLECULE
acetate
 7 6 1 0 0
SMALL
USER_CHARGES

@<TRIPOS>ATOM
1 C1 0.000 0.000 0.000 C.3 1 ACT -0.20
2 C2 1.540 0.000 0.000 C.2 1 ACT 0.90
3 O1 2.160 1.080 0.000 O.co2 1 ACT -0.85
4 O2 2.160 -1.080 0.000 O.co2 1 ACT -0.85
5 H1 -0.360 1.030 0.000 H 1 ACT 0.00
6 H2 -0.360 -0.510 0.890 H 1 ACT 0.00
7 H3 -0.360 -0.510 -0.890 H 1 ACT 0.00
@<TRIPOS>BOND
1 1 2 1
2 2 3 ar
3 2 4 ar
4 1 5 1
5 1 6 1
6 1 7 1
"""


def mol2_of(smiles: str, types: list[str], aromatic: bool = True) -> str:
    """MOL2 text of a molecule with positions on a line, for which only types and bonds matter."""
    molecule = Molecule.from_smiles(smiles)
    mol = molecule.to_rdkit()
    names = {1: "1", 2: "2", 3: "3"}
    lines = ["@<TRIPOS>MOLECULE", "test", "", "SMALL", "NO_CHARGES", "", "@<TRIPOS>ATOM"]
    for atom, (symbol, kind) in enumerate(zip(molecule.symbols, types, strict=True)):
        lines.append(f"{atom + 1} {symbol}{atom + 1} {1.4 * atom:.3f} 0.000 0.000 {kind}")
    lines.append("@<TRIPOS>BOND")
    for number, ((i, j), order) in enumerate(zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)):
        is_aromatic = aromatic and mol.GetBondBetweenAtoms(i, j).GetIsAromatic()
        lines.append(f"{number + 1} {i + 1} {j + 1} {'ar' if is_aromatic else names[order]}")
    return "\n".join(lines) + "\n"


def sdf_of(smiles: str, hydrogens: bool = True, positions: bool = True) -> str:
    mol = Molecule.from_smiles(smiles).with_embedded_positions().to_rdkit()
    if not positions:
        mol.RemoveAllConformers()
    mol.SetProp("_Name", "thing")
    return Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveHs(mol)) + "$$$$\n"


def bonds_of(molecule: Molecule) -> dict[tuple[int, ...], int]:
    return {tuple(sorted(p)): o for p, o in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)}


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
    (tmp_path / "a.sdf").write_text(sdf_of("[O-]C(=O)c1ccccc1"))
    read = Molecule.read(tmp_path / "a.sdf")
    assert read.name == "thing"
    np.testing.assert_array_equal(read.numbers, original.numbers)
    np.testing.assert_array_equal(read.formal_charges, original.formal_charges)
    np.testing.assert_allclose(read.positions, original.positions, atol=1e-5)  # SDF has four decimals of Å


def test_an_sdf_without_geometry_has_no_positions(tmp_path):
    (tmp_path / "a.sdf").write_text(sdf_of("CCO", positions=False))
    assert Molecule.read(tmp_path / "a.sdf").positions is None


def test_a_mol2_gets_formal_charges_from_its_bonds(tmp_path):
    (tmp_path / "a.mol2").write_text(MOL2_ACETATE)
    acetate = Molecule.read(tmp_path / "a.mol2")
    assert acetate.charge == -1
    assert sorted(acetate.formal_charges.tolist()) == [-1, 0, 0, 0, 0, 0, 0]
    assert sorted([bonds_of(acetate)[1, 2], bonds_of(acetate)[1, 3]]) == [1, 2]
    assert acetate.positions is not None
    assert acetate.positions[1].tolist() == pytest.approx([0.154, 0, 0])


@pytest.mark.parametrize(
    "smiles",
    [
        "c1cc[nH]c1",
        "Cn1cc[n+](C)c1",
        "c1cc[nH+]cc1",
        "c1nn[n-]n1",
        "CS(=O)(=O)NC",
        "COP(=O)([O-])[O-]",
        "C[N+](=O)[O-]",
        "CN=[N+]=[N-]",
        "C[S+](C)C",
        "CC#N",
        "C[N+]#[C-]",
        "FC(Cl)(Br)I",
        "CC(N)=[NH2+]",
        "C[O-]",
        "OB(O)O",
    ],
)
def test_a_mol2_gives_back_the_molecule_it_was_made_from(smiles, tmp_path):
    original = Molecule.from_smiles(smiles)
    (tmp_path / "a.mol2").write_text(mol2_of(smiles, list(original.symbols)))
    read = Molecule.read(tmp_path / "a.mol2")
    assert read.charge == original.charge
    assert read.smiles is not None
    assert original.smiles is not None
    plain = [Chem.MolToInchi(m.to_rdkit(), options="/FixedH") for m in (read, original)]
    assert plain[0] == plain[1]


def test_a_guanidinium_with_aromatic_bonds_becomes_a_cation(tmp_path):
    text = mol2_of("NC(=[NH2+])N", ["N.pl3", "C.cat", "N.pl3", "N.pl3", *6 * ["H"]])
    bonds = text[text.index("@<TRIPOS>BOND") :]
    for line in bonds.splitlines()[1:4]:
        text = text.replace(line, line[:-1] + "ar")
    (tmp_path / "a.mol2").write_text(text)
    guanidinium = Molecule.read(tmp_path / "a.mol2")
    assert guanidinium.charge == 1
    assert sorted(guanidinium.bond_orders.tolist()) == 8 * [1] + [2]


def test_a_mol2_with_gaff_types_is_read(tmp_path):
    types = ["c3", "c", "o", "cl", "hc", "hc", "hc"]
    (tmp_path / "a.mol2").write_text(mol2_of("CC(=O)Cl", types))
    assert Molecule.read(tmp_path / "a.mol2").symbols == ("C", "C", "O", "Cl", "H", "H", "H")


def single_oxygens(smiles: str, charges: float | None = None) -> str:
    """MOL2 text with terminal oxygens on single bonds, as antechamber's; ``charges`` [e] is its column's total."""
    mol = Molecule.from_smiles(smiles).to_rdkit()
    lines = mol2_of(smiles, [atom.GetSymbol() for atom in mol.GetAtoms()]).splitlines()
    first, bonds = lines.index("@<TRIPOS>ATOM") + 1, lines.index("@<TRIPOS>BOND")
    for row in range(first, bonds):
        lines[row] += f" 1 MOL {(charges or 0.0) / mol.GetNumAtoms():.6f}"
    for row in range(bonds + 1, len(lines)):
        number, i, j, _ = lines[row].split()
        ends = [mol.GetAtomWithIdx(int(end) - 1) for end in (i, j)]
        if any(atom.GetAtomicNum() == 8 and atom.GetDegree() == 1 for atom in ends):
            lines[row] = f"{number} {i} {j} 1"
    return "\n".join(lines) + "\n"


OXYGEN_GROUPS = [
    ("CC(=O)[O-]", -1),
    ("[O-]C(=O)[O-]", -2),
    ("[NH3+]CC(=O)[O-]", 0),
    ("O=[N+]([O-])c1ccccc1", 0),
    ("O=[N+]([O-])[O-]", -1),
    ("CS(=O)C", 0),
    ("CS(=O)[O-]", -1),
    ("CS(=O)(=O)C", 0),
    ("CS(=O)(=O)N", 0),
    ("CS(=O)(=O)[O-]", -1),
    ("COS(=O)(=O)[O-]", -1),
    ("CP(=O)(C)C", 0),
    ("COP(=O)([O-])OC", -1),
    ("COP(=O)([O-])[O-]", -2),
    ("C[N+](C)(C)[O-]", 0),
    ("[O-][n+]1ccccc1", 0),
]


@pytest.mark.parametrize(("smiles", "charge"), OXYGEN_GROUPS)
def test_oxygens_drawn_with_single_bonds_get_their_double_bonds_back(smiles, charge, tmp_path):
    (tmp_path / "a.mol2").write_text(single_oxygens(smiles))
    read, original = Molecule.read(tmp_path / "a.mol2"), Molecule.from_smiles(smiles)
    assert read.charge == charge
    plain = [Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(m.to_rdkit()))) for m in (read, original)]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("smiles", ["CC(=O)[O-]", "O=[N+]([O-])c1ccccc1", "CS(=O)(=O)[O-]", "CN([O-])C"])
def test_the_partial_charges_decide_on_oxygens_drawn_with_single_bonds(smiles, tmp_path):
    charge = Molecule.from_smiles(smiles).charge
    (tmp_path / "right.mol2").write_text(single_oxygens(smiles, charge + 0.001))
    assert Molecule.read(tmp_path / "right.mol2").charge == charge
    (tmp_path / "wrong.mol2").write_text(single_oxygens(smiles, charge - 2))
    with pytest.raises(InputError, match=f"add up to {charge - 2:.2f} e but the bonds to a molecule"):
        Molecule.read(tmp_path / "wrong.mol2")


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CN=O", r"atom 3 \(O\) has a single bond to atom 2 \(N\) and no hydrogen"),
        ("CN([O-])C", r"atom 3 \(O\) has a single bond to atom 2 \(N\)"),
        ("CS[O-]", r"to atom 2 \(S\)"),
        ("C[S+](=O)(C)C", r"to atom 2 \(S\).*antechamber.*give an SDF file or a SMILES"),
        ("CP([O-])C", r"to atom 2 \(P\)"),
        ("[O-]Cl(=O)(=O)=O", r"to atom 2 \(Cl\)"),
        ("[O-]n1cccc1", r"to atom 2 \(N\)"),
    ],
)
def test_an_oxygen_whose_single_bond_leaves_its_charge_open_is_refused(smiles, message, tmp_path):
    (tmp_path / "a.mol2").write_text(single_oxygens(smiles))
    with pytest.raises(InputError, match=message):
        Molecule.read(tmp_path / "a.mol2")


def gaff_masses() -> dict[str, float]:
    """Mass [Da] of every atom type in all versions of GAFF that are installed."""
    folder = Path(openmmforcefields.__file__).parent / "ffxml" / "amber" / "gaff" / "dat"
    masses = {}
    for file in folder.glob("gaff-*.dat"):
        for line in itertools.takewhile(str.strip, file.read_text().splitlines()[1:]):
            masses[line.split()[0]] = float(line.split()[1])
    return masses


def test_every_gaff_type_is_read_as_the_element_of_its_mass():
    table = Chem.GetPeriodicTable()
    masses = gaff_masses()
    assert set(masses) == _GAFF_TYPES
    for atom_type, mass in masses.items():
        assert table.GetAtomicWeight(_gaff_element(atom_type)) == pytest.approx(mass, abs=0.02), atom_type


def test_the_nitrogens_of_an_imidazolium_in_gaff_types_are_no_sodium(tmp_path):
    types = ["c3", "na", "cc", "cd", "na", "cc", "h1", "h1", "h1", "h4", "h4", "hn", "h5"]
    (tmp_path / "a.mol2").write_text(mol2_of("Cn1cc[nH+]c1", types, aromatic=False))
    imidazolium = Molecule.read(tmp_path / "a.mol2")
    assert imidazolium.symbols == ("C", "N", "C", "C", "N", "C") + 7 * ("H",)
    assert imidazolium.charge == 1


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
    toolkit = pytest.importorskip("openff.toolkit", reason="openff-toolkit is not on PyPI; see docs to install it")
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
        ("a.sdf", sdf_of("C") + sdf_of("CC"), r"holds 2 molecules \(thing, thing\)"),
        ("a.sdf", sdf_of("CCO", hydrogens=False), r"atom 1 \(C\) lacks 3 hydrogens; add them"),
        ("a.mol2", "nonsense\n", "not a MOL2 file"),
        ("a.mol2", MOL2_ACETATE + MOL2_ACETATE, "holds 2 molecules"),
        ("a.mol2", MOL2_ACETATE.replace("1 1 2 1\n", "1 1 2 un\n"), "between atoms 1 and 2 has the type 'un'"),
        ("a.mol2", MOL2_ACETATE.replace("1 1 2 1\n", "1 1 2\n"), "no bond type"),
        ("a.mol2", MOL2_ACETATE[: MOL2_ACETATE.index("@<TRIPOS>BOND")], "no bonds"),
        ("a.mol2", MOL2_ACETATE.replace("C.3", "Du"), "dummy atom"),
        ("a.mol2", MOL2_ACETATE.replace("C.3", "Q9").replace("1 C1", "1 Q"), "names no element"),
        ("a.mol2", MOL2_ACETATE.replace("0.90", "1.90"), r"add up to 0.00 e but the bonds to a molecule of charge -1"),
        ("a.mol2", MOL2_ACETATE.replace("0.90", "x"), "cannot be read"),
        ("a.mol2", MOL2_ACETATE.replace("2 2 3 ar", "2 2 2 ar"), "joins an atom to itself"),
        ("a.xyz", "1\n\nH 0 0 0\n", "carry no bond orders"),
    ],
)
def test_a_structure_file_that_cannot_be_used_gets_one_clear_sentence(name, text, message, tmp_path, capfd):
    (tmp_path / name).write_text(text)
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
