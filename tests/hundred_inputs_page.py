"""Print, as Markdown, what comes of a hundred odd inputs: the table of docs/results/odd-inputs.md, and its counts.

Every command runs in a process and a folder of its own. Names of some inputs as arguments run these alone.

    python tests/hundred_inputs_page.py
"""

import contextlib
import importlib
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from bad_inputs import make_material, run
from bad_inputs_page import cell
from hundred_inputs import HUNDRED, Odd

KINDS = ("right", "refused", "misleading", "wrong", "traceback", "ended")
SECONDS = 120
"""Time of a processor that a command may take."""


def came_of(case: Odd, folder: Path, answer: Connection) -> None:
    """Run a case, and send the kind of its outcome and what the command said."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    with contextlib.chdir(folder):
        case.prepare()
        try:
            found = run(case.command, case.patch)
        except Exception as error:  # noqa: BLE001 (any that escapes is what is looked for)
            answer.send(("traceback", f"{type(error).__name__}: {error}"))
        else:
            said = found.stderr or "\n".join(line for line in found.stdout.splitlines() if line.startswith("Note"))
            answer.send(
                (
                    case.outcome(found),
                    said.replace(str(folder), "…").replace("\n", " ").strip().removeprefix("hybridff: "),
                )
            )


def child(case: Odd, folder: Path) -> tuple[str, str]:
    """The outcome of a case in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=came_of, args=(case, folder, theirs))
    process.start()
    theirs.close()
    with contextlib.suppress(EOFError):
        return ours.recv()
    return "ended", f"the process ended or took more than {SECONDS} s"


def main() -> None:
    for command in ("analysing", "fitting", "labelling", "openmm_commands", "sample_command"):
        importlib.import_module(f"hybridff.cli.{command}")  # once for all processes
    chosen = [case for case in HUNDRED if not sys.argv[1:] or case.what in sys.argv[1:]]
    counts: dict[str, Counter[str]] = {"before": Counter(), "now": Counter()}
    with tempfile.TemporaryDirectory() as name:
        material = Path(name) / "material"
        material.mkdir()
        os.environ["HYBRIDFF_CACHE"] = str(Path(name) / "cache")
        make_material(material)
        print("| input | command | before | now | answer |\n| --- | --- | --- | --- | --- |")
        for number, case in enumerate(chosen):
            shutil.copytree(material, folder := Path(name) / f"case{number}")
            kind, said = child(case, folder)
            print(f"| {cell(case.what)} | `{case.command}` | {case.first} | {kind} | {cell(said)} |", flush=True)
            counts["before"][case.first] += 1
            counts["now"][kind] += 1
    print("\n|  |", " | ".join(KINDS), "|\n| --- |", " | ".join("---" for _ in KINDS), "|")
    for when, found in counts.items():
        print(f"| {when} |", " | ".join(str(found[kind]) for kind in KINDS), "|")


if __name__ == "__main__":
    main()
