"""Prior widths of the class II families learnt from each of several molecules, beside the shipped ones.

Usage: python scripts/learn_widths.py [--train 250] [--seed 0] [SET ...]
"""

from collections.abc import Iterator

import numpy as np
from common import options_of, read_set, table

import hybridff as hf
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does
from hybridff.gaff.class2 import KINDS
from hybridff.stability.gate import GateOptions
from hybridff.units import KCAL_MOL

SETS = ("ethanol_rmd17", "aspirin_rmd17", "nma_b3lyp", "3bpa_300k")
HOW = BenchmarkFit(fit=hf.FitOptions(widths="learnt"), gate=GateOptions(gate="none"))


def learn(name: str, n_train: int, seed: int) -> dict[str, float]:
    """Widths [kcal/mol] that the evidence prefers for one molecule."""
    data = read_set(name)
    (n_train,) = data.sizes([n_train], validation=0, test=0)
    result = fit_as_the_command_does(data, data.split(n_train, 0, 0, seed), HOW).result
    kinds = result.start.kinds
    return {name: kind.prior_width / KCAL_MOL for name, kind in kinds.items() if kind.prior_width is not None}


def rows(learnt: dict[str, dict[str, float]]) -> Iterator[list[str]]:
    """A row for each family that a molecule has."""
    for family, kind in KINDS.items():
        own = [widths[family] for widths in learnt.values() if family in widths]
        if kind.prior_width is not None and own:
            cells = [f"{widths[family]:.2g}" if family in widths else "–" for widths in learnt.values()]
            yield [family, f"{kind.prior_width / KCAL_MOL:.2g}", *cells, f"{np.exp(np.mean(np.log(own))):.2g}"]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--train", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    learnt = {name: learn(name, options.train, options.seed) for name in options.sets}
    print(f"Widths in kcal/mol, learnt from {options.train} frames at most; – where a molecule has no such rows.\n")
    table(["family", "shipped", *learnt, "geometric mean"], rows(learnt))


if __name__ == "__main__":
    main()
