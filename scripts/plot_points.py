"""Accuracy of a corrected force field against the number of points that its kernel is a sum over, as table and picture.

Class II with one kernel on all atoms (``hybridff fit --correction all --points N``); all training frames train every
kernel. RMSE on unseen frames.

Usage: python scripts/plot_points.py [--sets ethanol_rmd17 …] [--train 500] [--points 25 50 100 200 500]
                                     [--picture docs/images/points.png]
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from common import PICTURES, kcal, options_of, read_set, table, write

from hybridff import evaluate
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.hybrid.options import CorrectionOptions
from hybridff.plots.curves import Curve, curves
from hybridff.stability.gate import GateOptions

VALIDATION, TEST = 50, 500
ALONE = BenchmarkFit(gate=GateOptions(gate="none"))


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="*", default=("ethanol_rmd17", "ethanol_ccsdt"))
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--points", nargs="+", type=int, default=(25, 50, 100, 200, 500))
    parser.add_argument("--picture", type=Path, default=PICTURES / "points.png")
    options = parser.parse_args()
    panels: dict[str, Mapping[str, Curve]] = {}
    header = ("set", "frames", "points", "energy [kcal/mol]", "force [kcal/mol/Å]", "terms alone", "seconds")
    table(header, rows(options, panels))
    y_label = "force RMSE on unseen frames [kcal/mol/Å]"
    write(options.picture, curves(panels, "points of the kernel", y_label, options.points))


def rows(options: argparse.Namespace, panels: dict[str, Mapping[str, Curve]]) -> Iterator[list[str]]:
    """Rows of all sets, whose curves are added to the panels."""
    for name in options.sets:
        data = read_set(name)
        split = data.split(options.train, VALIDATION, TEST, seed=0)
        test = data.frames.subset(split.test)
        alone = fit_as_the_command_does(data, split, ALONE)
        energy, force = kcal(evaluate(alone.force_field, test, alone.energy_offset))
        yield [name, str(options.train), "0", f"{energy:.3f}", f"{force:.3f}", "–", "–"]
        line, found = [force] * len(options.points), []
        for points in options.points:
            how = replace(ALONE, correction="all", kernels=CorrectionOptions(points=points))
            model = fit_as_the_command_does(data, split, how)
            assert model.corrected is not None
            energy, force = kcal(evaluate(model.force_field, test, model.energy_offset))
            _, terms = kcal(evaluate(model.force_field.with_corrections(()), test))
            found.append(force)
            used, seconds = str(model.corrected.n_points[0]), f"{model.corrected.seconds:.0f}"
            yield [name, str(options.train), used, f"{energy:.3f}", f"{force:.3f}", f"{terms:.2f}", seconds]
        panels[name] = {"class2": Curve(options.points, line), "class2 + kernel": Curve(options.points, found)}


if __name__ == "__main__":
    main()
