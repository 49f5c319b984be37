import itertools
from pathlib import Path

import openmmforcefields
import pytest
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.gaff.charges import read_charges
from hybridff.molecules.mol2 import GAFF_TYPES, atom_rows, gaff_element
from hybridff.molecules.molecule import Molecule

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


def mol2_of(smiles: str, types: list[str], *, aromatic: bool = True) -> str:
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


def bonds_of(molecule: Molecule) -> dict[tuple[int, ...], int]:
    return {tuple(sorted(p)): o for p, o in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)}


def test_a_mol2_gets_formal_charges_from_its_bonds(tmp_path):
    (tmp_path / "a.mol2").write_text(MOL2_ACETATE, encoding="utf-8")
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
    (tmp_path / "a.mol2").write_text(mol2_of(smiles, list(original.symbols)), encoding="utf-8")
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
    (tmp_path / "a.mol2").write_text(text, encoding="utf-8")
    guanidinium = Molecule.read(tmp_path / "a.mol2")
    assert guanidinium.charge == 1
    assert sorted(guanidinium.bond_orders.tolist()) == 8 * [1] + [2]


def test_a_mol2_with_gaff_types_is_read(tmp_path):
    types = ["c3", "c", "o", "cl", "hc", "hc", "hc"]
    (tmp_path / "a.mol2").write_text(mol2_of("CC(=O)Cl", types), encoding="utf-8")
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
    (tmp_path / "a.mol2").write_text(single_oxygens(smiles), encoding="utf-8")
    read, original = Molecule.read(tmp_path / "a.mol2"), Molecule.from_smiles(smiles)
    assert read.charge == charge
    plain = [Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(m.to_rdkit()))) for m in (read, original)]
    assert plain[0] == plain[1]


@pytest.mark.parametrize("smiles", ["CC(=O)[O-]", "O=[N+]([O-])c1ccccc1", "CS(=O)(=O)[O-]", "CN([O-])C"])
def test_the_partial_charges_decide_on_oxygens_drawn_with_single_bonds(smiles, tmp_path):
    charge = Molecule.from_smiles(smiles).charge
    (tmp_path / "right.mol2").write_text(single_oxygens(smiles, charge + 0.001), encoding="utf-8")
    assert Molecule.read(tmp_path / "right.mol2").charge == charge
    (tmp_path / "wrong.mol2").write_text(single_oxygens(smiles, charge - 2), encoding="utf-8")
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
    (tmp_path / "a.mol2").write_text(single_oxygens(smiles), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Molecule.read(tmp_path / "a.mol2")


def gaff_masses() -> dict[str, float]:
    """Mass [Da] of every atom type in all versions of GAFF that are installed."""
    folder = Path(openmmforcefields.__file__).parent / "ffxml" / "amber" / "gaff" / "dat"
    masses = {}
    for file in folder.glob("gaff-*.dat"):
        for line in itertools.takewhile(str.strip, file.read_text(encoding="utf-8").splitlines()[1:]):
            masses[line.split()[0]] = float(line.split()[1])
    return masses


def test_every_gaff_type_is_read_as_the_element_of_its_mass():
    table = Chem.GetPeriodicTable()
    masses = gaff_masses()
    assert set(masses) == GAFF_TYPES
    for atom_type, mass in masses.items():
        assert table.GetAtomicWeight(gaff_element(atom_type)) == pytest.approx(mass, abs=0.02), atom_type


def test_the_nitrogens_of_an_imidazolium_in_gaff_types_are_no_sodium(tmp_path):
    types = ["c3", "na", "cc", "cd", "na", "cc", "h1", "h1", "h1", "h4", "h4", "hn", "h5"]
    (tmp_path / "a.mol2").write_text(mol2_of("Cn1cc[nH+]c1", types, aromatic=False), encoding="utf-8")
    imidazolium = Molecule.read(tmp_path / "a.mol2")
    assert imidazolium.symbols == ("C", "N", "C", "C", "N", "C") + 7 * ("H",)
    assert imidazolium.charge == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense\n", "not a MOL2 file"),
        ("@<TRIPOS>MOLECULES\n@<TRIPOS>ATOM\n1 C 0 0 0 c3\n", "not a MOL2 file"),
        (MOL2_ACETATE + MOL2_ACETATE, "holds 2 molecules"),
        (MOL2_ACETATE.replace("1 1 2 1\n", "1 1 2 un\n"), "between atoms 1 and 2 has the type 'un'"),
        (MOL2_ACETATE.replace("1 1 2 1\n", "1 1 2\n"), "no bond type"),
        (MOL2_ACETATE[: MOL2_ACETATE.index("@<TRIPOS>BOND")], "no bonds"),
        (MOL2_ACETATE.replace("C.3", "Du"), "dummy atom"),
        (MOL2_ACETATE.replace("C.3", "Q9").replace("1 C1", "1 Q"), "names no element"),
        (MOL2_ACETATE.replace("0.90", "1.90"), r"add up to 0.00 e but the bonds to a molecule of charge -1"),
        (MOL2_ACETATE.replace("0.90", "x"), "cannot be read"),
        (MOL2_ACETATE.replace("2 2 3 ar", "2 2 2 ar"), "joins an atom to itself"),
    ],
)
def test_a_mol2_that_cannot_be_used_gets_one_clear_sentence(text, message, tmp_path, capfd):
    (tmp_path / "a.mol2").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        Molecule.read(tmp_path / "a.mol2")
    assert "a.mol2" in str(raised.value)
    assert capfd.readouterr().err == ""


