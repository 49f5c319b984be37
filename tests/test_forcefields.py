"""The shipped force fields load by the lines of their cards, and are as good as these say."""

import re
from pathlib import Path
from shutil import which

import numpy as np
import openmm
import pytest

import hybridff as hf

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(path for path in (ROOT / "forcefields").iterdir() if path.is_dir())
MODELS = [path for path in FOLDERS if (path / "model.json").is_file()]
LARGEST = 1_000_000
"""Size of a file [bytes]."""


def card(folder: Path) -> str:
    return (folder / "CARD.md").read_text(encoding="utf-8")


def fact(folder: Path, name: str) -> str:
    (found,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", card(folder), re.MULTILINE)
    return str(found)


def test_there_are_several_and_the_index_has_them_all() -> None:
    index = (ROOT / "forcefields" / "README.md").read_text(encoding="utf-8")
    assert len(FOLDERS) >= 4
    assert re.findall(r"^\| \[([\w-]+)\]\(\1/CARD\.md\)", index, re.MULTILINE) == [path.name for path in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_card_says_what_a_user_has_to_know(folder: Path) -> None:
    for name in ("level", "data", "test", "force RMSE [kcal/mol/Å]", "energy RMSE [kcal/mol]", "stability", "licence"):
        assert len(fact(folder, name)) > 3, name
    assert re.search("[Ss]table", fact(folder, "stability"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_the_three_lines_of_a_card_make_a_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = re.findall(r"^ {4}(.*)$", card(folder), re.MULTILINE)
    assert len(lines) == 3
    if folder not in MODELS and which("antechamber") is None:
        pytest.importorskip("ambertools", reason="a parameter set needs types and charges")
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    system = names["system"]
    assert isinstance(system, openmm.System)
    assert system.getNumParticles() > 8


@pytest.mark.parametrize("folder", MODELS, ids=lambda path: path.name)
def test_errors_on_test_frames_are_those_of_the_card(folder: Path) -> None:
    own = folder / "labels.npz"
    frames = hf.read_frames(own if own.is_file() else ROOT / "hybridff" / "data" / f"{folder.name}.npz")
    model = hf.read_model(folder)
    rows = np.array(model.provenance["frames"]["test"])
    errors = hf.evaluate(model.force_field, frames.subset(rows), model.energy_offset).in_field_units()
    for name, unit in (("force", "kcal/mol/Å"), ("energy", "kcal/mol")):
        said = float(fact(folder, f"{name} RMSE [{unit}]").split()[0])
        measured = errors[f"{name}_rmse_kcal_mol" + ("_angstrom" if name == "force" else "")]
        assert measured == pytest.approx(said, abs=0.0051)  # two digits
    assert f"{len(rows)} frames" in fact(folder, "test")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_files_are_small_and_name_no_place_of_a_machine(folder: Path) -> None:
    for path in folder.iterdir():
        assert path.stat().st_size < LARGEST, path.name
        if path.suffix != ".npz":
            assert re.findall(r"/(?:home|root|tmp|Users)/\S*", path.read_text(encoding="utf-8")) == []
