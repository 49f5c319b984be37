from pathlib import Path

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.frames.geometries import read_geometries
from hybridff.frames.geometry_files import write_geometries
from hybridff.molecules.molecule import Molecule


@pytest.mark.parametrize("suffix", [".xyz", ".extxyz", ".npz"])
def test_a_file_says_which_molecule_it_is_of(suffix: str, tmp_path: Path) -> None:
    own = Molecule.from_smiles(r"C/C=C\C(=O)[O-]", 'a "name"').placed()  # a SMILES with a backslash
    assert own.positions is not None
    path, positions = tmp_path / f"some{suffix}", own.positions + np.random.default_rng(0).normal(0, 0.01, (2, 11, 3))
    write_geometries(path, own, positions, [("conformers", None), ("dynamics", 300.0)])
    found = read_geometries([path])
    assert found.molecule is not None
    assert (found.molecule.smiles, found.molecule.charge, found.name) == (own.smiles, -1, own.name)
    np.testing.assert_allclose(found.positions, positions, atol=1e-9)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    own = Molecule.from_smiles("O").placed()
    assert own.positions is not None
    with pytest.raises(InputError, match=r"cannot write geometries as .*some\.pdb: its name has to end in \.npz"):
        write_geometries(tmp_path / "some.pdb", own, own.positions[None], [("conformers", None)])
    assert not list(tmp_path.iterdir())