def test_rows_of_atoms_are_those_of_the_first_section_without_comments():
    text = "# made by hand\n" + MOL2_ACETATE.replace("@<TRIPOS>ATOM\n", "@<TRIPOS>ATOM\n# a comment\n\n")
    rows = atom_rows(text + MOL2_ACETATE.replace("C.3", "C.ar"))
    assert rows is not None
    assert [fields[5] for fields in rows] == ["C.3", "C.2", "O.co2", "O.co2", "H", "H", "H"]
    assert [float(fields[8]) for fields in rows] == [-0.2, 0.9, -0.85, -0.85, 0, 0, 0]


def test_a_section_may_be_empty_or_missing():
    assert atom_rows("@<TRIPOS>MOLECULE\nwater\n@<TRIPOS>ATOM\n@<TRIPOS>BOND\n1 1 2 1\n") == []
    assert atom_rows("nonsense\n") is None


OWN = (Path(__file__).parents[1] / "fuzz" / "seeds" / "ethanol.mol2").read_text(encoding="utf-8")
"""Ethanol with types of GAFF and charges."""
TYPES = ("c3", "c3", "oh", "hc", "hc", "hc", "h1", "h1", "ho")


def with_types(types: list[str]) -> str:
    lines = OWN.splitlines()
    begin = lines.index("@<TRIPOS>ATOM") + 1
    for row, (old, new) in enumerate(zip(TYPES, types, strict=True)):
        lines[begin + row] = lines[begin + row].replace(f" {old} ", f" {new} ")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "types",
    [
        [f"opls_{number}" for number in (135, 157, 154, 140, 140, 140, 156, 156, 155)],
        ["CT", "CT", "OH", "HC", "HC", "HC", "H1", "H1", "HO"],
        [f"a{number}" for number in range(9)],
    ],
    ids=["OPLS", "AMBER", "numbered"],
)
def test_types_of_other_force_fields_leave_the_element_to_the_name(types: list[str], tmp_path: Path):
    (tmp_path / "a.mol2").write_text(with_types(types), encoding="utf-8")
    assert Molecule.read(tmp_path / "a.mol2").symbols == ("C", "C", "O", *"HHHHHH")
    charges = read_charges(tmp_path / "a.mol2", Molecule.read(tmp_path / "a.mol2"))
    assert charges.tolist() == pytest.approx([-0.15, 0.14, -0.6, *[0.045] * 5, 0.385], abs=1e-9)


def test_a_metal_is_named(tmp_path: Path):
    (tmp_path / "a.mol2").write_text(OWN.replace(" O3 ", " FE ").replace(" oh ", " Fe "), encoding="utf-8")
    with pytest.raises(InputError, match="atom 3 is Fe, whose charge a MOL2 file does not tell"):
        Molecule.read(tmp_path / "a.mol2")


def test_charges_of_a_molecule_with_other_bonds_are_refused(tmp_path: Path):
    (tmp_path / "a.mol2").write_text(OWN.replace(" 1 2 1\n", " 1 3 1\n", 1), encoding="utf-8")
    (tmp_path / "b.mol2").write_text(OWN, encoding="utf-8")
    with pytest.raises(InputError, match="are bonded in it but not in"):
        read_charges(tmp_path / "a.mol2", Molecule.read(tmp_path / "b.mol2"))
