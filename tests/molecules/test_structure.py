from pathlib import Path

import numpy as np
import pytest
from models import molecule
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.units import BOHR

ETHANOL = molecule("ethanol")


def positions() -> np.ndarray:
    """Positions of ethanol [Å]."""
    assert ETHANOL.positions is not None
    return 10 * ETHANOL.positions


def far() -> np.ndarray:
    changed = positions()
    changed[8] = changed[2] + [0, 0, 29.3]
    return changed


def swapped() -> np.ndarray:
    changed = positions()
    changed[[2, 4]] = changed[[4, 2]]
    return changed


def in_one_place() -> np.ndarray:
    changed = positions()
    changed[5] = changed[4]
    return changed


def mol_of(places: np.ndarray) -> Chem.Mol:
    mol = ETHANOL.to_rdkit()
    mol.GetConformer().SetPositions(np.ascontiguousarray(places))
    return mol


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        (positions() / 10, "0.098 of their usual length: the positions look like nm"),
        (positions() * 0.1 / BOHR, "the positions look like bohr"),
        (positions() / 2, "so the positions are scaled or a drawing"),
        (positions() * 100, "the positions look like pm"),
        (far(), "the bond O3-H9 is 29.3 Å long, so one atom is far away"),
        (swapped(), "the bond"),
        (in_one_place(), "H5 and H6 are in one place"),
    ],
    ids=["nm", "bohr", "scaled", "pm", "far", "swapped", "one place"],
)
@pytest.mark.parametrize("way", ["SDF", "RDKit"])
def test_a_structure_that_is_not_the_molecules_is_refused_with_the_likely_cause(places, sentence, way, tmp_path: Path):
    mol = mol_of(places)
    with pytest.raises(InputError) as caught:
        if way == "SDF":
            Chem.MolToMolFile(mol, str(tmp_path / "a.sdf"))
            Molecule.read(tmp_path / "a.sdf")
        else:
            Molecule.from_rdkit(mol)
    assert sentence.split(" of their")[-1] in str(caught.value)


def test_three_atoms_are_no_drawing_though_they_lie_in_a_plane() -> None:
    water = Molecule.from_smiles("O", "water").with_embedded_positions(seed=1).to_rdkit()
    places = water.GetConformer().GetPositions()
    places[2] += [0, 0, 30]
    water.GetConformer().SetPositions(np.ascontiguousarray(places))
    with pytest.raises(InputError, match="its bonds are 16 of their usual length"):
        Molecule.from_rdkit(water)


def test_a_drawing_whose_header_says_3d_has_no_positions_and_keeps_its_wedges(tmp_path: Path):
    drawn = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)O"))
    Chem.rdDepictor.Compute2DCoords(drawn)
    text = Chem.MolToMolBlock(drawn)
    header = text.splitlines()[1]
    (tmp_path / "a.sdf").write_text(text.replace(header, header.replace("2D", "3D")), encoding="utf-8")
    read = Molecule.read(tmp_path / "a.sdf")
    assert read.positions is None
    assert read.smiles is not None
    assert Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(_unmapped(read.smiles)))) == Chem.CanonSmiles("C[C@H](N)O")


def _unmapped(smiles: str) -> Chem.Mol:
    mol = Chem.MolFromSmiles(smiles)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    return mol


@pytest.mark.parametrize(
    "smiles", ["C12CC(C1)C2", "O=S(=O)(O)O", "C#CC#C", "OC(=O)CC(=O)[O-]", "ClC(Br)I", "C[Si](C)C"]
)
def test_structures_of_small_rings_heavy_atoms_and_hydrogen_bonds_are_right(smiles: str):
    if smiles == "C[Si](C)C":
        smiles = "C[SiH](C)C"
    embedded = Molecule.from_smiles(smiles).with_embedded_positions()
    assert Molecule.from_rdkit(embedded.to_rdkit()).positions is not None
