"""Cards of the shipped force fields: level, data, errors, stability, licence, and three lines that load it.

All of it is from the model or the fit, so that a card is never written by hand.
"""

from collections.abc import Mapping
from pathlib import Path

from hybridff.export.modelfile import SavedModel
from hybridff.frames.accuracy import Errors
from hybridff.workflows.fits import FitRun

LICENCE = "CC0-1.0, labels too; it starts from GAFF's public parameters"
RMSE = ("force_rmse_kcal_mol_angstrom", "energy_rmse_kcal_mol")


def model_card(name: str, saved: SavedModel, where: str) -> str:
    """The card of a model; ``where`` says what its labels are."""
    about, force_field = saved.provenance, saved.force_field
    options, rows = about["options"], about["frames"]
    pretrain = "" if options.get("pretrain", "none") == "none" else ", then a fit to frames of GFN2-xTB"
    facts = {
        "molecule": f"`{force_field.molecule.smiles}`, {len(force_field.molecule.numbers)} atoms",
        "level": about["theory"],
        "starts from": f"{options['gaff']} with {options['charges']} charges{pretrain}",
        "form": f"{options['form']}, {int(force_field.parameter_table.adjustable.sum())} fitted parameters",
        "data": f"{len(rows['train'])} labels to fit, {len(rows['validation'])} to choose by; {where}",
        "test": f"{len(rows['test'])} frames that nothing was fitted to",
        **errors_of(about["errors before"]["test"], about["errors after"]["test"]),
        "stability": " ".join(about["stability"]),
    }
    if "unseen" in about:
        facts["not in the data"] = about["unseen"]
    lines = (f'model = hf.read_model("forcefields/{name}")', "system = hf.to_openmm(model.force_field)")
    return card(name, facts, f"{about['program']}, seed {options['seed']}", lines)


def set_card(run: FitRun, errors: Mapping[str, tuple[Errors, Errors]], how: Mapping[str, str]) -> str:
    """The card of a parameter set; errors, stock and by the set, of molecules that it was not fitted to."""
    about, options = run.molecules[0].model.provenance, run.molecules[0].model.provenance["options"]
    names = {item.data.molecule.name: len(item.split.train) for item in run.molecules}
    rows = int(run.molecules[0].result.start.adjustable.sum())
    gate = [f"{item.data.molecule.name}: {' '.join(item.model.provenance['stability'])}" for item in run.molecules]
    ((tested, (before, after)),) = errors.items()
    facts = {
        "molecules": "alkanes, by fits of " + " and ".join(names),
        "level": about["theory"],
        "starts from": f"{options['gaff']} with {options['charges']} charges",
        "form": f"class2, {rows} rows shared by environment",
        "data": "; ".join(f"{n} labels of {name} to fit" for name, n in names.items())
        + f"; by `{next(iter(how.values()))}` and likewise for the others; `*.npz`",
        "test": f"{before.n_frames} frames of {tested}, of which the fit has none",
        **errors_of(before.in_field_units(), after.in_field_units()),
        "stability": " ".join(gate)
        + " Models that the set gives have passed no gate (`hybridff verify DIR --dynamics`).",
    }
    lines = (
        'applied = hf.apply_parameter_set("forcefields/alkanes", "CCCCCCCC")',
        "system = hf.to_openmm(applied.model.force_field)",
    )
    return card("alkanes", facts, f"{about['program']}, seed {options['seed']}", lines)


def errors_of(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> dict[str, str]:
    """Rows of errors, of stock GAFF and of the fit."""
    units = {RMSE[0]: "force RMSE [kcal/mol/Å]", RMSE[1]: "energy RMSE [kcal/mol]"}
    return {unit: f"{after[name]:.2f} (stock GAFF {before[name]:.2f})" for name, unit in units.items()}


def card(title: str, facts: Mapping[str, str], program: str, lines: tuple[str, ...]) -> str:
    """A page of facts, and how to load it."""
    rows = "\n".join(f"| {name} | {fact} |" for name, fact in facts.items())
    code = "\n".join(f"    {line}" for line in ("import hybridff as hf", *lines))
    end = f"| licence | {LICENCE} |\n| made by | `python scripts/make_forcefields.py forcefields`, {program} |"
    return f"# {title}\n\n| | |\n| --- | --- |\n{rows}\n{end}\n\nIn a clone of the repository:\n\n{code}\n"


def index(folder: Path) -> str:
    """The page of all cards, by their own rows."""
    wanted = ("level", "force RMSE [kcal/mol/Å]", "energy RMSE [kcal/mol]", "test")
    text = (
        "# Fitted force fields\n\nEach folder works wherever a command asks for a model (`hybridff verify "
        "forcefields/ethanol`), `alkanes` wherever it asks for a\nparameter set. Cards say what each was fitted to and "
        "how it was tested; labels lie beside the models. Made by\n`python scripts/make_forcefields.py forcefields`; "
        "licence CC0. Units and conventions stand in each `model.json` (nm, kJ/mol, rad, e).\n\n"
        f"| | {' | '.join(wanted)} |\n|{' --- |' * (len(wanted) + 1)}\n"
    )
    for path in sorted(folder.glob("*/CARD.md")):
        facts = dict(
            line.strip("| ").split(" | ", 1)
            for line in path.read_text(encoding="utf-8").splitlines()[4:]
            if " | " in line
        )
        cells = (facts[name].split(" (")[0] if name == "level" else facts[name] for name in wanted)
        text += f"| [{path.parent.name}]({path.parent.name}/CARD.md) | {' | '.join(cells)} |\n"
    return text
