"""Force fields, refits and machine-learned potentials on the same frames: accuracy, times, speed, stability.

Everything is measured one after the other on this machine, by what ``hybridff compare`` calls: stock GAFF, UFF, MMFF94,
GFN2-xTB; refits by ``hybridff fit`` (harmonic, morse, class2, class2 + kernel of up to 200 points); the program sgdml,
GAP and a small MACE (``pip install hybridff[compare]``), trained on the same frames. What is not installed, or does not
fit into memory, has a row that says so.

Fits and finished rows are kept in a folder, so that what was stopped goes on; rows of other options are not mixed.

Usage: python scripts/table_comparison.py [--folder table-comparison] [--sets ethanol_rmd17 …] [--train 110 1000]
                                          [--rows harmonic mace …] [--minutes 5] [--time-limit 60]
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter, strftime

from hybridff.comparison.options import TRAINED, ComparisonOptions, MACEOptions, TrainingOptions
from hybridff.comparison.present import explanation, picture_of, remarks, table
from hybridff.comparison.quantities import Row
from hybridff.comparison.run import Comparison, Task, machine, prepare
from hybridff.document.blocks import Document, Section
from hybridff.export.modelfile import FILE_NAME, read_model
from hybridff.jobs.reading import read_data
from hybridff.output import new_file

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SETS = ("ethanol_rmd17", "aspirin_rmd17")
FITS = {
    "harmonic": ("--form", "harmonic"),
    "morse": ("--form", "morse"),
    "class2": ("--form", "class2"),
    "class2 + kernel": ("--form", "class2", "--correction", "all", "--points", "200"),
}
DEVICE = ("--device", "cpu")
"""Of all fits: the other programs train on the processor."""
OTHERS = {"stock GAFF": "stock", "UFF": "uff", "MMFF94": "mmff94", "GFN2-xTB": "gfn2-xtb"}
OTHERS |= {"sgdml": "sgdml", "GAP": "gap", "MACE": "mace"}
ROWS = (*FITS, *OTHERS)
VALIDATION, LEAST_TEST = 50, 80
_FIRST = "harmonic"
"""The fit whose frames are those of all."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("table-comparison"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--train", nargs="+", type=int, default=(110, 1000))
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--test", type=int, default=300, help="test frames at most")
    parser.add_argument("--minutes", type=float, default=5.0, help="that MACE trains")
    parser.add_argument("--time", default="20 ps", help="of each run of hot dynamics")
    parser.add_argument("--time-limit", type=float, default=60.0, help="for all hot dynamics of a row [s]")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each set and size")
    options = parser.parse_args()
    measuring = ComparisonOptions(time=options.time, time_limit=options.time_limit)
    training = TrainingOptions(mace=MACEOptions(minutes=options.minutes))
    for name in options.sets:
        for size in sizes(name, options.train):
            one(name, size, measuring, training, options)


def sizes(name: str, wanted: list[int]) -> list[int]:
    """Training frames, as many of them as leave enough for the rest."""
    (data,) = read_data([DATA / f"{name}.npz"])
    most = len(data.frames) - VALIDATION - LEAST_TEST
    return sorted({min(size, most) for size in wanted})


def one(
    name: str, size: int, measuring: ComparisonOptions, training: TrainingOptions, options: argparse.Namespace
) -> None:
    """Measure what is missing of one set and size, and print its table."""
    place = options.folder / f"{name}-{size}"
    first = fitted(_FIRST, name, size, place)
    (data,) = read_data([DATA / f"{name}.npz"], read_model(first).force_field.molecule)
    task, _ = prepare(first, data, measuring, training, folder=place / "trained")
    task = replace(task, split=task.split._replace(test=task.split.test[: options.test]))
    rows = [row_of(row, name, size, task, place) for row in options.rows]
    comparison = Comparison(
        f"{name}", size, len(task.split.validation), tuple(rows), measuring, training, machine=machine()
    )
    section = Section(
        f"{name}, {size} training frames", (*explanation(comparison), *remarks(comparison)), table(comparison)
    )
    print(Document("", (section,)).markdown().removeprefix("# \n\n"), flush=True)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
        (options.pictures / f"comparison-{name}-{size}.png").write_bytes(picture_of(comparison))


def fitted(row: str, name: str, size: int, place: Path) -> Path:
    """The folder of a fit, which is made if it is not there."""
    options = " ".join((*FITS[row], *DEVICE))
    folder = place / f"{row.replace(' + ', '-')}-{hashlib.sha256(options.encode()).hexdigest()[:8]}"
    if not (folder / FILE_NAME).is_file():
        say(f"{name}, {size} frames: {row} is fitted")
        command = [sys.executable, "-m", "hybridff", "fit", str(DATA / f"{name}.npz"), *FITS[row], *DEVICE]
        command += ["--train", str(size), "--validation", str(VALIDATION), "--out", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def row_of(row: str, name: str, size: int, task: Task, place: Path) -> Row:
    """A row of an earlier run with the same options on a machine like this, or a new one."""
    what = str(fitted(row, name, size, place)) if row in FITS else OTHERS[row]
    own = asdict(getattr(task.training, what)) if what in TRAINED else {}
    about = [row, FITS.get(row), asdict(task.options), own, len(task.split.test), machine()]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    path = place / "rows" / f"{row.replace(' + ', '-').replace(' ', '-')}-{digest}.json"
    if path.is_file():
        return Row.from_json(json.loads(path.read_text(encoding="utf-8")))
    begin = perf_counter()
    shutil.rmtree(task.folder / digest, ignore_errors=True)  # of a run that was stopped
    found = replace(task, folder=task.folder / digest).row(what, row)
    say(f"{name}, {size} frames: {row} in {perf_counter() - begin:.0f} s")
    if found.errors is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as temporary:
            temporary.write_text(json.dumps(found.to_json(), indent=2), encoding="utf-8")
    return found


def say(text: str) -> None:
    print(f"{strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
