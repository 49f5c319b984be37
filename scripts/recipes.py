"""Models that tables and pictures compare: made once for a set of frames, kept in a folder, and read again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, strftime
from typing import Any

import torch

from hybridff import ForceField, SavedModel, evaluate, read_model, write_model
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.corrections.device import chosen, most_rows
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.select import chosen_atoms
from hybridff.corrections.term import KernelTerm
from hybridff.corrections.train import train_forces
from hybridff.export.modelfile import FILE_NAME
from hybridff.frames.dataset import Frames
from hybridff.gaff.forms import Form
from hybridff.hybrid.correcting import CorrectionOptions, correct_stable
from hybridff.output import new_folder
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

VALIDATION, TEST = 50, 1000
"""Frames, the latter at most."""
RIDGE = 1e-10 / ANGSTROM**2
"""Of the program sgdml."""
WIDTHS = tuple(width / ANGSTROM for width in (2.5, 5, 10, 20, 40, 80))
"""Length scales that sgdml chooses from."""


@dataclass(frozen=True)
class Recipe:
    """How a model is made."""

    name: str
    form: Form | None
    """None for stock GAFF."""
    correction: str | None = None
    alone: bool = False
    """Kernels on all atoms without any terms, as the program sgdml trains them."""


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("stock GAFF", None),
        Recipe("harmonic", "harmonic"),
        Recipe("morse", "morse"),
        Recipe("class2", "class2"),
        Recipe("class2 + kernel", "class2", "all"),
        Recipe("sgdml", None, "all", alone=True),
        Recipe("stock GAFF + n→π*", None, "n-pi-star"),
        Recipe("harmonic + n→π*", "harmonic", "n-pi-star"),
        Recipe("class2 + n→π*", "class2", "n-pi-star"),
    )
}


def folder_of(recipe: Recipe, set_name: str, train: int, models: Path) -> Path:
    """Of a model of the set of this name."""
    name = recipe.name.replace(" + ", "-").replace(" ", "-").replace("n→π*", "n-pi-star")
    return models / f"{set_name}-{train}-{name}"


def made(recipe: Recipe, data: TrialSet, train: int, models: Path, points: int | None = None) -> SavedModel:
    """A model of an earlier run, or a new one; its provenance has the errors on unseen frames.

    ``points`` of kernels on all atoms beside terms, if not as many as hybridff chooses.
    """
    path = folder_of(recipe, data.name, train, models)
    if points is not None and recipe.correction is not None and not recipe.alone:
        path = path.with_name(f"{path.name}-{points}-points")
    if (path / FILE_NAME).is_file():
        return read_model(path)
    say(f"{data.name}, {recipe.name}: fit")
    begin = perf_counter()
    split = data.split(train, VALIDATION, TEST, seed=0)
    frames, validation, test = (data.frames.subset(rows) for rows in split)
    force_field, posterior = data.stock, None
    about: dict[str, Any] = {}
    gate = GateOptions(gate="short")
    if recipe.form is not None:
        result = data.fit(recipe.form, split.train, split.validation, gate=gate).result
        force_field, posterior = result.force_field, result.posteriors[0] if result.posteriors else None
    if recipe.alone:
        kernel = sgdml(data, frames, validation)
        if kernel is None:
            raise SystemExit(f"{data.name}: sgdml with {train} frames does not fit into memory.")
        force_field = ForceField.without_terms(force_field).with_corrections([kernel])
    elif recipe.correction is not None:
        atoms = chosen_atoms(recipe.correction, data.molecule, frames.positions)
        kernels = replace(CorrectionOptions(), points=points) if points is not None else None
        corrected = correct_stable(force_field, frames, validation, atoms, gate, kernels, posterior=posterior, say=say)
        force_field, about = corrected.force_field, {"kernels": list(corrected.sentences())}
    errors = evaluate(force_field, test, evaluate(force_field, frames).energy_offset)
    assert errors.force_rmse is not None
    about["errors"] = [errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL]
    about["seconds"] = perf_counter() - begin
    with new_folder(path) as part:
        write_model(SavedModel(force_field, None, about), part)
    return read_model(path)


def sgdml(data: TrialSet, train: Frames, validation: Frames) -> KernelTerm | None:
    """The kernel whose length scale does best on the validation frames; None where it does not fit into memory."""
    n_atoms, device = len(data.molecule.numbers), chosen("auto")
    if not sgdml_fits(n_atoms, len(train)):
        return None
    assert train.forces is not None
    fragment = Fragment.find(data.molecule, range(n_atoms), torch.as_tensor(train.positions))
    positions, forces = (torch.as_tensor(part).to(device) for part in (train.positions, train.forces))

    def kernel(width: float) -> KernelExpansion:
        return train_forces(fragment.descriptor, positions, forces, fragment.permutations, width, RIDGE)

    found = [KernelTerm(range(n_atoms), kernel(width)) for width in WIDTHS]
    best: Callable[[KernelTerm], float] = lambda term: evaluate(term, validation).force_rmse or float("inf")  # noqa: E731
    return min(found, key=best)


def sgdml_fits(n_atoms: int, train: int) -> bool:
    """Whether so many frames of a molecule fit into memory."""
    return train * (3 * n_atoms - 6) <= most_rows(chosen("auto"))


def all_made(
    names: Sequence[str], data: TrialSet, train: int, models: Path, points: int | None = None
) -> dict[str, SavedModel]:
    """Several models of a set, by name."""
    models.mkdir(parents=True, exist_ok=True)
    return {name: made(RECIPES[name], data, train, models, points) for name in names}


def say(text: str) -> None:
    """With the time."""
    print(f"{strftime('%H:%M:%S')} {text}", flush=True)
