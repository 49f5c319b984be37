"""The ladder of functional forms on every set of frames, and table II of the paper that this project follows.

Published: H. E. Sauceda, M. Gastegger, S. Chmiela, K.-R. Müller, A. Tkatchenko, arXiv:2008.04198 (2020), table II:
GAFF, GAFF with Morse bonds and GAFF with small networks, refit to 110, 1100 and 11 000 frames of MD17 (PBE+vdW-TS).
Our frames are those of HYBRIDFF_DATA. ``ethanol_md17`` is another sample of the same trajectory; the rMD17 sets are its
geometries at another level (PBE/def2-SVP). Those of QM-22 (N-methylacetamide, tropolone) hold some frames of more than
100 kcal/mol, where atoms all but touch; these are left out. Frames that come in segments of a trajectory are split by
segment.

Usage: python scripts/table_forms.py [--sets ethanol_rmd17 …] [--forms harmonic class2 …] [--train 110 1000]
                                     [--seeds 3] [--gate short]
"""

import sys
from collections.abc import Iterator
from functools import partial
from typing import get_args

from common import options_of, read_set, table

from hybridff.comparison.form_ladder import LEAST_TEST, Ladder, ladder, ladder_cell, table_two
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions

SETS = ["ethanol_md17", "ethanol_rmd17", "ethanol_ccsdt", "aspirin_rmd17", "nma_b3lyp"]
SETS += ["tropolone_b3lyp", "acac_300k", "3bpa_300k", "3bpa_mixedt"]


tell = partial(print, file=sys.stderr)


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=get_args(Form))
    parser.add_argument("--train", nargs="+", type=int, default=[110, 1000], help="training frames, where they suffice")
    parser.add_argument("--validation", type=int, default=50)
    parser.add_argument("--test", type=int, default=1000, help="test frames at most")
    parser.add_argument("--highest", type=float, default=100.0, help="energy above the lowest frame's [kcal/mol]")
    parser.add_argument("--seeds", type=int, default=3, help="random splits")
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short")
    options = parser.parse_args()
    print("## Every form on every set\n")
    print(
        "RMSE of energy [kcal/mol] / force components [kcal/mol/Å] on frames that were never used, mean ± half the "
        f"range over {options.seeds} splits; frames up to {options.highest:g} kcal/mol above the lowest. RESP charges, "
        f"gaff-2.2.20; {options.validation} further frames choose the "
        f"scale of the priors. Stability gate: {options.gate}"
        + ("." if options.gate == "none" else "; where not every fit passed, the number that did is given.")
        + "\n"
    )
    found: list[Ladder] = []

    def rows() -> Iterator[list[str]]:
        for name in options.sets:
            data = read_set(name, highest=options.highest)
            for size in data.sizes(options.train, options.validation, LEAST_TEST):
                splits = [data.split(size, options.validation, options.test, seed) for seed in range(options.seeds)]
                own = ladder(data, splits, options.forms, GateOptions(gate=options.gate), tell)
                found.append(own)
                cells = [ladder_cell(own.forms[form]) for form in ("stock", *options.forms)]
                yield [name, str(size), own.tests, *cells]

    table(["set", "trained on", "tested on", "stock GAFF", *options.forms], rows())
    if published := table_two(found):
        print("\n## Table II of arXiv:2008.04198\n")
        print("RMSE of force components [kcal/mol/Å]; class2: energy [kcal/mol] / force. Bold: ours.\n")
        table(published.header, published.rows)


if __name__ == "__main__":
    main()
