"""Learning curves: force RMSE on unseen frames against the number of training frames, as table and picture.

Methods: the functional forms; "+ kernel" is a form with one kernel on all atoms, solved together where the form is
linear (``hybridff fit --correction all``); sgdml is a kernel of inverse distances alone, trained on forces with the
ridge of its authors' program (1e-10/Å²), length scale by the validation frames (S. Chmiela et al., Nat. Commun. 9, 3887
(2018)) - the same numbers as that program gives, see the tests.

Every measurement is a line of a CSV file; those that are there already are not made again. Kernels on more than 22000
force components do not fit into memory at once: sgdml has no points there, and kernels beside a form have fewer points
than frames.

Usage: python scripts/plot_learning_curves.py [--sets ethanol_rmd17 …] [--methods class2 …] [--train 25 …] [--seeds 3]
                                              [--csv docs/data/learning-curves.csv]
                                              [--picture docs/images/learning-curves.png]
"""

import argparse
import csv
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import get_args

import numpy as np
from recipes import sgdml

from hybridff import correct, evaluate
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.frames.dataset import Split
from hybridff.gaff.forms import Form
from hybridff.model import EnergyModel
from hybridff.plots.curves import Curve, curves
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
TRAIN = (25, 50, 110, 250, 500, 1000)
SETS = ("ethanol_rmd17", "ethanol_ccsdt", "aspirin_rmd17", "nma_b3lyp", "3bpa_300k", "acac_300k")
FORMS: tuple[Form, ...] = get_args(Form)
KERNEL = " + kernel"
METHODS = ("harmonic", "morse", "class2", f"harmonic{KERNEL}", f"class2{KERNEL}", "sgdml")
LEAST_TEST = 80


@dataclass(frozen=True)
class Point:
    """One measurement."""

    set: str
    method: str
    train: int
    seed: int
    n_test: int
    energy_rmse: float
    """[kcal/mol]"""
    force_rmse: float
    """[kcal/mol/Å]"""
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--methods", nargs="+", choices=(*METHODS, *FORMS), default=METHODS)
    parser.add_argument("--train", nargs="+", type=int, default=TRAIN)
    parser.add_argument("--validation", type=int, default=50)
    parser.add_argument("--test", type=int, default=500, help="test frames at most")
    parser.add_argument("--highest", type=float, default=100.0, help="energy above the lowest frame's [kcal/mol]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--csv", type=Path, default=Path("docs/data/learning-curves.csv"))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/learning-curves.png"))
    options = parser.parse_args()
    for name in options.sets:
        data = read_trial_set(DATA / f"{name}.npz", highest=options.highest * KCAL_MOL)
        measure(data, options)
    points = read(options.csv)
    points = comparable(points)
    print(
        "RMSE of force components [kcal/mol/Å] on unseen frames, mean of the splits on which every method that reaches "
        "a size was measured (their number in brackets).\n"
    )
    sizes = sorted({point.train for point in points})
    print(f"| set | method | {' | '.join(map(str, sizes))} |\n| --- | --- |{' --- |' * len(sizes)}")
    panels: dict[str, Mapping[str, Curve]] = {}
    for name in dict.fromkeys(point.set for point in points):
        panels[name] = {}
        for method in METHODS:
            own = [point for point in points if (point.set, point.method) == (name, method)]
            means = {n: [point.force_rmse for point in own if point.train == n] for n in sizes}
            cells = [f"{np.mean(means[n]):.2f} ({len(means[n])})" if means[n] else "" for n in sizes]
            if own:
                print(f"| {name} | {method} | {' | '.join(cells)} |")
                reached = [n for n in sizes if means[n]]
                panels[name] = {**panels[name], method: Curve(reached, [float(np.mean(means[n])) for n in reached])}
    picture = curves(panels, "training frames", "force RMSE on unseen frames [kcal/mol/Å]", TRAIN)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(picture)


def comparable(points: list[Point]) -> list[Point]:
    """Those of the splits that all methods of a set share at a size: splits differ in difficulty."""
    splits: dict[tuple[str, int], dict[str, set[int]]] = {}
    for point in points:
        splits.setdefault((point.set, point.train), {}).setdefault(point.method, set()).add(point.seed)
    return [point for point in points if point.seed in set.intersection(*splits[point.set, point.train].values())]


def measure(data: TrialSet, options: argparse.Namespace) -> None:
    """Append what is missing to the file of measurements."""
    known = {(point.set, point.method, point.train, point.seed) for point in read(options.csv)}
    for size in data.sizes(list(options.train), options.validation, LEAST_TEST):
        for seed in range(options.seeds):
            wanted = [method for method in options.methods if (data.name, method, size, seed) not in known]
            if not wanted:
                continue
            split = data.split(size, options.validation, options.test, seed)
            test = data.frames.subset(split.test)
            for method in wanted:
                begin = perf_counter()
                model = trained(data, split, method, seed)
                if model is None:
                    continue
                seconds = perf_counter() - begin
                error = evaluate(model, test, evaluate(model, data.frames.subset(split.train)).energy_offset)
                energy, force = error.energy_rmse / KCAL_MOL, (error.force_rmse or np.nan) / FORCE_KCAL
                errors = round(energy, 5), round(force, 5)
                point = Point(data.name, method, size, seed, len(test), errors[0], errors[1], round(seconds, 1))
                print(point, file=sys.stderr)
                append(options.csv, point)


def trained(data: TrialSet, split: Split, method: str, seed: int) -> EnergyModel | None:
    """A model; None where it does not fit into memory."""
    train, validation = data.frames.subset(split.train), data.frames.subset(split.validation)
    if method == "sgdml":
        return sgdml(data, train, validation)
    form: Form = method.removesuffix(KERNEL)  # type: ignore[assignment]
    result = data.fit(form, split.train, split.validation, gate=GateOptions(gate="none")).result
    if not method.endswith(KERNEL):
        return result.force_field
    posterior = result.posteriors[0] if result.posteriors else None
    atoms = [range(len(data.molecule.numbers))]
    found = correct(result.force_field, train, validation, atoms, posterior=posterior, seed=seed)
    return found.force_field


def read(path: Path) -> list[Point]:
    """All measurements of a file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Point(
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


def append(path: Path, point: Point) -> None:
    """Write one more line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(point)), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(asdict(point))


if __name__ == "__main__":
    main()
