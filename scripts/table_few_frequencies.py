"""Frequencies of normal modes by fits to few labels, with and without a cheap level first, beside fits to many.

References are files of ``make_hessian.py``; models have their own minima, and modes are told by their overlap with the
the reference's, as in ``table_frequencies.py``. "gfn2-xtb+kernel" has kernels on all atoms too.

Usage: python scripts/table_few_frequencies.py [--sets ethanol_rmd17 …] [--train 50 500] [--seed 0]
                                               [--pretrain none gfn2-xtb gfn2-xtb+kernel]
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import PUBLISHED_DATA, kcal, options_of, read_set, table

from hybridff import HybridFFCalculator
from hybridff.analysis.minima import rmsd
from hybridff.analysis.modes import matching, modes_of, normal_modes, read_reference
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.frames.accuracy import evaluate
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM

SETS = ("ethanol_rmd17", "nma_b3lyp", "aspirin_rmd17")
NO_GATE = GateOptions(gate="none")
HEADER = ("set", "labels", "pre-trained on", "energy / force RMSE", "mean", "largest, of the mode at", "RMSD [Å]")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--train", nargs="+", type=int, default=[50, 500])
    parser.add_argument("--pretrain", nargs="+", default=["none", "gfn2-xtb"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hessians", type=Path, default=PUBLISHED_DATA, help="folder of hessian-<set>.npz")
    options = parser.parse_args()

    def rows() -> Iterator[list[str]]:
        for name in options.sets:
            data = read_set(name, highest=100.0)
            begin, second = read_reference(options.hessians / f"hessian-{name}.npz", data.molecule)
            reference = normal_modes(data.molecule.numbers, begin, second)
            for n_train in options.train:
                split = data.split(n_train, 0, 1000, options.seed)
                for pretrain in options.pretrain:
                    level, kernels = pretrain.removesuffix("+kernel"), pretrain.endswith("+kernel")
                    how = BenchmarkFit(correction="all" if kernels else None, gate=NO_GATE, pretrain=level)
                    model = fit_as_the_command_does(data, split, how).force_field
                    rmse = "{:.2f} / {:.2f}".format(*kcal(evaluate(model, data.frames.subset(split.test))))
                    own = modes_of(data.molecule.numbers, begin, HybridFFCalculator(model))
                    off = own.frequencies[matching(reference, own)] - reference.frequencies
                    worst = int(np.abs(off).argmax())
                    largest = f"{off[worst]:+.0f}, {reference.frequencies[worst]:.0f}"
                    away = rmsd(data.molecule, own.positions, begin) / ANGSTROM
                    yield [name, str(n_train), pretrain, rmse, f"{np.abs(off).mean():.1f}", largest, f"{away:.3f}"]

    print("Errors of frequencies [1/cm] and of the minimum's positions; errors of unseen frames in kcal/mol, /Å.\n")
    table(HEADER, rows())


if __name__ == "__main__":
    main()
