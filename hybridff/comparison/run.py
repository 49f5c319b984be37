"""Fitted models, other force fields and programs on the same frames, in the same engine: rows of a comparison."""

import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.calculators.calculator import BaseCalculator

from hybridff.analysis.methods import NAMES, STOCK, TRAINED, method, running
from hybridff.comparison.options import ComparisonOptions, TrainingOptions
from hybridff.comparison.quantities import Known, Subject, measured
from hybridff.comparison.result import Comparison, MethodResult
from hybridff.comparison.trainers import PACKAGES, train
from hybridff.errors import InputError, MissingProgramError
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model
from hybridff.frames.dataset import Split
from hybridff.jobs.options import SplitOptions
from hybridff.jobs.provenance import read_timing
from hybridff.jobs.reading import Data, split_frames, split_of
from hybridff.progress import Progress, part

_PACKAGES = ("numpy", "torch", "openmm", "ase", "rdkit", "tblite", *(package for _, package in PACKAGES.values()))


@dataclass(frozen=True, kw_only=True)
class ComparisonJob:
    """What is compared, and how."""

    methods: Sequence[str] = (STOCK,)
    """Methods beside the models: names that ``analysis.methods.method`` knows, and ``TRAINED`` ones."""
    split: SplitOptions | None = None
    """Frames that train and test; None for those of the first model's fit."""
    options: ComparisonOptions = field(default_factory=ComparisonOptions)
    """What is measured beside the errors."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """How programs train their models."""


@dataclass(frozen=True, eq=False)
class Task:
    """What all rows share: the frames, the molecule and the options."""

    model: SavedModel
    """The first model, with whose charges stock GAFF is made."""
    data: Data
    """The frames."""
    split: Split
    """Which of them train, validate and test."""
    job: ComparisonJob
    """What is measured, and how programs train their models."""
    folder: Path
    """Where what is trained goes, in a folder of its name."""

    @property
    def subject(self) -> Subject:
        """The molecule at the training frame of lowest energy, where dynamics begin, and the frames."""
        train, test = (self.data.frames.subset(rows) for rows in (self.split.train, self.split.test))
        lowest = train.positions[np.argmin(train.energies)]
        return Subject(replace(self.model.force_field.molecule, positions=lowest), train, test)

    def row(self, name: str, label: str | None = None, progress: Progress | None = None) -> MethodResult:
        """Train the method of this name if it has to be, and measure it; what goes wrong stands in the row."""
        label = label or name
        try:
            if name in TRAINED:
                calculator, known = self._trained(name, part(progress, 0.0, 0.5))
                progress = part(progress, 0.5, 1.0)
            else:
                calculator, known = self.calculator(name), self._known(name)
            with running(label):
                return measured(label, calculator, self.subject, self.job.options, known, progress)
        except (InputError, MissingProgramError) as error:
            return MethodResult(label, remark=str(error))

    def _trained(self, name: str, progress: Progress) -> tuple[BaseCalculator, Known]:
        """A program's model, trained here."""
        place = self.folder / name
        place.mkdir(parents=True)
        validation = self.data.frames.subset(self.split.validation)
        with running(name):
            found = train(name, self.subject.train, validation, self.job.training, place, progress)
        return found.calculator, Known(training=found.seconds, setting=found.setting)

    def calculator(self, name: str) -> BaseCalculator:
        """The calculator of what is not trained here; raises as ``method`` does."""
        own = self.job.training.calculators.get(name)
        return method(name, self.subject.molecule, self.model.force_field, own)

    def _known(self, name: str) -> Known:
        """What is known of a fitted model, and whether its fit saw these frames; nothing of other methods."""
        folder = Path(name)
        if not (folder / FILE_NAME).is_file():
            return Known()
        saved = read_model(folder)
        rows = split_of(saved, self.data)
        same = rows is not None and np.array_equal(np.sort(rows.train), np.sort(self.split.train))
        setting, n_kernels = saved.force_field.form, len(saved.force_field.corrections)
        if n_kernels:
            setting += f" with {n_kernels} kernel{'s' if n_kernels > 1 else ''}"
        return Known(
            energy_offset=saved.energy_offset if same else None,
            training=read_timing(folder),
            setting=setting,
            remark="" if same else self._other_frames(saved, rows),
        )

    def _other_frames(self, saved: SavedModel, rows: Split | None) -> str:
        if saved.energy_offset is None:
            return ""
        if rows is None:
            return "Fitted to frames of other files, or to frames that are not known."
        seen = len(np.intersect1d(np.concatenate([rows.train, rows.validation]), self.split.test))
        also = f", {seen} of the test frames among them: its errors look better than they are" if seen else ""
        return f"Fitted to {len(rows.train)} other frames{also}."


