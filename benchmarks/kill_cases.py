"""Commands that write, runs of them that are disturbed, and what they leave."""

import hashlib
import os
import random
import runpy
import shlex
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

import hybridff.workflows.making  # noqa: F401
from hybridff.frames.geometry_files import write_geometries
from hybridff.frames.reading import read_frames

FIT = "--form harmonic --train 40 --validation 5 --gate none --charges ../charges.txt --report brief"
QUICK = "--pretrain none --budget 8 --gate none --report brief --processes 1"
SET = Path(__file__).resolve().parents[1] / "forcefields" / "alkanes"
COMMANDS = {
    "parametrize": "parametrize CCO --charges ../charges.txt --out out --overwrite",
    "fit": f"fit ../ethanol.npz {FIT} --out out --overwrite",
    "correct": "correct ../model ../ethanol.npz --correction 1,2,3 --gate none --report brief --out out --overwrite",
    "evaluate": "evaluate ../model ../ethanol.npz --json out/errors.json",
    "simulate": 'simulate ../model --temperature 300 --time "1 ps" --out out --overwrite',
    "sample": "sample CCO --charges ../charges.txt --frames 8 --by conformers dynamics --out out/frames.xyz",
    "compare": "compare ../model --data ../ethanol.npz --out out --overwrite",
    "export": "export ../model --system out/s.xml --structure out/s.pdb",
    "export --amber": "export ../model --amber out/a.prmtop",
    "analyse": "analyse modes ../model stock --table out/modes.csv",
    "export --gromacs": "export ../model --gromacs out/g.top",
    "apply": f"apply {SET} CCC --charges ../propane.txt --out out --overwrite",
    "mix": "mix ../model.xml ../model.pdb ../model --out out/mixed.xml",
    "pieces": "pieces CC(=O)NCC(=O)NCC(=O)NCC(=O)NCC(=O)NC --out out/pieces.smi",
    "demo": "demo --report brief --out out --overwrite",
    "label": "label ../few.xyz --level gfn2-xtb --processes 1 --out out",
    "make": f"make CO --level gfn2-xtb --charges ../methanol.txt {QUICK} --out out",
    "extend": "extend out --budget 8",
}
"""Commands by name; those of ``GO_ON`` go on with what is there, all others replace it."""
GO_ON = {"label": None, "make": None, "extend": "made"}
"""What commands that go on begin with: nothing, or a copy of a folder."""
DISTURBANCES = ("SIGKILL", "SIGKILL while writing", "SIGTERM", "SIGINT twice", "two processes, one SIGKILL")
ENDED = (0, -signal.SIGKILL, 128 + signal.SIGINT, 128 + signal.SIGTERM)
"""Exit codes that a disturbed run may have; less than zero by a signal."""


@dataclass
class Run:
    """A command in a process of its own."""

    pid: int
    code: int | None = None

    @classmethod
    def start(cls, folder: Path, command: str) -> "Run":
        """Begin a command in a folder, in a fork of this process, which has loaded the package already."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return cls(pid)
        try:
            os.chdir(folder)
            for number, name in ((0, os.devnull), (1, os.devnull), (2, "stderr.txt")):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), number)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.argv = ["hybridff", *shlex.split(command)]
            runpy.run_module("hybridff", run_name="__main__", alter_sys=True)
            os._exit(0)
        except SystemExit as stop:
            os._exit(stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1)
        except BaseException:  # noqa: BLE001 (an exception that left the program)
            traceback.print_exc()
            os._exit(70)

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self) -> int:
        """Wait for its end."""
        while self.poll() is None:
            time.sleep(0.005)
        assert self.code is not None
        return self.code

    def send(self, *numbers: int) -> None:
        """Send signals, one right after the other."""
        for number in numbers:
            if self.poll() is None:
                os.kill(self.pid, number)
                time.sleep(0.002)


def disturbed(folder: Path, command: str, how: str, length: float) -> list[int]:
    """Run a command that takes some time [s] and disturb it at a random moment; exit codes of its processes."""
    runs = [Run.start(folder, command) for _ in range(2 if how.startswith("two") else 1)]
    end = time.perf_counter() + random.uniform(0.05, 1.0) * length
    while runs[0].poll() is None and time.perf_counter() < end:
        if "writing" in how and any(folder.rglob(".*")):
            end = min(end, time.perf_counter() + 0.05 * random.random())
        time.sleep(0.001)
    signals = {"SIGTERM": (signal.SIGTERM,), "SIGINT twice": (signal.SIGINT, signal.SIGINT)}
    runs[0].send(*signals.get(how, (signal.SIGKILL,)))
    return [run.wait() for run in runs]


def digests(folder: Path) -> dict[str, str]:
    """Hashes of all files of an output; of arrays without the time that they took."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    if path.suffix != ".npz":
        return path.read_bytes()
    with np.load(path) as arrays:
        parts: list[Any] = [arrays[name].tobytes() for name in sorted(arrays.files) if name != "seconds"]
    return b"".join(parts)


def prepare(folder: Path) -> None:
    """Inputs of all commands: charges, frames, and a model."""
    folder.mkdir(parents=True)
    (folder / "charges.txt").write_text("0.0\n" * 9, encoding="utf-8")
    (folder / "methanol.txt").write_text("0.0\n" * 6, encoding="utf-8")
    (folder / "propane.txt").write_text("0.0\n" * 11, encoding="utf-8")
    (folder / "ethanediol.txt").write_text("0.0\n" * 10, encoding="utf-8")
    with as_file(files("hybridff").joinpath("data", "ethanol.npz")) as path:
        shutil.copy(path, folder)
        frames = read_frames(path)
    write_geometries(folder / "few.xyz", frames.molecule(), frames.positions[:6], [("data", None)] * 6)
    for command in (
        f"fit ethanol.npz {FIT.replace('../', '')} --out model",
        "export model --system model.xml --structure model.pdb",
        f"make OCCO --level gfn2-xtb --charges ethanediol.txt {QUICK} --out made",
    ):
        assert Run.start(folder, command).wait() == 0, (folder / "stderr.txt").read_text(encoding="utf-8")


def begin(folder: Path, name: str) -> None:
    """Put an output into a folder as it is before a command begins."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    if made := GO_ON.get(name):
        shutil.copytree(folder.parent / made, folder / "out")
    else:
        (folder / "out").mkdir(parents=True)


def undisturbed(folder: Path, name: str) -> tuple[float, dict[str, str], set[str]]:
    """Time of a command [s], hashes of its files, and which of them are the same in two runs."""
    found, command = [], COMMANDS[name]
    for _ in range(2):
        begin(folder, name)
        clock = time.perf_counter()
        assert Run.start(folder, command).wait() == 0, (folder / "stderr.txt").read_text(encoding="utf-8")
        length = time.perf_counter() - clock
        found.append(digests(folder / "out"))
    return length, found[1], {name for name in found[0] if found[0][name] == found[1].get(name)}


def state(found: dict[str, str], new: dict[str, str], old: str) -> str:
    """What an output that is replaced has become."""
    n_old = [found.get(name) for name in new].count(old)
    if n_old == len(new):
        return "old"
    return "new" if set(new) <= set(found) and not n_old else "HALF OR LOST"
