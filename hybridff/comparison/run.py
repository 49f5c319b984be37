"""Fitted models, other force fields and programs on the same frames, in the same engine: rows of a comparison."""

import os
import platform
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.calculators.calculator import BaseCalculator

from hybridff.analysis.methods import NAMES, STOCK, TRAINED, method, running
from hybridff.comparison.options import ComparisonOptions, TrainingOptions
from hybridff.comparison.quantities import Row, measured
from hybridff.comparison.trainers import PACKAGES, train
from hybridff.errors import InputError, MissingProgramError
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model
from hybridff.frames.dataset import Frames, Split
from hybridff.jobs.options import SplitOptions
from hybridff.jobs.provenance import read_timing
from hybridff.jobs.reading import Data, split_frames, split_of
from hybridff.molecules.molecule import Molecule

_PACKAGES = ("numpy", "torch", "openmm", "ase", "rdkit", "tblite", *(package for _, package in PACKAGES.values()))
Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Rows, and all that they were measured with."""

    molecule: str
    n_train: int
    """Frames that the first model, and all that was trained here, were trained on."""
    n_validation: int
    rows: tuple[Row, ...]
    options: ComparisonOptions
    training: TrainingOptions
    remarks: tuple[str, ...] = ()
    """On the frames."""
    machine: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Field units, with the units in the keys."""
        used = {name for row in self.rows for name in TRAINED if row.name == name}
        training = {name: asdict(getattr(self.training, name)) for name in TRAINED if name in used}
        return {
            "molecule": self.molecule,
            "training_frames": self.n_train,
            "validation_frames": self.n_validation,
            "remarks": list(self.remarks),
            "rows": [_row_json(row) for row in self.rows],
            "options": asdict(self.options),
            "training options": {**training, **{name: dict(own) for name, own in self.training.calculators.items()}},
            "machine": dict(self.machine),
        }


