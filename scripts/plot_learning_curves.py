"""Learning curves of the functional forms: force RMSE on unseen frames against the number of training frames.

Dashed: sGDML. Published is aspirin at 1000 frames (S. Chmiela et al., Nat. Commun. 9, 3887 (2018), MD17); the other
points are those of sGDML's own program on these sets, measured once before and not by this script.

Usage: python scripts/plot_learning_curves.py [--sets ethanol_rmd17 …] [--forms harmonic class2 …] [--seeds 3]
                                              [--picture docs/images/learning-curves.png]
"""

import argparse
import os
import sys
from pathlib import Path
from typing import get_args

import numpy as np

from hybridff import evaluate
from hybridff.gaff.forms import Form
from hybridff.plots import Curve, curves
from hybridff.stable import GateOptions
from hybridff.trials import TrialSet, read_trial_set
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
TRAIN = (25, 50, 110, 250, 500, 1000)
SETS = ("ethanol_rmd17", "ethanol_ccsdt", "aspirin_rmd17", "nma_b3lyp", "tropolone_b3lyp", "acac_300k")
FORMS = ("harmonic", "morse", "neural", "class2")
LEAST_TEST = 80
SGDML = {
    "ethanol_rmd17": Curve((25, 50, 110, 250, 500), (3.6, 2.6, 1.73, 1.08, 0.74), published=True),
    "aspirin_rmd17": Curve((25, 50, 110), (14, 4.9, 2.6), published=True),
}
SGDML_PUBLISHED = {"aspirin_rmd17": Curve((1000,), (0.68,), published=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=FORMS)
    parser.add_argument("--train", nargs="+", type=int, default=TRAIN)
    parser.add_argument("--validation", type=int, default=50)
    parser.add_argument("--test", type=int, default=1000, help="test frames at most")
    parser.add_argument("--highest", type=float, default=100.0, help="energy above the lowest frame's [kcal/mol]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gate", choices=("short", "full", "none"), default="none")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/learning-curves.png"))
    options = parser.parse_args()
    print(
        f"RMSE of force components [kcal/mol/Å] on unseen frames, mean of {options.seeds} splits. "
        f"Stability gate: {options.gate}."
    )
    print("In brackets: the frames that a smaller set leaves for training.\n")
    print(f"| set | form | {' | '.join(map(str, options.train))} |")
    print(f"| --- | --- |{' --- |' * len(options.train)}")
    panels = {}
    for name in options.sets:
        data = read_trial_set(DATA / f"{name}.npz", highest=options.highest * KCAL_MOL)
        panel = {form: measure(data, form, options) for form in options.forms}
        for form, curve in panel.items():
            points = zip(sorted(options.train), curve.x, curve.y, strict=False)
            cells = [f"{y:.2f}" + ("" if x == n else f" ({x})") for n, x, y in points]
            cells += [""] * (len(options.train) - len(cells))
            print(f"| {name} | {form} | {' | '.join(cells)} |", flush=True)
        for label, known in (("sGDML", SGDML), ("sGDML, published", SGDML_PUBLISHED)):
            if name in known:
                panel[label] = known[name]
        panels[name] = panel
    picture = curves(panels, "training frames", "force RMSE on unseen frames [kcal/mol/Å]", options.train)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(picture)


def measure(data: TrialSet, form: Form, options: argparse.Namespace) -> Curve:
    """Mean error at each number of training frames, or at most those that leave some for the rest."""
    sizes, means = data.sizes(options.train, options.validation, LEAST_TEST), []
    for size in sizes:
        errors = []
        for seed in range(options.seeds):
            split = data.split(size, options.validation, options.test, seed)
            result = data.fit(form, split.train, split.validation, gate=GateOptions(gate=options.gate)).result
            error = evaluate(result.force_field, data.frames.subset(split.test), result.energy_offset)
            print(f"{data.name} {size} seed {seed} {form}: {error}; {result.seconds:.1f} s", file=sys.stderr)
            errors.append((error.force_rmse or np.nan) / FORCE_KCAL)
        means.append(float(np.mean(errors)))
    return Curve(sizes, means)


if __name__ == "__main__":
    main()
