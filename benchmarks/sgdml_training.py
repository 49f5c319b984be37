"""Training of a global sGDML model: this engine against the authors' program ``sgdml``, same frames, same parameters.

Every training runs in a process of its own, on all cores. The time is that of the training alone: frames in memory,
permutations known (ours, for both), length scale and ridge given. Memory is by how much the training raises the peak
of the process. The largest relative deviation of energies and forces is over 200 frames that neither has seen;
energies are compared less their means. Needs the program (``pip install sgdml``).

Usage: python benchmarks/sgdml_training.py [--width 20] [case …]      a case is "ethanol 200", say
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sgdml_models import RIDGE
from sgdml_once import PROGRAMS, train_once
from shared import options_of, table

CASES = ("ethanol 110", "ethanol 200", "ethanol 400", "aspirin 110", "aspirin 200", "aspirin 300")
HEADER = ["case", "permutations", "sgdml", "hybridff", "ratio", "sgdml", "hybridff", "ratio", "energies", "forces"]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--width", type=float, default=20.0, help="length scale [1/Å]")
    parser.add_argument("--alone", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(train_once(options.alone, options.cases[0], options.width, options.out)))
        return
    print(f"{os.cpu_count()} cores, length scale {options.width:g}/Å, ridge {RIDGE:g}/Å²\n")
    print("Time, memory, largest relative deviation of energies and forces, force RMSE [kcal/mol/Å]:\n")
    table([*HEADER, "RMSE"], (row(case, options.width) for case in options.cases))


def row(case: str, width: float) -> list[str]:
    """Cells of a case."""
    with TemporaryDirectory() as folder:
        (theirs, expected), (ours, actual) = (measured(program, case, width, Path(folder)) for program in PROGRAMS)
    deviations = [
        np.abs(a - b - (a - b).mean(0)).max() / np.abs(a - a.mean(0)).max()
        for a, b in ((expected[key], actual[key]) for key in ("energies", "forces"))
    ]
    numbers = []
    for key, unit, digits in (("seconds", "s", 1), ("memory", "MB", 0)):
        numbers += [f"{own[key]:.{digits}f} {unit}" for own in (theirs, ours)] + [f"{ours[key] / theirs[key]:.2f}"]
    off = [f"{deviation:.0e}" for deviation in deviations]
    return [case, str(ours["permutations"]), *numbers, *off, f"{ours['rmse']:.3f}"]


def measured(program: str, case: str, width: float, folder: Path) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Numbers and predictions of a training in a process of its own."""
    path = folder / f"{program}.npz"
    command = [sys.executable, __file__, case, "--alone", program, "--width", str(width), "--out", str(path)]
    run = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    with np.load(path) as file:
        return json.loads(run.stdout.splitlines()[-1]), {key: file[key] for key in file.files}


if __name__ == "__main__":
    main()
