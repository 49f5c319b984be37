import sys
from pathlib import Path

import pytest
from rdkit import Chem, rdBase

from hybridff.errors import InputError
from hybridff.foreign import read_text
from hybridff.molecules.parsing import is_file, parse_sdf, parse_smiles, rdkit_messages


def test_hydrogens_of_a_smiles_stay_and_none_are_added() -> None:
    assert parse_smiles("[H]OC").GetNumAtoms() == 3
    assert parse_smiles("CCO").GetNumAtoms() == 3


def test_a_valence_that_is_wrong_is_not_yet_refused() -> None:
    assert parse_smiles("CN(C)(C)C").GetNumAtoms() == 5


@pytest.mark.parametrize(("smiles", "message"), [("", "SMILES is empty"), ("CCQ", "syntax error near character 3")])
def test_what_is_no_smiles_is_refused(smiles: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_smiles(smiles)


def test_a_drawing_in_the_plane_gives_no_positions_and_a_geometry_does() -> None:
    mol = Chem.MolFromSmiles("CO")
    flat = Chem.MolToMolBlock(mol)
    assert parse_sdf(flat, "a.sdf").GetNumConformers() == 0
    assert parse_sdf(flat.replace("2D", "3D"), "a.sdf").GetNumConformers() == 1


def test_messages_of_rdkit_are_collected_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stderr
    with rdkit_messages() as messages:
        rdBase.LogErrorMsg("something is wrong")
    assert "something is wrong" in messages.getvalue()
    assert sys.stderr is before
    assert capfd.readouterr().err == ""


def test_any_text_may_be_asked_whether_it_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x", encoding="utf-8")
    assert is_file(tmp_path / "a")
    assert not is_file(tmp_path)
    assert not is_file(Path("C" * 5000))
    assert not is_file(Path("a\0b"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(" \n", encoding="utf-8")
    with pytest.raises(InputError, match="the file is empty"):
        read_text(tmp_path / "a")
