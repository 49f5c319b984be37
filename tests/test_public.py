"""The names that ``import hybridff as hf`` gives."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import hybridff as hf

PACKAGE = Path(hf.__file__).parent


@pytest.mark.parametrize("name", hf.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert (getattr(hf, name).__doc__ or "").strip()


def test_type_checkers_see_the_same_names_at_the_same_places() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name: node.module.removeprefix("hybridff.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("hybridff.")
        for alias in node.names
    }
    assert typed == hf.PLACES
    assert sorted(typed) == hf.__all__


def test_no_public_name_is_that_of_a_module() -> None:
    modules = {path.stem for path in PACKAGE.rglob("*.py")} | {path.name for path in PACKAGE.iterdir()}
    assert not modules & set(hf.__all__)


def test_modules_below_the_package_can_be_imported_by_their_names() -> None:
    for path in sorted(PACKAGE.iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            assert import_module(f"hybridff.{path.name}").__file__ == str(path / "__init__.py")


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        hf.fitt  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    assert hf.__version__ == version("hybridff")
    assert set(dir(hf)) == {*hf.__all__, "__version__"}


@pytest.mark.parametrize("code", ["import hybridff", "import hybridff.cli.app"])
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    program = f"import sys\n{code}\nprint(*(name for name in sys.modules if '.' not in name))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert not {"torch", "openmm", "rdkit", "numba", "ase", "matplotlib", "scipy", "numpy"} & set(found.stdout.split())


@pytest.mark.parametrize("name", sorted(hf.FORMER))
def test_former_names_are_still_there_and_say_where_they_went(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"hybridff\.{name} is now hybridff\.[a-z_.]+\.{name}"):
        assert getattr(hf, name).__name__ == name
