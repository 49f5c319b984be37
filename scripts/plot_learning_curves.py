"""Learning curves: force RMSE on unseen frames against the number of training frames, as table and picture.

Methods: the functional forms; "+ kernel" is a form with one kernel on all atoms, solved together where the form is
linear (``hybridff fit --correction all``); sgdml is a kernel of inverse distances alone, trained on forces with the
ridge of its authors' program (1e-10/Å²), length scale by the validation frames (S. Chmiela et al., Nat. Commun. 9, 3887
(2018)) - the same numbers as that program gives, see the tests.

"class2 after gfn2-xtb", or "class2 + kernel after gfn2-xtb", is a form that a cheap level teaches first (``hybridff fit
--pretrain``); with ``--validation 0`` frames that are left out of a first fit choose how strong kernels are.

Every measurement is a line of a CSV file; those that are there already are not made again. Kernels on more than 22000
force components do not fit into memory at once: sgdml has no points there, and kernels beside a form have fewer points
than frames.

Usage: python scripts/plot_learning_curves.py [--sets ethanol_rmd17 …] [--methods class2 …] [--train 25 …] [--seeds 3]
                                              [--csv docs/data/learning-curves.csv]
                                              [--picture docs/images/learning-curves.png]
"""

import argparse
import sys
from pathlib import Path

from common import PICTURES, PUBLISHED_DATA, options_of, read_set, table, write

from hybridff.comparison import learning_curves as lc
from hybridff.plots.curves import curves

TRAIN = (25, 50, 110, 250, 500, 1000)
SETS = ("ethanol_rmd17", "ethanol_ccsdt", "aspirin_rmd17", "nma_b3lyp", "3bpa_300k", "acac_300k")
LEAST_TEST = 80


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--methods", nargs="+", default=lc.METHODS)
    parser.add_argument("--train", nargs="+", type=int, default=TRAIN)
    parser.add_argument("--validation", type=int, default=50)
    parser.add_argument("--test", type=int, default=500, help="test frames at most")
    parser.add_argument("--highest", type=float, default=100.0, help="energy above the lowest frame's [kcal/mol]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--csv", type=Path, default=PUBLISHED_DATA / "learning-curves.csv")
    parser.add_argument("--picture", type=Path, default=PICTURES / "learning-curves.png")
    options = parser.parse_args()
    for name in options.sets:
        measure(name, options)
    points = lc.comparable(lc.read_points(options.csv))
    print(
        "RMSE of force components [kcal/mol/Å] on unseen frames, mean of the splits on which every method that reaches "
        "a size was measured (their number in brackets).\n"
    )
    found = lc.curve_table(points)
    table(found.header, found.rows)
    y_label = "force RMSE on unseen frames [kcal/mol/Å]"
    write(options.picture, curves(lc.curve_panels(points), "training frames", y_label, TRAIN))


def measure(name: str, options: argparse.Namespace) -> None:
    """Append what is missing to the file of measurements."""
    data = read_set(name, highest=options.highest)
    known = {(point.set, point.method, point.train, point.seed) for point in lc.read_points(options.csv)}
    for size in data.sizes(list(options.train), options.validation, LEAST_TEST):
        for seed in range(options.seeds):
            split = data.split(size, options.validation, options.test, seed)
            for method in options.methods:
                if (data.name, method, size, seed) in known:
                    continue
                if (point := lc.measured_point(data, split, method, seed)) is not None:
                    print(point, file=sys.stderr)
                    lc.append_point(options.csv, point)


if __name__ == "__main__":
    main()
