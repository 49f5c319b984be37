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
import time
from dataclasses import replace
from pathlib import Path


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


class Parts:
    """Times of the parts of a computation, each of which begins when it is named."""

    def __init__(self, name: str) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._name, self._since = name, self._now()

    def begin(self, name: str) -> None:
        """The part before has come to its end."""
        now = self._now()
        known = self.seconds.setdefault(self._name, [0.0, 0.0])
        self.seconds[self._name] = [one + t - since for one, t, since in zip(known, now, self._since, strict=True)]
        self._name, self._since = name, now

    @staticmethod
    def _now() -> list[float]:
        times = os.times()
        return [time.perf_counter(), times.user + times.system + times.children_user + times.children_system]


def alone(data: Path, train: int) -> dict[str, list[float]]:
    """Wall and processor seconds of each part of a fit, from the import on."""
    parts = Parts("import")
    # Their import is what is measured.
    from hybridff.cli import app, fitting  # noqa: F401
    from hybridff.gaff.atomtypes import assign_types
    from hybridff.gaff.charges import assign_charges
    from hybridff.jobs.fitting import fit_data
    from hybridff.jobs.job import FitJob
    from hybridff.jobs.reading import read_data, split_frames
    from hybridff.report.documents import fit_document
    from hybridff.report.sections import fit_page_sections
    from hybridff.workflows.fits import FitRun, write_fitted

    def say(sentence: str) -> None:
        if "gate" in sentence or "not stable" in sentence:
            parts.begin("stability gate" if "gate" in sentence else "rows and fit")

    def reporting(_fraction: float, what: str = "", /) -> None:
        parts.begin(f"report: {what}" if what else "report: other sections")

    parts.begin("read and check")
    job = FitJob.of(train=train)
    (read,) = read_data([data], None, job.reading)
    rows = split_frames(read.frames, job.split)
    lowest = rows.train[read.frames.energies[rows.train].argmin()]
    placed = replace(read.molecule, positions=read.frames.positions[lowest])
    parts.begin("types")
    assign_types(placed, job.starting.gaff)
    parts.begin("charges")  # kept on disk, as types are, so that the fit has them
    assign_charges(placed, job.starting.charges)
    parts.begin("rows and fit")
    run = FitRun(job, (data,), tuple(fit_data([read], job, say=say)))
    parts.begin("report: other sections")
    (page,) = fit_page_sections(run.molecules, run.files, "model", reporting)
    parts.begin("report: summary and files")
    document = fit_document(run.molecules[0], page)
    with tempfile.TemporaryDirectory() as folder:
        write_fitted(run.molecules[0], document, Path(folder))
    parts.begin("end")
    return parts.seconds


if __name__ == "__main__":
    main()