def compare(
    models: Sequence[str | Path],
    data: Data,
    job: ComparisonJob | None = None,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Measure fitted models (their folders) and other methods, one after the other.

    Training, validation and test frames are those of the first model's fit, where ``data`` are the files that it read
    and the job has no split. What is trained goes into ``folder``, each method in a folder of its name; without one it
    is not kept.

    Raises ``InputError`` for names that are no method, and where frames are missing; a method that fails later, or
    whose package is missing, has a row that says so.
    """
    job = job or ComparisonJob()
    with tempfile.TemporaryDirectory() as temporary:
        task, remarks = prepare(models[0], data, job, folder or Path(temporary))
        check_methods(task, models, job.methods)
        names = labels(models, job.methods)
        rows = []
        for number, (label, name) in enumerate(names.items()):
            share = part(progress, number / len(names), (number + 1) / len(names), label)
            share(0.0)
            rows.append(task.row(name, label, share))
    return Comparison(
        data.molecule.name,
        len(task.split.train),
        len(task.split.validation),
        tuple(rows),
        job.options,
        job.training,
        remarks,
        machine(),
    )


def prepare(
    model: str | Path, data: Data, job: ComparisonJob | None = None, folder: Path | None = None
) -> tuple[Task, tuple[str, ...]]:
    """The task of a comparison, and what there is to say about its frames."""
    job, saved = job or ComparisonJob(), read_model(model)
    if data.frames.forces is None:
        names = ", ".join(map(str, data.files))
        raise InputError(f"{names}: the data have no forces, which a comparison needs.")
    own = split_of(saved, data)
    rows = own if own is not None and job.split is None else split_frames(data.frames, job.split or SplitOptions())
    if not len(rows.test):
        raise InputError("no test frames are left to compare methods on; take fewer with --train and --validation.")
    remarks = []
    if own is None and saved.energy_offset is not None:
        remarks.append(
            f"{model} was fitted to frames of other files: {len(rows.train)} of these frames train the other methods, "
            f"{len(rows.test)} test all."
        )
    return Task(saved, data, rows, job, folder or Path("comparison")), tuple(remarks)


def check_methods(task: Task, models: Sequence[str | Path], methods: Sequence[str]) -> None:
    """Refuse what is no model or method before anything is measured; missing packages are no reason."""
    for model in models:
        read_model(model)
    for name in [*map(str, models), *methods]:
        if name in TRAINED:
            continue
        try:
            task.calculator(name)
        except MissingProgramError:
            continue
        except InputError as error:
            known = f"is no method: give {', '.join(NAMES)}"
            raise InputError(str(error).replace(known, f"{known}, {', '.join(TRAINED)}")) from None


def labels(models: Sequence[str | Path], methods: Sequence[str]) -> dict[str, str]:
    """Names of methods by what their rows are called: folders by their last part, where that is enough.

    Raises ``InputError`` where one is named twice.
    """
    names = [*map(str, models), *methods]
    short = [Path(name).name or name if Path(name).exists() else name for name in names]
    found = {(last if short.count(last) == 1 else name): name for last, name in zip(short, names, strict=True)}
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{twice} is named twice; name each model and each method once.")
    return found


def machine() -> dict[str, Any]:
    """Where and with what the rows were measured."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "program": f"hybridff {version('hybridff')}",
        "python": platform.python_version(),
        "packages": packages,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def _processor() -> str:
    """Its name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
