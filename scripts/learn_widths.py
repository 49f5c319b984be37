"""Prior widths of the class II families learnt from each of several molecules, beside the shipped ones.

Run: python scripts/learn_widths.py [--train 250] [--seed 0] [SET ...]
"""

import argparse
import os
from pathlib import Path

import numpy as np

import hybridff as hf
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.gaff.class2 import KINDS
from hybridff.gaff.parameters import Quantity
from hybridff.stability.gate import GateOptions
from hybridff.units import KCAL_MOL

SETS = ("ethanol_rmd17", "aspirin_rmd17", "nma_b3lyp", "3bpa_300k")


def learn(path: Path, n_train: int, seed: int) -> dict[str, float]:
    """Widths [kcal/mol] that the evidence prefers for one molecule."""
    trial = read_trial_set(path)
    (n_train,) = trial.sizes([n_train], validation=0, test=0)
    rows = trial.split(n_train, 0, 0, seed).train
    options, gate = hf.FitOptions(widths="learnt"), GateOptions(gate="none")
    kinds = trial.fit("class2", rows, options=options, gate=gate).result.start.kinds
    return {name: _width(kind) for name, kind in kinds.items() if kind.prior_width is not None}


def _width(kind: Quantity) -> float:
    assert kind.prior_width is not None
    return kind.prior_width / KCAL_MOL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--train", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
    learnt = {name: learn(data / f"{name}.npz", arguments.train, arguments.seed) for name in arguments.sets}
    print(f"Widths in kcal/mol, learnt from {arguments.train} frames at most; – where a molecule has no such rows.\n")
    print(f"| family | shipped | {' | '.join(learnt)} | geometric mean |")
    print("| --- " * (len(learnt) + 3) + "|")
    for family, kind in KINDS.items():
        own = [widths[family] for widths in learnt.values() if family in widths]
        if kind.prior_width is None or not own:
            continue
        cells = [f"{widths[family]:.2g}" if family in widths else "–" for widths in learnt.values()]
        mean = float(np.exp(np.mean(np.log(own))))
        print(f"| {family} | {_width(kind):.2g} | {' | '.join(cells)} | {mean:.2g} |", flush=True)


if __name__ == "__main__":
    main()