@dataclass(frozen=True, eq=False)
class Task:
    """What all rows share: the frames, the molecule and the options."""

    model: SavedModel
    """The first, with whose charges stock GAFF is made."""
    data: Data
    split: Split
    options: ComparisonOptions
    training: TrainingOptions
    folder: Path
    """Where what is trained goes, in a folder of its name."""

    @property
    def molecule(self) -> Molecule:
        """At the training frame of lowest energy, where dynamics begin."""
        frames, rows = self.data.frames, self.split.train
        lowest = frames.positions[rows[np.argmin(frames.energies[rows])]]
        return replace(self.model.force_field.molecule, positions=lowest)

    def part(self, name: str) -> Frames:
        """The frames "train", "validation" or "test"."""
        return self.data.frames.subset(getattr(self.split, name))

    def row(self, name: str, label: str | None = None, progress: Callable[[float], None] | None = None) -> Row:
        """Train the method of this name if it has to be, and measure it; what goes wrong stands in the row."""
        label = label or name
        progress = progress or (lambda done: None)
        try:
            return self._row(name, label, progress)
        except (InputError, MissingProgramError) as error:
            return Row(label, remark=str(error))

    def _row(self, name: str, label: str, progress: Callable[[float], None]) -> Row:
        about: dict[str, Any] = {}
        if name in TRAINED:
            place = self.folder / name
            place.mkdir(parents=True)
            with running(name):
                found = train(
                    name,
                    self.part("train"),
                    self.part("validation"),
                    self.training,
                    place,
                    lambda done: progress(0.5 * done),
                )
            calculator, about = found.calculator, {"training": found.seconds, "setting": found.setting}
            progress(0.5)
        else:
            calculator = self.calculator(name)
            if (Path(name) / FILE_NAME).is_file():
                about = self._of_model(read_model(name), Path(name))
        begin = 0.5 if name in TRAINED else 0.0
        with running(label):
            return measured(
                label,
                calculator,
                self.molecule,
                self.part("train"),
                self.part("test"),
                self.options,
                progress=lambda done: progress(begin + (1 - begin) * done),
                **about,
            )

    def calculator(self, name: str) -> BaseCalculator:
        """Of what is not trained here; raises as ``method`` does."""
        own = self.training.calculators.get(name)
        return method(name, self.molecule, self.model.force_field, own)

    def _of_model(self, saved: SavedModel, folder: Path) -> dict[str, Any]:
        """What is known of a fitted model, and whether its fit saw these frames."""
        rows = split_of(saved, self.data)
        same = rows is not None and np.array_equal(np.sort(rows.train), np.sort(self.split.train))
        setting, n_kernels = saved.force_field.form, len(saved.force_field.corrections)
        if n_kernels:
            setting += f" with {n_kernels} kernel{'s' if n_kernels > 1 else ''}"
        return {
            "energy_offset": saved.energy_offset if same else None,
            "training": read_timing(folder),
            "setting": setting,
            "remark": "" if same else self._other_frames(saved, rows),
        }

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
    methods: Sequence[str] = (STOCK,),
    options: ComparisonOptions | None = None,
    *,
    training: TrainingOptions | None = None,
    split: SplitOptions | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Measure fitted models (their folders) and other methods, one after the other.

    ``methods`` are names that ``analysis.methods.method`` knows, and ``TRAINED`` ones. Training, validation and test
    frames are those of the first model's fit, where ``data`` are the files that it read and no ``split`` is given. What
    is trained goes into ``folder``, each method in a folder of its name; without one it is not kept.

    Raises ``InputError`` for names that are no method, and where frames are missing; a method that fails later, or
    whose package is missing, has a row that says so.
    """
    with tempfile.TemporaryDirectory() as temporary:
        task, remarks = prepare(models[0], data, options, training, split, folder or Path(temporary))
        check_methods(task, models, methods)
        names = labels(models, methods)
        rows = []
        for number, (label, name) in enumerate(names.items()):

            def share(done: float, number: int = number, label: str = label) -> None:
                if progress is not None:
                    progress((number + done) / len(names), label)

            share(0.0)
            rows.append(task.row(name, label, share))
    return Comparison(
        data.molecule.name,
        len(task.split.train),
        len(task.split.validation),
        tuple(rows),
        task.options,
        task.training,
        remarks,
        machine(),
    )


def prepare(
    model: str | Path,
    data: Data,
    options: ComparisonOptions | None = None,
    training: TrainingOptions | None = None,
    split: SplitOptions | None = None,
    folder: Path | None = None,
) -> tuple[Task, tuple[str, ...]]:
    """The task of a comparison, and what there is to say about its frames."""
    saved = read_model(model)
    if data.frames.forces is None:
        names = ", ".join(map(str, data.files))
        raise InputError(f"{names}: the data have no forces, which a comparison needs.")
    own = split_of(saved, data)
    rows = own if own is not None and split is None else split_frames(data.frames, split or SplitOptions())
    if not len(rows.test):
        raise InputError("no test frames are left to compare methods on; take fewer with --train and --validation.")
    remarks = []
    if own is None and saved.energy_offset is not None:
        remarks.append(
            f"{model} was fitted to frames of other files: {len(rows.train)} of these frames train the other methods, "
            f"{len(rows.test)} test all."
        )
    task = Task(
        saved, data, rows, options or ComparisonOptions(), training or TrainingOptions(), folder or Path("comparison")
    )
    return task, tuple(remarks)


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


def _row_json(row: Row) -> dict[str, Any]:
    hot = row.hot
    return {
        "name": row.name,
        "setting": row.setting,
        "errors": None if row.errors is None else row.errors.in_field_units(),
        "training_seconds": row.training,
        "evaluation_seconds": row.evaluation,
        "step_seconds": row.step,
        "hot_dynamics": None if hot is None else {**asdict(hot), "stable": hot.stable, "verdict": str(hot)},
        "remark": row.remark,
    }
