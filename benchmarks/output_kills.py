"""Commands disturbed at random moments: is an output lost, half old and half new, or another when they run again?

Each command replaces an old output, or goes on with what is there (label, make). It is killed (SIGKILL) at a random
moment or as soon as a temporary output is there, ended (SIGTERM), interrupted twice, or run by two processes of which
one is killed. What is there then has to be the old or the new one, whole; what goes on has to end with the numbers of
an undisturbed run. Each line says how the runs of a command ended.

Usage: python benchmarks/output_kills.py [--kills 200] [--folder output-kills] [--only NAME ...]
"""

import argparse
from collections import Counter
from pathlib import Path

from kill_cases import COMMANDS, DISTURBANCES, ENDED, GO_ON, Run, begin, digests, disturbed, prepare, state, undisturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("output-kills"))
    parser.add_argument("--only", nargs="*", default=list(COMMANDS))
    own = parser.parse_args()
    prepare(own.folder)
    for name in own.only:
        folder, seen, goes_on = own.folder / name.replace(" ", ""), Counter[str](), name in GO_ON
        length, new, same = undisturbed(folder, name)
        ended = True
        for kill in range(-(-own.kills // len(own.only))):
            if not goes_on or ended:
                begin(folder, name)
            for part in () if goes_on else new:
                (folder / "out" / part).parent.mkdir(parents=True, exist_ok=True)
                (folder / "out" / part).write_text("old", encoding="utf-8")
            old = next(iter(digests(folder / "out").values()), "")
            how = DISTURBANCES[kill % len(DISTURBANCES)]
            codes = disturbed(folder, COMMANDS[name], how, length)
            seen.update(f"EXIT {code} after {how}" for code in codes if code not in ENDED)
            said = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
            seen.update([f"TRACEBACK after {how}: {said.splitlines()[-1]}"] if "Traceback" in said else [])
            found, ended = digests(folder / "out"), 0 in codes
            whole = "goes on" if not ended else "ended" if all(found.get(own) == new[own] for own in same) else "OTHER"
            seen[whole if goes_on else state(found, new, old)] += 1
        assert Run.start(folder, COMMANDS[name]).wait() == 0, (folder / "stderr.txt").read_text(encoding="utf-8")
        again = digests(folder / "out")
        other = sorted(part for part in same if again.get(part) != new[part]) + sorted(set(again) ^ set(new))
        left = [path.name for path in folder.rglob(".*")]
        print(f"{name}: {dict(seen)}; again other: {other or 'nothing'}, left {left or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
