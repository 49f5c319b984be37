from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from models import distorted, molecule
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.frames.geometries import read_geometries
from hybridff.units import ANGSTROM, BOHR

ETHANOL = molecule("ethanol")
FRAMES = distorted("ethanol", 3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_xyz_needs_no_energies() -> None:
    ase.io.write("a.xyz", [ase.Atoms(ETHANOL.numbers, frame / ANGSTROM) for frame in FRAMES])
    found = read_geometries(["a.xyz", "a.xyz"])
    np.testing.assert_allclose(found.positions, np.concatenate([FRAMES, FRAMES]), atol=1e-8)
    np.testing.assert_array_equal(found.numbers, ETHANOL.numbers)
    assert (found.name, found.molecule) == ("a", None)
    in_bohr = read_geometries(["a.xyz"], "bohr")
    np.testing.assert_allclose(in_bohr.positions, FRAMES * (BOHR / ANGSTROM), atol=1e-8)


def test_npz_needs_no_energies_and_brings_its_molecule() -> None:
    np.savez("a.npz", z=ETHANOL.numbers, R=FRAMES / ANGSTROM, r_unit="Ang", smiles=str(ETHANOL.smiles), name="it")
    found = read_geometries(["a.npz"])
    np.testing.assert_allclose(found.positions, FRAMES, atol=1e-12)
    assert found.molecule is not None
    assert found.molecule.smiles == ETHANOL.smiles
    np.savez("b.npz", z=ETHANOL.numbers, R=FRAMES)
    with pytest.raises(InputError, match="does not name its unit of length"):
        read_geometries(["b.npz"])
    np.testing.assert_allclose(read_geometries(["b.npz"], "nm").positions, FRAMES)


def test_conformers_of_an_sdf_bring_their_molecule() -> None:
    mol = Chem.MolFromSmiles("C[NH3+]")
    mol = Chem.AddHs(mol)
    with Chem.SDWriter("a.sdf") as writer:
        for seed in (1, 2):
            Chem.rdDistGeom.EmbedMolecule(mol, randomSeed=seed)
            writer.write(mol)
    found = read_geometries(["a.sdf"])
    assert found.positions.shape == (2, 8, 3)
    assert found.molecule is not None
    assert found.molecule.charge == 1


def test_other_molecules_and_missing_files_are_refused() -> None:
    ase.io.write("a.xyz", ase.Atoms("OHH", np.eye(3)))
    ase.io.write("b.xyz", ase.Atoms("HOH", np.eye(3)))
    Path("c.xyz").write_text("nothing", encoding="utf-8")
    Path("huge.xyz").write_text("1000000000000\n\nH 0 0 0\n", encoding="utf-8")
    for files, sentence in [
        (["a.xyz", "b.xyz"], "b.xyz holds other atoms"),
        (["none.xyz"], "there is no such file"),
        (["c.xyz"], "'nothing' stands where frame 1 should begin with its number of atoms"),
        (["huge.xyz"], "frame 1 is to have 1e\\+12 atoms"),
        (["."], "is a folder"),
        ([], "no file of geometries"),
    ]:
        with pytest.raises(InputError, match=sentence):
            read_geometries(files)
