"""Wall time and peak memory of class II fits with default options, with and without the stability gate.

Every case runs in a process of its own. The time is that from frames in memory, types and charges known, to the fitted
force field: the first fit of the process, and the median of all. Peptides, eicosane and tetradecane have no reference
data but dynamics by stock GAFF, labelled with GAFF's energies and forces. With ``--before``, a folder with another
version of the package, each case runs with that version first.

Published, for comparison, of other programs on other machines and data:
- ForceBalance: 19 to 40 hours for one torsion of the ligand S1A, 21 to 22 hours for one of another molecule (a user's
  report, github.com/leeping/forcebalance, issue 275; BespokeFit's jobs with xTB reference data).
- presto: about 15 minutes for a molecule of 50 atoms on one A4500 GPU, sampling and labels by a neural network included
  (its documentation, page "Quickstart").

Usage: python benchmarks/fit_time.py [--repeats 3] [--frames 10000] [--size full] [--before FOLDER] [case …]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import torch
from fit_cases import CASES
from shared import options_of, table

HEADER = ("case", "atoms", "frames", "coefficients", "gate", "first fit", "median", "memory before", "peak memory")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument(
        "--repeats", type=int, default=3, help="fits without the gate; with it, and of the peptide, one"
    )
    parser.add_argument("--frames", type=int, default=10000, help="of the peptide")
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full", help="of the peptide")
    parser.add_argument("--before", type=Path, help="folder with another version of the package, run by turns")
    parser.add_argument("--alone", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(CASES[options.alone](options)))
        return
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}.")
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores")
    versions = [None] if options.before is None else [options.before, None]
    table(HEADER, (row(name, options, version) for name in options.cases for version in versions))


def row(name: str, options: argparse.Namespace, version: Path | None) -> list[str]:
    """Cells of a case, run in a process of its own, with the package of this folder or of another."""
    command = [sys.executable, __file__, "--alone", name]
    command += ["--repeats", str(options.repeats), "--frames", str(options.frames), "--size", options.size]
    package = Path(__file__).resolve().parent.parent if version is None else version.resolve()
    environment = {**os.environ, "PYTHONPATH": str(package)}
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
    found = json.loads(run.stdout.splitlines()[-1])
    numbers = [str(found[key]) for key in ("atoms", "frames", "coefficients", "gate")]
    times = [f"{found['seconds'][0]:.2f} s", f"{median(found['seconds']):.2f} s"]
    return [
        name if version is None else f"{name}, before",
        *numbers,
        *times,
        f"{found['before']:.0f} MB",
        f"{found['peak']:.0f} MB",
    ]


if __name__ == "__main__":
    main()
