"""Errors on unseen frames against the number of training frames, kept in a file that grows by a line for each."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import get_args

import numpy as np

from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.comparison.recipes import SGDML, train_sgdml
from hybridff.document.blocks import Table
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Split
from hybridff.gaff.forms import Form
from hybridff.model import EnergyModel
from hybridff.plots.curves import Curve
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

KERNEL = " + kernel"
"""What the name of a form with one kernel on all atoms ends with."""
TAUGHT = " after "
"""What stands before the cheap level that a form is pre-trained on, at the end of its method's name."""
METHODS = ("harmonic", "morse", "class2", f"harmonic{KERNEL}", f"class2{KERNEL}", SGDML)
"""Methods that are compared if no others are named."""
FORMS: tuple[Form, ...] = get_args(Form)
"""Forms, which are methods too."""


@dataclass(frozen=True)
class CurvePoint:
    """One measurement."""

    set: str
    """Name of the benchmark set."""
    method: str
    """Name of the method."""
    train: int
    """Number of training frames."""
    seed: int
    """Seed of the split."""
    n_test: int
    """Number of unseen frames."""
    energy_rmse: float
    """Root mean square error of energies [kcal/mol]."""
    force_rmse: float
    """Root mean square error of force components [kcal/mol/Å]."""
    seconds: float
    """Time of the training [s]."""


def measured_point(data: BenchmarkSet, split: Split, method: str, seed: int) -> CurvePoint | None:
    """Train a method and measure its errors; None where it does not fit into memory."""
    begin = perf_counter()
    model = trained(data, split, method, seed)
    if model is None:
        return None
    seconds, test = perf_counter() - begin, data.frames.subset(split.test)
    error = evaluate(model, test, evaluate(model, data.frames.subset(split.train)).energy_offset)
    energy, force = error.energy_rmse / KCAL_MOL, (error.force_rmse or np.nan) / FORCE_KCAL
    errors = round(energy, 5), round(force, 5)
    return CurvePoint(data.name, method, len(split.train), seed, len(test), *errors, round(seconds, 1))


def trained(data: BenchmarkSet, split: Split, method: str, seed: int) -> EnergyModel | None:
    """A form, a form with a kernel on all atoms, or sgdml, without stability gate; None where it is too large."""
    if method == SGDML:
        return train_sgdml(data, data.frames.subset(split.train), data.frames.subset(split.validation))
    name, _, level = method.partition(TAUGHT)
    form: Form = name.removesuffix(KERNEL)  # type: ignore[assignment]
    correction, no_gate = "all" if name.endswith(KERNEL) else None, GateOptions(gate="none")
    how = BenchmarkFit(form=form, correction=correction, gate=no_gate, pretrain=level or "none", seed=seed)
    return fit_as_the_command_does(data, split, how).force_field


def comparable(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Measurements on the splits that all methods of a set share at a size: splits differ in difficulty."""
    splits: dict[tuple[str, int], dict[str, set[int]]] = {}
    for point in points:
        splits.setdefault((point.set, point.train), {}).setdefault(point.method, set()).add(point.seed)
    return [point for point in points if point.seed in set.intersection(*splits[point.set, point.train].values())]


def force_errors(points: Sequence[CurvePoint]) -> dict[str, dict[str, dict[int, list[float]]]]:
    """Force errors of the splits [kcal/mol/Å] by set, method and number of training frames."""
    found: dict[str, dict[str, dict[int, list[float]]]] = {point.set: {} for point in points}
    for name, methods in found.items():
        for method in dict.fromkeys([*METHODS, *(point.method for point in points)]):
            own = [point for point in points if (point.set, point.method) == (name, method)]
            if own:
                sizes = sorted({point.train for point in own})
                methods[method] = {n: [point.force_rmse for point in own if point.train == n] for n in sizes}
    return found


def curve_table(points: Sequence[CurvePoint]) -> Table:
    """Mean force errors [kcal/mol/Å], with the number of splits in brackets; a column for each number of frames."""
    sizes = sorted({point.train for point in points})
    rows = [
        (name, method, *(f"{np.mean(own[n]):.2f} ({len(own[n])})" if n in own else "" for n in sizes))
        for name, methods in force_errors(points).items()
        for method, own in methods.items()
    ]
    return Table(("set", "method", *map(str, sizes)), tuple(rows))


def curve_panels(points: Sequence[CurvePoint]) -> dict[str, dict[str, Curve]]:
    """Curves of the mean force errors [kcal/mol/Å], by set and method."""
    return {
        name: {
            method: Curve(list(map(float, own)), [float(np.mean(errors)) for errors in own.values()])
            for method, own in methods.items()
        }
        for name, methods in force_errors(points).items()
    }


def read_points(path: Path) -> list[CurvePoint]:
    """All measurements of a CSV file; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            CurvePoint(
                row["set"],
                row["method"],
                int(row["train"]),
                int(row["seed"]),
                int(row["n_test"]),
                float(row["energy_rmse"]),
                float(row["force_rmse"]),
                float(row["seconds"]),
            )
            for row in csv.DictReader(file)
        ]


def append_point(path: Path, point: CurvePoint) -> None:
    """Write one more line of a CSV file, which is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(point)), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(asdict(point))
