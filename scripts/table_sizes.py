"""Accuracy against cost of the class II form: what pruning saves and what it costs.

Step times are ratios to stock GAFF of the same molecule on the same platform, in vacuum: the compiled evaluator on
Reference, fused native forces on OpenCL where there is one.

Usage: python scripts/table_sizes.py [--sets aspirin_rmd17 …] [--train 1000] [--seeds 3] [--steps 5000]
                                     [--picture docs/images/sizes.png]
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from common import PICTURES, kcal, options_of, read_set, table, write

from hybridff import FitOptions, evaluate
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.comparison.step_times import step_ratio
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import Route
from hybridff.plots.curves import Curve, curves
from hybridff.stability.gate import GateOptions

SIZES: tuple[Literal["small", "medium", "full"], ...] = ("small", "medium", "full")
X_LABEL = "ratio to stock GAFF (small, medium, full)"
TICKS = (1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 50, 100)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k"))
    parser.add_argument("--train", type=int, default=1000, help="training frames, where they suffice")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--native", default="OpenCL", help="platform of the native forces")
    parser.add_argument("--picture", type=Path, default=PICTURES / "sizes.png")
    options = parser.parse_args()
    print(f"RMSE on unseen frames, mean of {options.seeds} splits; gate: {options.gate}. Steps of 0.5 fs", end=" ")
    print(f"in vacuum, median of {options.repeats} runs by turns.\n")
    routes: list[tuple[Route, str]] = [("compiled", "Reference"), ("native", options.native)]
    names = [", ".join(route) for route in routes]
    panels: dict[tuple[Route, str], dict[str, Curve]] = {own: {} for own in routes if own[1] in platform_names()}
    header = ("set", "trained on", "size", "rows", "terms", "energy [kcal/mol]", "force [kcal/mol/Å]", *names)
    table(header, rows(options, panels))
    shown = {", ".join(route): own for route, own in panels.items()}
    write(options.picture, curves(shown, X_LABEL, "force RMSE [kcal/mol/Å]", TICKS))


def rows(options: argparse.Namespace, panels: dict[tuple[Route, str], dict[str, Curve]]) -> Iterator[list[str]]:
    for name in options.sets:
        data = read_set(name)
        (n_train,) = data.sizes([options.train], 0, 80)
        points: list[tuple[float, list[float]]] = []
        for size in SIZES:
            how = BenchmarkFit(fit=FitOptions(size=size), gate=GateOptions(gate=options.gate))
            fits, errors = [], []
            for seed in range(options.seeds):
                split = data.split(n_train, 0, len(data.frames), seed)
                fits.append(fit_as_the_command_does(data, split, how))
                error = evaluate(fits[-1].force_field, data.frames.subset(split.test), fits[-1].energy_offset)
                print(f"{name} {size} seed {seed}: {error}; {fits[-1].result.seconds:.1f} s", file=sys.stderr)
                errors.append(kcal(error))
            energy, force = np.mean(errors, axis=0)
            best = fits[0].force_field
            own = [step_ratio(best, data.stock, route, options.steps, options.repeats) for route in panels]
            n_rows = (fits[0].result.deviations > 0).sum()
            points.append((float(force), own))
            cells = [f"{energy:.2f}", f"{force:.2f}", *(f"{ratio:.1f} ×" for ratio in own), *["–"] * (2 - len(own))]
            yield [name, str(n_train), size, str(n_rows), str(len(best.table.products)), *cells]
        for i, panel in enumerate(panels.values()):
            panel[f"{name}, {n_train} frames"] = Curve([own[i] for _, own in points], [force for force, _ in points])


if __name__ == "__main__":
    main()
