"""A module imports only from those above it in ``ORDER``, so that the package can be read from top to bottom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hybridff"

ORDER = """
    units errors output cache geometry expression elementary
    mol2 molecule images symmetry soundness dataset consistency checks model
    corrections.device corrections.descriptor corrections.kernel corrections.gram corrections.permutations
    corrections.train corrections.sgdmlfile corrections.compiled corrections.familiarity corrections.term
    corrections.fragment corrections.process corrections.learn corrections.sparse corrections.choice
    gaff.programs gaff.table gaff.classone gaff.atomtypes gaff.assign gaff.resp gaff.charges gaff.openmm_source
    gaff.features gaff.terms gaff.parameters gaff.nonbonded gaff.topology gaff.reference gaff.products gaff.patterns
    gaff.userform gaff.formfile gaff.class2
    gaff.rows gaff.morse gaff.neural gaff.forms gaff.restraints gaff.energy gaff.openmm_forces gaff.forcefield
    gaff.slopes gaff.design gaff.columns gaff.kernels gaff.codegen gaff.compiled
    export holes openmm_files analysis.errors
    fit.conformers fit.gauss_newton fit.options fit.problem fit.posterior fit.result fit.normal fit.linear fit.refit
    start simulate gate stable anchors residuals training correct trials modelfile
    systems.ffxml systems.matching systems.inside systems.mixed systems.templates systems.mlpotential
    systems.engines calculator analysis.methods analysis.dynamics analysis.minima analysis.modes analysis.scan
    analysis.groups analysis.sampling analysis.populations analysis.distances analysis.vibrations analysis.along
    analysis.path analysis.extrapolation
    verify workflow plots plots_analysis page document
    comparison.options comparison.sgdml_program comparison.trainers comparison.measure comparison.compare
    comparison.present
    report.options report.pair report.beside report.pictures report.drawing report.groups
    report.measured report.fitted_parameters report.headline report.commands report.learning report.documents
    report.extras
    terminal cli_common cli_run cli_fit cli_analyse cli_landscape cli_sampling cli_compare cli __main__
"""
LAYERS = ORDER.split()


def modules() -> list[str]:
    """Every module but the packages themselves, whose ``__init__`` only names what users import."""
    files = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    return sorted(".".join(path.parts) for path in files)


def imports(module: str) -> set[str]:
    """Modules of this package that a module imports, inside its functions too."""
    tree = ast.parse(PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            source = f"{node.module}"
            found |= {source, *(f"{source}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name.removeprefix("hybridff.") for name in found if name.startswith("hybridff.")} & set(modules())


def test_every_module_has_its_place() -> None:
    assert sorted(LAYERS) == modules()


@pytest.mark.parametrize("module", LAYERS)
def test_a_module_imports_only_from_those_above_it(module: str) -> None:
    above = set(LAYERS[: LAYERS.index(module)])
    assert imports(module) <= above


def test_the_bonded_part_and_the_corrections_do_not_know_each_other() -> None:
    for module in modules():
        folder = module.partition(".")[0]
        other = {"gaff": "corrections", "corrections": "gaff"}.get(folder)
        assert not {name for name in imports(module) if name.partition(".")[0] == other}


def test_imports_are_seen() -> None:
    assert {"errors", "gaff.rows", "molecule"} <= imports("gaff.forms")
    assert "cli" in imports("__main__")
