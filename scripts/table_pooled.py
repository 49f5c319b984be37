"""One class II fit of several molecules with rows shared by GAFF type, against a fit of each alone.

After Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), table 4, on other molecules. Test frames were in no fit.
Frames of more than 100 kcal/mol, where atoms all but touch, are left out.

Usage: python scripts/table_pooled.py [--train 50] [--seeds 3] [SET ...]
"""

from collections import defaultdict
from typing import get_args

import numpy as np
from common import kcal, options_of, read_set, table

import hybridff as hf
from hybridff.fitting.fits import fit_together
from hybridff.gaff.forms import Share

SETS = ("ethanol_rmd17", "aspirin_rmd17", "nma_b3lyp", "acac_300k")
N_TEST = 200
HIGHEST = 100
"""Energy of a frame above the lowest [kcal/mol]."""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--train", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    sets = {name: read_set(name, highest=HIGHEST) for name in options.sets}
    for seed in range(options.seeds):
        pooled, tests = [], {}
        for name, data in sets.items():
            rows = data.split(options.train, 0, N_TEST, seed)
            train, tests[name] = data.frames.subset(rows.train), data.frames.subset(rows.test)
            for share in get_args(Share):
                force_field = hf.ForceField.build(
                    data.molecule, data.start, form="class2", share=share, geometries=train.positions
                )
                alone = hf.fit(force_field, train)
                errors = hf.evaluate(alone.force_field, tests[name], alone.energy_offset)
                found[name][f"alone, by {share}"].append(kcal(errors))
            pooled.append((force_field, train))
        result = fit_together(pooled)
        for name, force_field, offset in zip(sets, result.force_fields, result.energy_offsets, strict=True):
            found[name]["pooled, by types"].append(kcal(hf.evaluate(force_field, tests[name], offset)))
    print(
        f"{options.train} training frames of each molecule, up to {N_TEST} unseen ones, mean of {options.seeds} "
        "splits. Force RMSE [kcal/mol/Å] / energy RMSE [kcal/mol].\n"
    )
    cells = {
        name: ["{1:.2f} / {0:.2f}".format(*np.mean(errors, axis=0)) for errors in by_way.values()]
        for name, by_way in found.items()
    }
    table(["set", *next(iter(found.values()))], [[name, *own] for name, own in cells.items()])


if __name__ == "__main__":
    main()
