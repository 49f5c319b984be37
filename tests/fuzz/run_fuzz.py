"""Damage files, in child processes that may crash or hang, and print a table of what came of them.

What came of each file is a line of the log, from which the table is made: a run that was stopped goes on.

python tests/fuzz/run_fuzz.py --files 12000 [--readers npz SDF] [--begin 100000] [--log fuzz.log] [--table]
"""

import argparse
import collections
import faulthandler
import resource
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

MEMORY, PATIENCE, BATCH = 12 * 2**30, 120, 6000
COLUMNS = ("read", "refused", "failed", "crashed or hung")


def batch(name: str, begin: int, end: int, log: Path) -> None:
    """Add to the log what came of damaged files, a line for each: kind, number, outcome, and how it failed."""
    from readers import good_file, outcome

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as place, log.open("a", encoding="utf-8", buffering=1) as file:
        content = good_file(name, Path(place))
        for number in range(begin, end):
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                found = outcome(name, content, number, Path(place))
            except Exception as error:  # noqa: BLE001 (this is what is looked for)
                where = traceback.extract_tb(error.__traceback__)[-1]
                reason = f"{type(error).__name__}: {error!s:.120} ({Path(where.filename).name}:{where.lineno})"
                found = "failed\t" + reason.replace("\n", " ").replace("\t", " ").encode("ascii", "replace").decode()
            file.write(f"{name}\t{number}\t{found}\n")
        faulthandler.cancel_dump_traceback_later()


def run(name: str, begin: int, end: int, log: Path) -> None:
    """Read damaged files, each batch in a process of its own, and add to the log; a crash counts for its file."""
    while begin < end:
        stop = min(begin + BATCH, end)
        command = [sys.executable, __file__, "--batch", name, str(begin), str(stop), str(log)]
        child = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if child.returncode:
            begin = max(next_of(log).get(name, 0), begin) + 1
            tail = " ".join(child.stderr[-1000:].split())
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{name}\t{begin - 1}\tcrashed or hung\tended with {child.returncode}: {tail}\n")
        else:
            begin = stop


def lines_of(log: Path) -> list[list[str]]:
    """The lines of a log in their parts."""
    return [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []


def next_of(log: Path) -> dict[str, int]:
    """The number after the last one that was tried, by kinds."""
    return {line[0]: int(line[1]) + 1 for line in lines_of(log)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="damaged files of each kind")
    parser.add_argument("--readers", nargs="*")
    parser.add_argument("--begin", type=int, default=100_000, help="number of the first")
    parser.add_argument("--log", type=Path, default=Path("fuzz.log"))
    parser.add_argument("--table", action="store_true", help="only print the table of the log")
    parser.add_argument("--batch", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.batch:
        batch(given.batch[0], int(given.batch[1]), int(given.batch[2]), Path(given.batch[3]))
        return
    from readers import READERS

    last = next_of(given.log)
    for name in () if given.table else given.readers or READERS:
        run(name, max(given.begin, last.get(name, 0)), given.begin + given.files, given.log)
    lines = lines_of(given.log)
    for name in READERS:
        counts = collections.Counter(line[2] for line in lines if line[0] == name)
        print(f"| {name} | {' | '.join(str(counts[key]) for key in COLUMNS)} |")
    print(f"{len(lines)} files; failed:", *sorted({" ".join(own) for own in lines if len(own) > 3}), sep="\n")


sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

if __name__ == "__main__":
    main()
