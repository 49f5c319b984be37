"""Marks that ruff does not hold: lengths of files and functions, reasons of exceptions, docstrings that stand alone."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "hybridff").rglob("*.py"))
EVERYTHING = sorted(path for path in ROOT.rglob("*.py") if not {".venv", "build"} & set(path.relative_to(ROOT).parts))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_a_file_can_be_held_in_the_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_a_function_can_be_seen_at_once(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in found}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_an_exception_from_a_rule_has_its_reason(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if "# noqa" in line:
            assert re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* \(.+\)", line), line


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_the_docstring_of_a_field_stands_alone(path: Path) -> None:
    """It is read in help and in an editor without the field's name: no "Of a step.", no unit by itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for one in getattr(node, "body", []) if isinstance(node, ast.ClassDef | ast.Module) else []:
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
                text = one.value.value
                assert not re.match(r"(Of|That|The same|As|With|For|In|On|By) |\[[^\]]*\]\.?$", text), text


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_text_is_read_and_written_as_utf_8(path: Path) -> None:
    """Ruff's PLW1514 sees only what it knows to be a path; pocl sets an ASCII locale in the process that loads it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = {keyword.arg for keyword in node.keywords}
            assert node.func.attr not in ("read_text", "write_text") or "encoding" in given, ast.unparse(node)
            assert "text" not in given or not ast.unparse(node).startswith("subprocess."), ast.unparse(node)
