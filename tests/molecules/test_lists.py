"""Files of many molecules."""

from pathlib import Path

from hybridff.molecules.lists import listed_molecules


def names(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    found = listed_molecules(str(path))
    assert found is not None
    return [own.name for own in found]


def test_header_comments_and_empty_lines_are_no_molecules(tmp_path: Path) -> None:
    text = "SMILES Name\n# two alcohols\n\nCCO ethanol\nC#CCO propargyl alcohol\n"
    assert names(tmp_path / "some.smi", text) == ["ethanol", "propargyl_alcohol"]


def test_every_molecule_has_a_name_of_its_own(tmp_path: Path) -> None:
    found = names(tmp_path / "some.smi", "CCO a\nCCC a\nCCN a-1\nCC\n")
    assert found == ["a-2", "a-3", "a-1", "CC"]
    assert len(set(found)) == 4


def test_other_texts_are_no_file_of_many() -> None:
    assert listed_molecules("CCO") is None
