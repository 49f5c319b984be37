"""Force fields, refits and machine-learned potentials on the same frames: accuracy, times, speed, stability.

Everything is measured one after the other on this machine, by what ``hybridff compare`` calls: stock GAFF, UFF, MMFF94,
GFN2-xTB; refits by ``hybridff fit`` (harmonic, morse, class2, class2 + kernel of up to 200 points); the program sgdml,
GAP and a small MACE (``pip install hybridff[compare]``), trained on the same frames. What is not installed, or does not
fit into memory, has a row that says so.

Fits and finished rows are kept in a folder, so that what was stopped goes on; rows of other options are not mixed.

Usage: python scripts/table_comparison.py [--folder table-comparison] [--sets ethanol_rmd17 …] [--train 110 1000]
                                          [--rows harmonic mace …] [--minutes 5] [--time-limit 60]
"""

import sys
from functools import partial
from pathlib import Path

from common import DATA, options_of, write

from hybridff.comparison.kept_rows import ResumableComparison
from hybridff.comparison.options import ComparisonOptions, MACEOptions, TrainingOptions
from hybridff.comparison.run import ComparisonJob
from hybridff.document.blocks import Document, Section
from hybridff.jobs.reading import read_data

SETS = ("ethanol_rmd17", "aspirin_rmd17")
FITS = {
    "harmonic": ("--form", "harmonic"),
    "morse": ("--form", "morse"),
    "class2": ("--form", "class2"),
    "class2 + kernel": ("--form", "class2", "--correction", "all", "--points", "200"),
}
OTHERS = {"stock GAFF": "stock", "UFF": "uff", "MMFF94": "mmff94", "GFN2-xTB": "gfn2-xtb"}
OTHERS |= {"sgdml": "sgdml", "GAP": "gap", "MACE": "mace"}
ROWS = (*FITS, *OTHERS)
VALIDATION, LEAST_TEST = 50, 80


def main() -> None:
    parser = options_of(__doc__)
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
    job = ComparisonJob(options=measuring, training=TrainingOptions(mace=MACEOptions(minutes=options.minutes)))
    tell = partial(print, file=sys.stderr, flush=True)
    for name in options.sets:
        file = DATA / f"{name}.npz"
        for size in sizes(file, options.train):
            folder = options.folder / f"{name}-{size}"
            kept = ResumableComparison(file, size, VALIDATION, options.test, FITS, OTHERS, folder, job, tell)
            comparison = kept.comparison(options.rows)
            sentences = tuple(comparison.sentences())
            section = Section(f"{name}, {size} training frames", sentences, comparison.table())
            print(Document("", (section,)).markdown().removeprefix("# \n\n"), flush=True)
            if options.pictures is not None:
                write(options.pictures / f"comparison-{name}-{size}.png", comparison.picture())


def sizes(file: Path, wanted: list[int]) -> list[int]:
    """Training frames, as many of them as leave enough for the rest."""
    (data,) = read_data([file])
    return sorted({min(size, len(data.frames) - VALIDATION - LEAST_TEST) for size in wanted})


if __name__ == "__main__":
    main()
