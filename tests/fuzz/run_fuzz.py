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


def batch(name: str, begin: int, end: int) -> None:
    """Print what came of damaged files, a line for each: number, outcome, and how it failed."""
    from readers import good_file, outcome

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as place:
        content = good_file(name, Path(place))
        for number in range(begin, end):
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                found = outcome(name, content, number, Path(place))
            except Exception as error:  # noqa: BLE001 (this is what is looked for)
                where = traceback.extract_tb(error.__traceback__)[-1]
                reason = f"{type(error).__name__}: {error!s:.120} ({Path(where.filename).name}:{where.lineno})"
                found = "failed\t" + reason.replace("\n", " ").replace("\t", " ").encode("ascii", "replace").decode()
            sys.stderr.write(f"{number}\t{found}\n")  # not standard output, which libraries write to
            sys.stderr.flush()
        faulthandler.cancel_dump_traceback_later()


def run(name: str, begin: int, end: int, log: Path) -> None:
    """Read damaged files, each batch in a process of its own, and add to the log; a crash counts for its file."""
    while begin < end:
        stop = min(begin + BATCH, end)
        command = [sys.executable, __file__, "--batch", name, str(begin), str(stop)]
        child = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        lines = [line for line in child.stderr.splitlines() if line.partition("\t")[0].isdecimal()]
        begin = stop if not child.returncode else begin + len(lines) + 1
        if child.returncode:
            tail = " ".join(child.stderr[-1000:].split())
            lines.append(f"{begin - 1}\tcrashed or hung\tended with {child.returncode}: {tail}")
        with log.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}\t{line}\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="damaged files of each kind")
    parser.add_argument("--readers", nargs="*")
    parser.add_argument("--begin", type=int, default=100_000, help="number of the first")
    parser.add_argument("--log", type=Path, default=Path("fuzz.log"))
    parser.add_argument("--table", action="store_true", help="only print the table of the log")
    parser.add_argument("--batch", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.batch:
        batch(given.batch[0], int(given.batch[1]), int(given.batch[2]))
        return
    from readers import READERS

    known = [line.split("\t") for line in given.log.read_text("utf-8").splitlines()] if given.log.is_file() else []
    last = {line[0]: int(line[1]) + 1 for line in known}
    for name in () if given.table else given.readers or READERS:
        run(name, max(given.begin, last.get(name, 0)), given.begin + given.files, given.log)
    lines = [line.split("\t") for line in given.log.read_text("utf-8").splitlines()]
    for name in READERS:
        counts = collections.Counter(line[2] for line in lines if line[0] == name)
        print(f"| {name} | {' | '.join(str(counts[key]) for key in COLUMNS)} |")
    print(f"{len(lines)} files; failed:", *sorted({" ".join(own) for own in lines if len(own) > 3}), sep="\n")


sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

if __name__ == "__main__":
    main()
