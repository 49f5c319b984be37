from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from hybridff.errors import InputError
from hybridff.molecules.completing import are_same
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.pdb import molecule_of_pdb


def written(smiles: str, folder: Path, *, hydrogens: bool = True, shuffled: bool = False, conect: bool = True) -> Path:
    """A PDB file of a molecule, embedded."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(mol, randomSeed=5) == 0
    if shuffled:
        order = np.random.default_rng(1).permutation(mol.GetNumAtoms())
        mol = Chem.RenumberAtoms(mol, [int(i) for i in order])
    path = folder / "ligand.pdb"
    Chem.MolToPDBFile(mol if hydrogens else Chem.RemoveHs(mol), str(path), flavor=0 if conect else 2)
    return path


@pytest.mark.parametrize(
    "smiles",
    [
        "CCO",
        "CC(=O)Oc1ccccc1C(=O)O",
        "[NH3+][C@@H](C)C(=O)[O-]",
        "C/C=C/C#N",
        "C[N+](=O)[O-]",
        "O=c1cc[nH]c(=O)[nH]1",
        "CS(=O)(=O)C",
    ],
)
@pytest.mark.parametrize("conect", [True, False])
def test_a_pdb_file_gets_the_bond_orders_of_its_smiles(smiles, conect, tmp_path):
    path = written(smiles, tmp_path, shuffled=True, conect=conect)
    found, wanted = molecule_of_pdb(path, smiles), Molecule.from_smiles(smiles)
    assert found.charge == wanted.charge
    assert are_same(found, wanted, stereochemistry=True)
    first = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("HETATM"))
    assert found.positions is not None
    assert found.positions[0] == pytest.approx([float(first[k : k + 8]) / 10 for k in (30, 38, 46)])


@pytest.mark.parametrize(
    ("smiles", "hydrogens", "of", "sentence"),
    [
        ("CCO", False, "CCO", r"has the atoms C2O, but CCO has C2H6O, with all hydrogens"),
        ("CCO", True, "CCCO", r"has the atoms C2H6O, but CCCO has C3H8O"),
        ("CCO", True, "COC", r"its bonds, by CONECT records and distances, are not those of COC"),
        ("C[C@H](F)Cl", True, "C[C@@H](F)Cl", r"its positions are another stereoisomer"),
        ("CC(=O)[O-].[Na+]", True, "CC(=O)[O-]", r"has the atoms C2H3NaO2, but"),
    ],
)
def test_a_pdb_file_that_is_not_of_its_smiles_is_refused(smiles, hydrogens, of, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        molecule_of_pdb(written(smiles, tmp_path, hydrogens=hydrogens), of)
