"""One class II fit of several molecules with rows shared by GAFF type, against a fit of each alone.

After Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), table 4, on other molecules. Test frames were in no fit.
Frames of more than 100 kcal/mol, where atoms all but touch, are left out.

Run: python scripts/table_pooled.py [--train 50] [--seeds 3] [SET ...]
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

import hybridff as hf
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.gaff.forms import Share
from hybridff.units import FORCE_KCAL, KCAL_MOL

SETS = ("ethanol_rmd17", "aspirin_rmd17", "nma_b3lyp", "acac_300k")
N_TEST = 200
HIGHEST = 100 * KCAL_MOL
"""Energy of a frame above the lowest [kJ/mol]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--train", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    data = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
    found: dict[str, dict[str, list[hf.Errors]]] = defaultdict(lambda: defaultdict(list))
    trials = {name: read_trial_set(data / f"{name}.npz", highest=HIGHEST) for name in arguments.sets}
    for seed in range(arguments.seeds):
        pooled, tests = [], {}
        for name in arguments.sets:
            trial = trials[name]
            rows = trial.split(arguments.train, 0, N_TEST, seed)
            train, tests[name] = trial.frames.subset(rows.train), trial.frames.subset(rows.test)
            shares: tuple[Share, ...] = ("symmetry", "types")
            for share in shares:
                force_field = hf.ForceField.build(
                    trial.molecule, trial.start, form="class2", share=share, geometries=train.positions
                )
                alone = hf.fit(force_field, train)
                errors = hf.evaluate(alone.force_field, tests[name], alone.energy_offset)
                found[name][f"alone, by {share}"].append(errors)
            pooled.append((force_field, train))
        result = hf.fit_together(pooled)
        for name, force_field, offset in zip(arguments.sets, result.force_fields, result.energy_offsets, strict=True):
            found[name]["pooled, by types"].append(hf.evaluate(force_field, tests[name], offset))
    ways = list(next(iter(found.values())))
    print(
        f"{arguments.train} training frames of each molecule, up to {N_TEST} unseen ones, mean of {arguments.seeds} "
        "splits. Force RMSE [kcal/mol/Å] / energy RMSE [kcal/mol].\n"
    )
    print(f"| set | {' | '.join(ways)} |")
    print("| --- " * (len(ways) + 1) + "|")
    for name, by_way in found.items():
        cells = [
            f"{np.mean([e.force_rmse for e in errors if e.force_rmse is not None]) / FORCE_KCAL:.2f} / "
            f"{np.mean([e.energy_rmse for e in errors]) / KCAL_MOL:.2f}"
            for errors in by_way.values()
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
