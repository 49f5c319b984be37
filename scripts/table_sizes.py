"""Accuracy against cost of the class II form: what pruning saves and what it costs.

Step times are ratios to stock GAFF of the same molecule on the same platform, in vacuum: the compiled evaluator on
Reference, fused native forces on OpenCL where there is one.

Usage: python scripts/table_sizes.py [--sets aspirin_rmd17 …] [--train 1000] [--seeds 3] [--steps 5000]
                                     [--picture docs/images/sizes.png]
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final, Literal

import numpy as np
import openmm

from hybridff import FitOptions, ForceField, evaluate, to_openmm
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.export.dynamics import platform_names
from hybridff.plots.curves import Curve, curves
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

from common import new_context, step_times  # the folder of benchmarks is no package

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SIZES: Final[tuple[Literal["small", "medium", "full"], ...]] = ("small", "medium", "full")
LEAST_TEST = 80
X_LABEL = f"ratio to stock GAFF ({', '.join(SIZES)})"
STEP = 0.0005
"""[ps]"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k"))
    parser.add_argument("--train", type=int, default=1000, help="training frames, where they suffice")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--native", default="OpenCL", help="platform of the native forces")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/sizes.png"))
    options = parser.parse_args()
    print(
        f"RMSE on unseen frames, mean of {options.seeds} splits; gate: {options.gate}. Steps of 0.5 fs in vacuum, "
        f"median of {options.repeats} runs by turns.\n"
    )
    print(
        "| set | trained on | size | rows | terms | energy [kcal/mol] | force [kcal/mol/Å] | compiled, Reference "
        f"| native, {options.native} |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    compiled_panel, native_panel = {}, {}
    for name in options.sets:
        data = read_trial_set(DATA / f"{name}.npz")
        (n_train,) = data.sizes([options.train], 0, LEAST_TEST)
        ratios, forces = [], []
        for size in SIZES:
            force_field, rows, energy, force = measure(data, n_train, FitOptions(size=size), options)
            compiled, native = cost(data.stock, force_field, options)
            print(
                f"| {name} | {n_train} | {size} | {rows} | {len(force_field.table.products)} | {energy:.2f} "
                f"| {force:.2f} | {compiled:.1f} × | {'–' if native is None else f'{native:.1f} ×'} |",
                flush=True,
            )
            ratios.append((compiled, native or np.nan))
            forces.append(force)
        label = f"{name}, {n_train} frames"
        compiled_panel[label], native_panel[label] = (Curve(x, forces) for x in zip(*ratios, strict=True))
    panels = {"compiled, Reference": compiled_panel}
    if options.native in platform_names():
        panels[f"native, {options.native}"] = native_panel
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    ticks = (1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 50, 100)
    options.picture.write_bytes(curves(panels, X_LABEL, "force RMSE [kcal/mol/Å]", ticks))


def measure(
    data: TrialSet, n_train: int, fit: FitOptions, options: argparse.Namespace
) -> tuple[ForceField, int, float, float]:
    """The first split's force field and number of rows, and the mean errors over the splits."""
    results, errors = [], []
    for seed in range(options.seeds):
        split = data.split(n_train, 0, len(data.frames), seed)
        result = data.fit("class2", split.train, None, fit, GateOptions(gate=options.gate)).result
        error = evaluate(result.force_field, data.frames.subset(split.test), result.energy_offset)
        print(f"{data.name} {fit.size} seed {seed}: {error}; {result.seconds:.1f} s", file=sys.stderr)
        results.append(result)
        errors.append((error.energy_rmse / KCAL_MOL, (error.force_rmse or np.nan) / FORCE_KCAL))
    energy, force = np.mean(errors, axis=0)
    return results[0].force_field, int((results[0].deviations > 0).sum()), energy, force


def cost(stock: ForceField, rich: ForceField, options: argparse.Namespace) -> tuple[float, float | None]:
    """Step time over that of stock GAFF: compiled on Reference, and native where the platform is there."""
    compiled = ratio(to_openmm(stock), to_openmm(rich, "compiled"), stock, "Reference", options)
    if options.native not in platform_names():
        return compiled, None
    return compiled, ratio(to_openmm(stock), to_openmm(rich), stock, options.native, options)


def ratio(
    reference: openmm.System, system: openmm.System, stock: ForceField, platform: str, options: argparse.Namespace
) -> float:
    """Median of the ratios of step times of runs that follow each other."""
    positions = stock.molecule.positions
    assert positions is not None
    contexts = {
        key: new_context(each, positions, platform, STEP) for key, each in (("stock", reference), ("rich", system))
    }
    times = step_times(contexts, options.steps, options.repeats)
    return float(np.median(times["rich"] / times["stock"]))


if __name__ == "__main__":
    main()
