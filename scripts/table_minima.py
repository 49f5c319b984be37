"""Lowest minima of a molecule and their populations: the reference, stock GAFF, refits, local terms, hybrids.

The reference minima are those of ``make_minima.py``. Every model is relaxed from each of them; a cell is its energy
above that of the reference's lowest [kcal/mol], in brackets where the model has no minimum there and ended in another.
Populations come from simulated tempering between 300 K and --hottest, several runs from different frames; a frame
belongs to the minimum whose torsions about bonds that turn are nearest, mirror images included. Errors are standard
errors of the mean of the runs.

With --check, the reference method itself is sampled: it labels some frames of each minimum and temperature that the
models have visited, and populations are reweighed (``hybridff.analysis.reweighting``). Models and the angles of
finished runs are kept in a folder, so that what was stopped goes on.

Usage: python scripts/table_minima.py [--models table-minima] [--only class2 …] [--time 5] [--runs 4] [--table]
       python scripts/table_minima.py --models table-minima --only "class2 + kernel" --check 12
"""

import argparse
from functools import partial
from pathlib import Path

from common import PICTURES, PUBLISHED_DATA, kept_arrays, options_of, read_set, say, table, write

from hybridff.analysis.sampling import SamplingOptions
from hybridff.comparison.basin_populations import SampledModel, labelled_frames, population_table, tempering
from hybridff.comparison.recipes import RECIPES, SGDML, StoredModels
from hybridff.plots.dynamics import population_bars
from hybridff.reference.minima import ReferenceMinima, read_minima
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.units import KCAL_MOL

LEVEL = PySCFLevel(dispersion=False)
KELVINS, NAMES = (300.0, 500.0), [name for name in RECIPES if name != SGDML]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="aspirin_rmd17")
    parser.add_argument("--minima", type=Path, default=PUBLISHED_DATA, help="folder of minima-<set>.json")
    parser.add_argument("--most", type=int, default=3, help="minima that count")
    parser.add_argument("--models", type=Path, default=Path("table-minima"), help="folder of models and runs")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--time", type=float, default=5.0, help="of a run [ns]")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--hottest", type=float, default=800.0, help="of the ladder of temperatures [K]")
    parser.add_argument("--picture", type=Path, default=PICTURES / "minima.png")
    parser.add_argument("--check", type=int, default=0, help="frames of each minimum that the reference labels")
    parser.add_argument("--table", action="store_true", help="only print the tables of what is finished")
    options = parser.parse_args()
    kept = StoredModels(options.models, read_set(options.set), options.train, say=say)
    minima = read_minima(kept.data.molecule, options.minima / f"minima-{options.set}.json", options.most)
    models = [sampled(name, kept, minima, options) for name in options.only if kept.has(name) or not options.table]
    found = population_table(models, minima, KELVINS, f"{options.time:g} ns")
    print(f"\n{options.set}, {options.train} training frames. Reference: {minima.theory}.\n")
    energies = f"energies of minima {', '.join(str(i + 1) for i in range(len(minima.heights)))}"
    table(["model", "energy / force RMSE", energies, *(f"{kelvin:g} K [%]" for kelvin in KELVINS), "runs"], found.rows)
    print("\n" + "\n".join(f"- {remark}" for remark in found.remarks))
    names = [f"minimum {i + 1} (reference {height / KCAL_MOL:.2f} kcal/mol)" for i, height in enumerate(minima.heights)]
    if found.shares:
        write(options.picture, population_bars(found.shares, names))


def sampled(name: str, kept: StoredModels, minima: ReferenceMinima, options: argparse.Namespace) -> SampledModel:
    """A model with runs and labels of earlier times, and new ones where they are wanted."""
    how = SamplingOptions(temperatures=KELVINS, hottest=options.hottest, time=options.time)
    saved, runs, labels = kept.model(name), [], {}
    for seed in range(options.runs):
        path = kept.file(name, f"{options.time:g}ns-{seed}.npz")
        if path.is_file() or not options.table:
            runs.append(kept_arrays(path, partial(tempering, saved.force_field, kept.data.frames.positions, seed, how)))
    for kelvin in KELVINS:
        path = kept.file(name, f"{kelvin:g}K-labels.npz")
        if path.is_file() or options.check:
            label = partial(labelled_frames, runs, kelvin, minima, wanted=options.check, level=LEVEL, say=say)
            labels[kelvin] = kept_arrays(path, label)
    return SampledModel(name, saved, runs, labels)


if __name__ == "__main__":
    main()
