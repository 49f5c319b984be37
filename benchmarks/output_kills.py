"""Commands killed at random moments: is an output lost, half old and half new, or another when the command runs again?

Each command replaces an old output. It is killed (SIGKILL) at a random moment, half of the times as soon as a temporary
output is there; what is there then has to be the old or the new one. At the end each runs undisturbed.

Usage: python benchmarks/output_kills.py [--kills 200] [--folder output-kills] [--only NAME ...]
"""

import argparse
import random
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from importlib.resources import as_file, files
from pathlib import Path

FIT = "--form harmonic --train 40 --validation 5 --gate none --charges ../charges.txt --report brief"
COMMANDS = {
    "parametrize": "parametrize CCO --charges ../charges.txt --out out --overwrite",
    "fit": f"fit ../ethanol.npz {FIT} --out out --overwrite",
    "simulate": 'simulate ../model --temperature 300 --time "1 ps" --out out --overwrite',
    "compare": "compare ../model --data ../ethanol.npz --out out --overwrite",
    "export": "export ../model --system out/s.xml --structure out/s.pdb",
    "analyse": "analyse modes ../model stock --table out/modes.csv",
}


def start(folder: Path, command: str) -> subprocess.Popen:
    """Begin a command in a folder."""
    words = [sys.executable, "-m", "hybridff", *shlex.split(command)]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def content(folder: Path) -> dict[str, bytes]:
    """All files of an output."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("output-kills"))
    parser.add_argument("--only", nargs="*", default=list(COMMANDS))
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    (options.folder / "charges.txt").write_text("0.0\n" * 9, encoding="utf-8")
    with as_file(files("hybridff").joinpath("data", "ethanol.npz")) as path:
        shutil.copy(path, options.folder)
    start(options.folder, COMMANDS["fit"].replace("../", "").replace("--out out", "--out model")).wait()
    for name in options.only:
        folder, seen = options.folder / name, Counter[str]()
        (folder / "out").mkdir(parents=True)
        clock = time.perf_counter()
        assert start(folder, COMMANDS[name]).wait() == 0, name
        length, new = time.perf_counter() - clock, content(folder / "out")
        for kill in range(options.kills // len(options.only)):
            for own in new:
                (folder / "out" / own).parent.mkdir(parents=True, exist_ok=True)
                (folder / "out" / own).write_text("old", encoding="utf-8")
            run, end = start(folder, COMMANDS[name]), time.perf_counter() + random.uniform(0.3, 1.0) * length
            while run.poll() is None and time.perf_counter() < end:
                if kill % 2 and any(folder.rglob(".*")):
                    end = min(end, time.perf_counter() + 0.05 * random.random())
                time.sleep(0.001)
            run.kill()
            run.wait()
            found = content(folder / "out")
            n_old = [found.get(own) for own in new].count(b"old")
            whole = all(found.get(own) for own in new)
            seen["old" if n_old == len(new) else "new" if whole and not n_old else "half or lost"] += 1
        again = start(folder, COMMANDS[name]).wait() == 0 and set(content(folder / "out")) == set(new)
        left = [path.name for path in folder.rglob(".*")]
        print(f"{name}: {dict(seen)}; again {'whole' if again else 'NOT WHOLE'}, left {left or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
