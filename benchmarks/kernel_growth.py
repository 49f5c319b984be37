"""Time and memory of the training of a kernel on all atoms, beside class II, with a point at every frame.

Hyperparameters are searched for on some of the frames, then all frames are solved for by conjugate gradients, as
``hybridff correct --correction all`` does it. The coefficients of class II stay as a fit to some frames has left them,
unless ``--free``; that fit is made once and is outside of the timing. Every training runs in a process of its own.

Points beyond the frames of the set are frames whose atoms are shifted by 0.005 Å at random, with the errors of class II
that these have: their times mean something, their accuracy does not.

Usage: python benchmarks/kernel_growth.py [--set ethanol_rmd17] [--points 100 200 500 870] [--fit 870] [--free]
                                          [--descriptor auto]
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from kernel_growth_once import fit_terms, trained
from shared import options_of, table

HEADER = ("set", "points", "forces and energies", "time", "of the processor", "memory", "force RMSE", "energy RMSE")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="ethanol_rmd17", help="of frames")
    parser.add_argument("--points", nargs="+", type=int, default=(100, 200, 500, 870))
    parser.add_argument("--fit", type=int, default=870, help="frames that class II is fitted to")
    parser.add_argument("--free", action="store_true", help="coefficients of class II are unknowns, too")
    parser.add_argument("--descriptor", choices=("auto", "distances", "angular"), default="auto")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(trained(options, options.points[0])))
        return
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores\n")
    with TemporaryDirectory() as folder:
        alone = fit_terms(options, Path(folder))
        print(f"Class II alone, fitted to {options.fit} frames: force RMSE {alone:.3f} kcal/mol/Å\n")
        table(HEADER, rows(options, Path(folder)))


def rows(options: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    """A row for each number of points, whose training runs in a process of its own."""
    for n in options.points:
        command = [sys.executable, __file__, "--set", options.set, "--points", str(n), "--fit", str(options.fit)]
        command += ["--descriptor", options.descriptor, "--alone", str(folder), *(["--free"] if options.free else [])]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        found = json.loads(run.stdout.splitlines()[-1])
        times = [f"{found[key]:.0f} s" for key in ("seconds", "processor")]
        errors = [f"{found['force']:.3f}", f"{found['energy']:.3f}"] if n <= options.fit else ["", ""]
        yield [options.set, str(n), str(found["values"]), *times, f"{found['memory']:.0f} MB", *errors]


if __name__ == "__main__":
    main()
