"""Processor time of what every use of the package pays: its import and its shortest commands, beside other imports.

Every run is a process of its own; runs of all commands are done in turn, and medians printed, so that whatever else the
machine does slows all alike. The time is user and system time of the process and its children.

Usage: python benchmarks/import_time.py [--repeats 5]
"""

import resource
import subprocess
import sys
from statistics import median

from shared import options_of, table

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import numpy": ("-c", "import numpy"),
    "import rdkit": ("-c", "from rdkit import Chem"),
    "import torch": ("-c", "import torch"),
    "import hybridff": ("-c", "import hybridff"),
    "hybridff --version": ("-m", "hybridff", "--version"),
    "hybridff --help": ("-m", "hybridff", "--help"),
}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(options.repeats + 1):
        for name, arguments in COMMANDS.items():
            seconds = processor_time([sys.executable, *arguments])
            if turn:  # the first reads the files from the disk
                times[name].append(seconds)
    nothing = median(times["python -c pass"])
    print(f"Processor time of {options.repeats} runs in turn: median, least, and median above that of Python alone.\n")
    rows = [
        [name, *(f"{value:.2f} s" for value in (median(own), min(own), median(own) - nothing))]
        for name, own in times.items()
    ]
    table(("command", "median", "least", "above Python"), rows)


def processor_time(command: list[str]) -> float:
    """User and system time of a command [s]; fails where it does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
