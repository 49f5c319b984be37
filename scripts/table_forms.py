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

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from hybridff import Errors, evaluate
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SETS = (
    "ethanol_md17",
    "ethanol_rmd17",
    "ethanol_ccsdt",
    "aspirin_rmd17",
    "nma_b3lyp",
    "tropolone_b3lyp",
    "acac_300k",
    "3bpa_300k",
    "3bpa_mixedt",
)
PUBLISHED_FORMS = {"harmonic": "GAFF", "morse": "Morse", "neural": "NN"}
PUBLISHED = {
    "ethanol": {110: (6.53, 15.38, 5.00), 1100: (6.37, 14.59, 4.78), 11000: (6.38, 4.80, 4.66)},
    "aspirin": {110: (7.91, 10.29, 6.72), 1100: (7.46, 7.77, 6.15), 11000: (7.35, 6.28, 5.95)},
}
TABLE_TWO = ("ethanol_md17", "ethanol_rmd17", "aspirin_rmd17")
LEAST_TEST = 80


class Measured(NamedTuple):
    """Errors of a form on the test frames of one split."""

    energy: float
    """[kcal/mol]"""
    force: float
    """[kcal/mol/Å]"""
    stable: bool


Row = dict[str, list[Measured]]
"""Of each form, one for each seed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    )
    print(f"\n| set | trained on | tested on | stock GAFF | {' | '.join(options.forms)} |")
    print(f"| --- | --- | --- | --- |{' --- |' * len(options.forms)}", flush=True)
    found: dict[tuple[str, int], Row] = {}
    for name in options.sets:
        data = read_trial_set(DATA / f"{name}.npz", highest=options.highest * KCAL_MOL)
        for size in data.sizes(options.train, options.validation, LEAST_TEST):
            row, n_test = measure(data, size, options)
            found[name, size] = row
            cells = " | ".join(cell(row[form]) for form in ("stock", *options.forms))
            print(f"| {name} | {size} | {n_test} | {cells} |", flush=True)
    show_table_two({key: row for key, row in found.items() if key[0] in TABLE_TWO})


def measure(data: TrialSet, size: int, options: argparse.Namespace) -> tuple[Row, str]:
    """All forms on all splits, and how many frames tested them."""
    row: Row = {form: [] for form in ("stock", *options.forms)}
    tests = []
    for seed in range(options.seeds):
        split = data.split(size, options.validation, options.test, seed)
        train, test = data.frames.subset(split.train), data.frames.subset(split.test)
        tests.append(len(test))
        stock = evaluate(data.stock, test, evaluate(data.stock, train).energy_offset)
        row["stock"].append(measured(stock))
        for form in options.forms:
            fitted = data.fit(form, split.train, split.validation, gate=GateOptions(gate=options.gate))
            result = fitted.result
            errors = evaluate(result.force_field, test, result.energy_offset)
            row[form].append(measured(errors, fitted.passed))
            remarks = " ".join(fitted.remarks)
            print(f"{data.name} {size} seed {seed} {form}: {errors}; {result.seconds:.1f} s {remarks}", file=sys.stderr)
    return row, "–".join(dict.fromkeys(f"{n}" for n in (min(tests), max(tests))))


def measured(errors: Errors, stable: bool = True) -> Measured:
    assert errors.force_rmse is not None
    return Measured(errors.energy_rmse / KCAL_MOL, errors.force_rmse / FORCE_KCAL, stable)


def cell(trials: list[Measured]) -> str:
    energies, forces, stable = zip(*trials, strict=True)
    passed = "" if all(stable) else f" ({sum(stable)} of {len(stable)} stable)"
    return f"{spread(energies)} / {spread(forces)}{passed}"


def spread(values: tuple[float, ...]) -> str:
    half = f" ± {np.ptp(values) / 2:.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{half}"


def show_table_two(found: dict[tuple[str, int], Row]) -> None:
    """Ours beside the published, force RMSE, and class2 with the energy."""
    if not found:
        return
    print("\n## Table II of arXiv:2008.04198\n")
    print("RMSE of force components [kcal/mol/Å]; class2: energy [kcal/mol] / force. Bold: ours.\n")
    heads = " | ".join(f"published {label} | **{form}**" for form, label in PUBLISHED_FORMS.items())
    print(f"| set | trained on, published | ours | {heads} | **class2** |")
    print("| --- | --- | --- |" + " --- |" * 7)
    for (name, size), row in found.items():
        published = PUBLISHED[name.split("_")[0]]
        nearest = min(published, key=lambda n: abs(np.log(n / size)))
        pairs = [
            f"{value:.2f} | **{spread(tuple(trial.force for trial in row[form])) if form in row else '–'}**"
            for form, value in zip(PUBLISHED_FORMS, published[nearest], strict=True)
        ]
        last = cell(row["class2"]) if "class2" in row else "–"
        print(f"| {name} | {nearest} | {size} | {' | '.join(pairs)} | **{last}** |")
    for molecule in dict.fromkeys(name.split("_")[0] for name, _ in found):
        gaff, morse, network = PUBLISHED[molecule][11000]
        print(f"| {molecule} MD17 | 11000 | – | {gaff:.2f} | – | {morse:.2f} | – | {network:.2f} | – | – |")


if __name__ == "__main__":
    main()
