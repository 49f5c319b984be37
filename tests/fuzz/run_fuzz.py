"""Damage files for a time, in child processes that may crash or hang, and print a table of what came of them.

python tests/fuzz/run_fuzz.py --minutes 60 [--readers npz SDF] [--begin 100000]
"""

import argparse
import collections
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

MEMORY, PATIENCE, BATCH = 12 * 2**30, 60, 400


def batch(name: str, begin: int, folder: Path) -> None:
    """Print what came of one batch of damaged files, a line of JSON for each kind or failure."""
    from readers import good_file, outcome

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    content, counts = good_file(name, folder), collections.Counter[str]()
    for number in range(begin, begin + BATCH):
        print(json.dumps({"at": number}), flush=True)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            counts[outcome(name, content, number, folder)] += 1
        except Exception as error:  # noqa: BLE001 (this is what is looked for)
            where = traceback.extract_tb(error.__traceback__)[-1]
            failure = f"{type(error).__name__}: {str(error)[:120]} ({Path(where.filename).name}:{where.lineno})"
            print(json.dumps({"failed": number, "how": failure}), flush=True)
            counts["failed"] += 1
    print(json.dumps({"counts": counts, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--readers", nargs="*")
    parser.add_argument("--begin", type=int, default=100_000)
    parser.add_argument("--batch", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.batch:
        batch(given.batch[0], int(given.batch[1]), Path(given.batch[2]))
        return
    from readers import READERS

    names = given.readers or list(READERS)
    totals: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in names}
    end, begin = time.monotonic() + 60 * given.minutes, given.begin
    while time.monotonic() < end:
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, __file__, "--batch", name, str(begin), folder]
                run = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
            lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
            for line in lines:
                totals[name].update(line.get("counts", {}))
                totals[name]["MiB"] = max(totals[name]["MiB"], line.get("peak", 0))
                if "failed" in line:
                    print(f"{name} {line['failed']}: {line['how']}", flush=True)
            if run.returncode:
                print(
                    f"{name} {lines[-1] if lines else ''}: ended with {run.returncode}\n{run.stderr[-1500:]}",
                    flush=True,
                )
                totals[name]["crashed or hung"] += 1
        begin += BATCH
    for name, counts in totals.items():
        print(f"| {name} | {' | '.join(str(counts[key]) for key in COLUMNS)} |")


COLUMNS = ("read", "refused", "failed", "crashed or hung", "MiB")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

if __name__ == "__main__":
    main()
