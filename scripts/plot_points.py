"""Accuracy of a corrected force field against the number of points that its kernel is a sum over, as table and picture.

Class II with one kernel on all atoms (``hybridff fit --correction all --points N``); all training frames train every
kernel. RMSE on unseen frames.

Usage: python scripts/plot_points.py [--sets ethanol_rmd17 …] [--train 500] [--points 25 50 100 200 500]
                                     [--picture docs/images/points.png]
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from hybridff import evaluate
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.hybrid.correcting import correct
from hybridff.hybrid.options import CorrectionOptions
from hybridff.plots.models import Curve, curves
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
VALIDATION, TEST = 50, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=("ethanol_rmd17", "ethanol_ccsdt"))
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--points", nargs="+", type=int, default=(25, 50, 100, 200, 500))
    parser.add_argument("--picture", type=Path, default=Path("docs/images/points.png"))
    options = parser.parse_args()
    print("| set | frames | points | energy [kcal/mol] | force [kcal/mol/Å] | terms alone | seconds |")
    print("| --- " * 7 + "|")
    panels: dict[str, Mapping[str, Curve]] = {}
    for name in options.sets:
        data = read_trial_set(DATA / f"{name}.npz")
        split = data.split(options.train, VALIDATION, TEST, seed=0)
        train, held, test = (data.frames.subset(rows) for rows in (split.train, split.validation, split.test))
        fitted = data.fit("class2", split.train, split.validation, gate=GateOptions(gate="none")).result
        alone = evaluate(fitted.force_field, test, fitted.energy_offset)
        print(f"| {name} | {options.train} | 0 | {row(alone.energy_rmse, alone.force_rmse)} | – | – |", flush=True)
        found = []
        for points in options.points:
            how = CorrectionOptions(points=points)
            everything = [range(len(data.molecule.numbers))]
            model = correct(fitted.force_field, train, held, everything, how, posterior=fitted.posteriors[0])
            errors = evaluate(model.force_field, test, model.energy_offset)
            terms = evaluate(model.force_field.with_corrections(()), test)
            assert errors.force_rmse is not None
            assert terms.force_rmse is not None
            found.append(errors.force_rmse / FORCE_KCAL)
            print(
                f"| {name} | {options.train} | {model.n_points[0]} | {row(errors.energy_rmse, errors.force_rmse)} | "
                f"{terms.force_rmse / FORCE_KCAL:.2f} | {model.seconds:.0f} |",
                flush=True,
            )
        assert alone.force_rmse is not None
        line = [alone.force_rmse / FORCE_KCAL] * len(found)
        panels[name] = {"class2": Curve(options.points, line), "class2 + kernel": Curve(options.points, found)}
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(
        curves(panels, "points of the kernel", "force RMSE on unseen frames [kcal/mol/Å]", options.points)
    )


def row(energy: float, force: float | None) -> str:
    """Two cells."""
    return f"{energy / KCAL_MOL:.3f} | {(force or float('nan')) / FORCE_KCAL:.3f}"


if __name__ == "__main__":
    main()
