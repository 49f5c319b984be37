"""Folders stand in the order of the data flow and import from those before them: the rule of CONTRIBUTING.md."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hybridff"
ROOT = "the package itself"
FOLDERS = (
    ROOT,
    "expressions",
    "document",
    "plots",
    "molecules",
    "frames",
    "gaff",
    "corrections",
    "export",
    "systems",
    "stability",
    "fitting",
    "hybrid",
    "analysis",
    "sampling",
    "reference",
    "jobs",
    "making",
    "comparison",
    "report",
    "workflows",
    "cli",
)
"""A module imports from its own folder and from those before it."""
STRANGERS = {("gaff", "corrections"), ("corrections", "gaff"), ("systems", "stability")}
"""Folders that do not know each other: what joins the first two stands in ``export`` and ``hybrid``."""


def modules() -> list[str]:
    """Every module but the packages themselves, whose ``__init__`` only names what users import."""
    files = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    return sorted(".".join(path.parts) for path in files if path.stem != "__main__")


def imports(module: str) -> set[str]:
    """Modules of this package that a module imports, inside its functions too."""
    tree = ast.parse(PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = f"{node.module}"
            found |= {source, *(f"{source}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name.removeprefix("hybridff.") for name in found if name.startswith("hybridff.")} & set(modules())


def folder(module: str) -> str:
    return module.rpartition(".")[0] or ROOT


def test_every_folder_has_its_place() -> None:
    assert {folder(module) for module in modules()} == set(FOLDERS)


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_its_own_folder_and_those_before_it(module: str) -> None:
    own = folder(module)
    known = set(FOLDERS[: FOLDERS.index(own) + 1]) - {other for stranger, other in STRANGERS if stranger == own}
    assert {name for name in imports(module) if folder(name) not in known} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {module: imports(module) for module in modules()}
    while free := [module for module, needed in left.items() if not needed & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


def test_imports_are_seen() -> None:
    assert {"errors", "gaff.rows", "molecules.molecule"} <= imports("gaff.forms")
    assert {"cli.common", "workflows.fits"} <= imports("cli.fitting")
