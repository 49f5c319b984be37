"""Models that tables and pictures compare: made once from a benchmark set, kept in a folder, and read again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import torch

from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.device import chosen, most_rows
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.errors import InputError
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model, write_model
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames, Split
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.options import CorrectionOptions
from hybridff.output import new_folder
from hybridff.progress import Say, quiet
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

VALIDATION, TEST = 50, 1000
"""Numbers of frames that validate and test, the latter at most."""
_RIDGE = 1e-10 / ANGSTROM**2
"""Ridge of the program sgdml [1/nm²]."""
WIDTHS = tuple(width / ANGSTROM for width in (2.5, 5, 10, 20, 40, 80))
"""Length scales that sgdml's is chosen from [1/nm]."""
SGDML = "sgdml"
"""The recipe of a kernel on all atoms without any terms, trained as the program sgdml does."""

RECIPES: Mapping[str, BenchmarkFit] = MappingProxyType(
    {
        "stock GAFF": BenchmarkFit(form=None),
        "harmonic": BenchmarkFit(form="harmonic"),
        "morse": BenchmarkFit(form="morse"),
        "class2": BenchmarkFit(form="class2"),
        "class2 + kernel": BenchmarkFit(form="class2", correction="all"),
        SGDML: BenchmarkFit(form=None),
        "stock GAFF + n→π*": BenchmarkFit(form=None, correction="n-pi-star"),
        "harmonic + n→π*": BenchmarkFit(form="harmonic", correction="n-pi-star"),
        "class2 + n→π*": BenchmarkFit(form="class2", correction="n-pi-star"),
    }
)
"""How each model is made, by its name in tables."""
SIX = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", SGDML)
"""Names of the models that most tables compare."""


@dataclass(frozen=True, eq=False)
class StoredModels:
    """Models of some training frames of a benchmark set in a folder, where what is made from them is kept too."""

    folder: Path
    """Folder of all models; made where it does not exist."""
    data: BenchmarkSet
    """Frames that the models are made from."""
    train: int
    """Number of training frames."""
    points: int | None = None
    """Points of kernels beside terms; None for as many as hybridff chooses."""
    say: Say = field(default=quiet)
    """Told when a model is fitted."""

    @property
    def split(self) -> Split:
        """Frames that train, validate and test all models."""
        return self.data.split(self.train, VALIDATION, TEST, seed=0)

    def path(self, name: str) -> Path:
        """Folder of the model of a recipe."""
        plain = name.replace(" + ", "-").replace(" ", "-").replace("n→π*", "n-pi-star")
        points = f"-{self.points}-points" if self.points is not None and RECIPES[name].correction is not None else ""
        return self.folder / f"{self.data.name}-{self.train}-{plain}{points}"

    def file(self, name: str, ending: str) -> Path:
        """A file beside the folder of the model of a recipe."""
        own = self.path(name)
        return own.with_name(f"{own.name}-{ending}")

    def has(self, name: str) -> bool:
        """Whether the model of a recipe was made already."""
        return (self.path(name) / FILE_NAME).is_file()

    def model(self, name: str) -> SavedModel:
        """The model of an earlier run, or a new one; its provenance has the errors on unseen frames.

        Raises ``InputError`` where sgdml does not fit into memory.
        """
        if not self.has(name):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.say(f"{self.data.name}, {name}: fit")
            saved = self._made(name)
            with new_folder(self.path(name)) as part:
                write_model(saved, part)
        return read_model(self.path(name))

    def force_field(self, name: str) -> ForceField:
        """The force field of ``model``."""
        return self.model(name).force_field

    def _made(self, name: str) -> SavedModel:
        """A new model, with its errors on unseen frames [kcal/mol, kcal/mol/Å] and the time that it took [s]."""
        begin, about = perf_counter(), dict[str, Any]()
        train, validation, test = (self.data.frames.subset(rows) for rows in self.split)
        if name == SGDML:
            kernel = train_sgdml(self.data, train, validation)
            if kernel is None:
                raise InputError(f"{self.data.name}: sgdml with {self.train} frames does not fit into memory.")
            force_field = ForceField.without_terms(self.data.stock).with_corrections([kernel])
        else:
            how = replace(RECIPES[name], kernels=CorrectionOptions(points=self.points))
            found = fit_as_the_command_does(self.data, self.split, how, self.say)
            force_field = found.force_field
            if found.corrected is not None:
                about["kernels"] = list(found.corrected.sentences())
        errors = evaluate(force_field, test, evaluate(force_field, train).energy_offset)
        assert errors.force_rmse is not None
        about["errors"] = [errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL]
        about["seconds"] = perf_counter() - begin
        return SavedModel(force_field, None, about)


def train_sgdml(data: BenchmarkSet, train: Frames, validation: Frames) -> KernelTerm | None:
    """The kernel whose length scale does best on the validation frames; None where it does not fit into memory.

    Trained on forces alone, with the ridge of the authors' program (S. Chmiela et al., Nat. Commun. 9, 3887 (2018)).
    """
    n_atoms, device = len(data.molecule.numbers), chosen("auto")
    if not sgdml_fits(n_atoms, len(train)):
        return None
    assert train.forces is not None
    fragment = Fragment.find(data.molecule, range(n_atoms), torch.as_tensor(train.positions))
    positions, forces = (torch.as_tensor(part).to(device) for part in (train.positions, train.forces))

    def kernel(width: float) -> KernelExpansion:
        return train_forces(fragment.descriptor, positions, forces, fragment.permutations, width, _RIDGE)

    found = [KernelTerm(range(n_atoms), kernel(width)) for width in WIDTHS]
    return min(found, key=lambda term: evaluate(term, validation).force_rmse or float("inf"))


def sgdml_fits(n_atoms: int, train: int) -> bool:
    """Whether so many frames of a molecule fit into memory."""
    return train * (3 * n_atoms - 6) <= most_rows(chosen("auto"))
