"""Growth of time and memory of class II fits with the atoms of a molecule, and with the molecules of a set.

Chains of alkanes, ten frames each of dynamics by stock GAFF at 500 K, labelled with its energies and forces: their
times mean something, their accuracy does not. Sets are the first molecules of ``qm7x_200x10``, their frames with intact
bonds, rows by environment. No stability gate; every fit in a process of its own.

Usage: python benchmarks/fit_growth.py [--atoms 20 50 80 110 140 200] [--molecules 10 25 50 100 200] [--frames 10]
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import torch
from fit_growth_once import chain, molecules
from shared import options_of, table

HEADER = ("molecules", "atoms", "frames", "rows", "kept", "before the fit", "fit", "memory before", "peak memory")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--atoms", nargs="*", type=int, default=(20, 50, 80, 110, 140, 200), help="of one chain")
    parser.add_argument("--molecules", nargs="*", type=int, default=(10, 25, 50, 100, 200), help="of a set")
    parser.add_argument("--frames", type=int, default=10, help="of each chain")
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        kind, number = options.alone
        found = (
            chain(int(number), options.frames, options.size)
            if kind == "chain"
            else molecules(int(number), options.size)
        )
        print(json.dumps(found))
        return
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores, {options.size}\n")
    table(HEADER, rows(options))


def rows(options: argparse.Namespace) -> Iterator[list[str]]:
    """A row for each chain and each set."""
    wanted = [("chain", n) for n in options.atoms] + [("set", n) for n in options.molecules]
    for kind, number in wanted:
        command = [sys.executable, __file__, "--alone", kind, str(number), "--size", options.size]
        command += ["--frames", str(options.frames)]
        run = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
        if run.returncode:
            yield [kind, str(number), f"ended with {run.returncode}", *[""] * (len(HEADER) - 3)]
            continue
        found = json.loads(run.stdout.splitlines()[-1])
        counts = [str(found[key]) for key in ("molecules", "atoms", "frames", "rows", "kept")]
        times = [f"{found[key]:.1f} s" for key in ("building", "seconds")]
        yield [*counts, *times, f"{found['before']:.0f} MB", f"{found['peak']:.0f} MB"]


if __name__ == "__main__":
    main()
