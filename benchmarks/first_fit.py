"""What somebody waits for who fits for the first time: seconds of each part of ``hybridff fit FILE --train N --out …``.

A process of its own, with an empty cache of charges and of compiled code, reads its files from the disk's cache. A part
begins when the program says so, by what it tells its user and its progress bar. Wall time, and processor time of the
process and of the programs that it calls. ``--before`` names a folder with another version of the package, run first.

Usage: python benchmarks/first_fit.py [--set aspirin_rmd17] [--train 110] [--warm] [--before FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from first_fit_once import alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="aspirin_rmd17", help="name of a file of frames in HYBRIDFF_DATA")
    parser.add_argument("--train", type=int, default=110)
    parser.add_argument("--warm", action="store_true", help="another fit before it, so that caches are full")
    parser.add_argument("--before", type=Path, help="folder with another version of the package, run first")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(alone(options.alone, options.train)))
        return
    from shared import table  # not in the other process, whose imports are timed

    here = Path(__file__).resolve().parent.parent
    versions = {"before": options.before, "now": here} if options.before else {"now": here}
    found = {name: seconds_of_parts(version.resolve(), options) for name, version in versions.items()}
    header = ["part", *(f"{name}, {what}" for name in found for what in ("wall", "processor"))]
    parts = list(dict.fromkeys(part for own in found.values() for part in own))
    rows = [[part, *(cell for own in found.values() for cell in cells(own.get(part)))] for part in parts]
    total = [[sum(seconds) for seconds in zip(*own.values(), strict=True)] for own in found.values()]
    table(header, [*rows, ["all", *(cell for own in total for cell in cells(own))]])


def cells(seconds: list[float] | None) -> list[str]:
    """Wall and processor time of a part."""
    return ["–", "–"] if seconds is None else [f"{value:.2f} s" for value in seconds]


def seconds_of_parts(package: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    """Wall and processor seconds of each part, by the package of some folder."""
    from shared import DATA

    command = [sys.executable, __file__, "--alone", str(DATA / f"{options.set}.npz"), "--train", str(options.train)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": str(package), "HYBRIDFF_CACHE": cache, "NUMBA_CACHE_DIR": cache}
        for _ in range(2 if options.warm else 1):
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
    return json.loads(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
