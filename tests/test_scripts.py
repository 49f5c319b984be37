"""Scripts and benchmarks are short drivers: each starts, and says how it is used."""

import ast
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("scripts", "benchmarks")
MOST_LINES = 80


def has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.py"))]
DRIVERS = [path for path in FILES if has_main(path)]


def names(paths: list[Path]) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in paths]


def test_there_are_drivers_in_both_folders() -> None:
    assert {path.parent.name for path in DRIVERS} == set(FOLDERS)


@pytest.mark.parametrize("path", DRIVERS, ids=names(DRIVERS))
def test_a_driver_says_how_it_is_used(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"Usage: python {path.parent.name}/{path.name}" in docstring


@pytest.mark.parametrize("path", DRIVERS, ids=names(DRIVERS))
def test_a_driver_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_scripts_know_only_public_names(path: Path) -> None:
    """Nothing of the package that begins with an underscore, and nothing of the command line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and f"{node.module}".startswith("hybridff"):
            parts = [*f"{node.module}".split("."), *(name.name for name in node.names)]
            assert not any(part.startswith("_") for part in parts)
            assert parts[1:2] != ["cli"]


@pytest.mark.filterwarnings("ignore")  # of other programs, when they are imported
@pytest.mark.parametrize("path", DRIVERS, ids=names(DRIVERS))
def test_a_driver_starts(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: what a driver imports takes seconds in one of its own."""
    if "hybridff.reference" in path.read_text(encoding="utf-8"):
        pytest.importorskip("pyscf", reason="the reference is PySCF's")
    monkeypatch.syspath_prepend(str(path.parent))
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(path), run_name="__main__")
    assert left.value.code == 0
    assert f"Usage: python {path.parent.name}/{path.name}" in capsys.readouterr().out
