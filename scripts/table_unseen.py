"""Energies of a molecule's minima, some of which no label shows, by fits with and without a cheap level first.

The reference minima are those of ``make_minima.py``; a cell is the energy of each above the lowest [kcal/mol], once the
model has relaxed it, as in ``table_minima.py``.

Usage: python scripts/table_unseen.py [--set aspirin_rmd17] [--train 50 110] [--pretrain none gfn2-xtb] [--seeds 1]
"""

from collections.abc import Iterator
from pathlib import Path

from common import PUBLISHED_DATA, kcal, options_of, read_set, table

from hybridff.comparison.basin_populations import minima_cell
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.frames.accuracy import evaluate
from hybridff.reference.minima import read_minima
from hybridff.stability.gate import GateOptions
from hybridff.units import KCAL_MOL


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="aspirin_rmd17")
    parser.add_argument("--minima", type=Path, default=PUBLISHED_DATA, help="folder of minima-<set>.json")
    parser.add_argument("--most", type=int, default=4, help="minima that count")
    parser.add_argument("--train", nargs="+", type=int, default=[50, 110])
    parser.add_argument("--pretrain", nargs="+", default=["none", "gfn2-xtb"])
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    data = read_set(options.set)
    minima = read_minima(data.molecule, options.minima / f"minima-{options.set}.json", options.most)

    def rows() -> Iterator[list[str]]:
        yield [
            f"reference ({minima.theory})",
            "",
            "",
            " / ".join(f"{height / KCAL_MOL:.2f}" for height in minima.heights),
        ]
        yield ["stock GAFF", "", "", minima_cell(minima, data.stock)]
        for pretrain in options.pretrain:
            how = BenchmarkFit(gate=GateOptions(gate="none"), pretrain=pretrain)
            for n_train in options.train:
                for seed in range(options.seeds):
                    split = data.split(n_train, 0, len(data.frames), seed)
                    found = fit_as_the_command_does(data, split, how)
                    errors = evaluate(found.force_field, data.frames.subset(split.test), found.energy_offset)
                    cell = minima_cell(minima, found.force_field)
                    yield [f"class2, pretrain {pretrain}", str(n_train), "{:.2f} / {:.2f}".format(*kcal(errors)), cell]

    table(["model", "labels", "energy / force RMSE [kcal/mol, kcal/mol/Å]", "energies of minima"], rows())


if __name__ == "__main__":
    main()
