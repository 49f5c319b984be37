"""Labels by processes and clusters; the level is a calculator that writes down what it is asked."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bad_inputs import run
from models import distorted, molecule

from hybridff.errors import InputError
from hybridff.frames.label_folder import LabelFolder
from hybridff.frames.reading import read_frames
from hybridff.jobs.options import DataOptions
from hybridff.jobs.reading import read_data
from hybridff.workflows.labelling import LabelOptions, label_frames

COUNT = 24
LEVEL = "slow_springs:Springs"
SPRINGS = """
import glob, os, time
import numpy as np
from ase.calculators.calculator import Calculator

class Springs(Calculator):
    implemented_properties = ["energy", "forces"]

    def __init__(self, wait=0.05):
        super().__init__()
        self.wait = wait

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        time.sleep(self.wait)
        while os.path.exists("hold") or (os.path.exists("hold after 3") and len(glob.glob("out/*.npz")) >= 3):
            time.sleep(0.02)
        x = self.atoms.positions
        energy = float(np.sum((x - x.mean(0)) ** 2))
        with open("asked", "a") as file:
            file.write(f"{energy:.8f} {os.getpid()}\\n")
        if os.path.exists("fail"):
            with open("fail") as file:
                if energy > float(file.read()):
                    raise RuntimeError("too far")
        self.results = {"energy": energy, "forces": -2 * (x - x.mean(0))}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has the level and frames of ethanol."""
    monkeypatch.chdir(tmp_path)
    Path("slow_springs.py").write_text(SPRINGS, encoding="utf-8")
    ethanol = molecule("ethanol")
    frames = distorted("ethanol", COUNT, width=0.003) * 10
    np.savez("e.npz", z=ethanol.numbers, R=frames, r_unit="Ang", smiles=str(ethanol.smiles), name="ethanol")
    monkeypatch.delitem(sys.modules, "slow_springs", raising=False)


def asked() -> list[str]:
    """Energies of what the level was asked, in the order of asking."""
    return [line.split()[0] for line in Path("asked").read_text(encoding="utf-8").splitlines()]


def finished(folder: str = "out") -> list[Path]:
    """Files of labels that are whole; the hidden ones are being written."""
    return [path for path in Path(folder).glob("*.npz") if not path.name.startswith(".")]


def owners(folder: str = "out") -> list[int]:
    """Processes that have a claim."""
    found = []
    for path in Path(folder).glob("*.claim.*"):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        found += [int(json.loads(text)["pid"])] if text else []
    return found


def check_labels(folder: str = "out") -> None:
    """All frames are there, once, with the numbers of the level."""
    found = read_frames(folder)
    assert len(found) == COUNT
    assert found.forces is not None
    x = found.positions * 10
    own = x - x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.energies, np.sum(own**2, axis=(1, 2)) * 96.48533212331, rtol=1e-9)
    np.testing.assert_allclose(found.forces, -2 * own * 964.8533212331, rtol=1e-6, atol=1e-6)
    assert not list(Path(folder).glob("*.claim.*"))


def test_processes_that_are_killed_lose_what_they_are_at_and_nothing_else() -> None:
    killed: list[int] = []

    def kill(fraction: float, what: str = "", /) -> None:
        new = [pid for pid in owners() if pid not in killed]
        if not killed and fraction > 0.2 and new:
            killed.append(new[0])
            os.kill(new[0], signal.SIGKILL)

    found = label_frames("e.npz", LEVEL, "out", LabelOptions(processes=2), progress=kill)
    assert len(killed) == 1
    assert (found.labelled, found.there, found.failures) == (COUNT, 0, ())
    assert COUNT <= len(asked()) <= COUNT + len(killed)
    check_labels()


def test_two_runs_at_once_share_the_frames_and_a_third_finds_them_there() -> None:
    Path("hold").touch()
    other = subprocess.Popen([sys.executable, "-m", "hybridff", "label", "e.npz", "--level", LEVEL, "--out", "out",
                              "--processes", "1"], stdout=subprocess.PIPE, encoding="utf-8")  # fmt: skip

    def release() -> None:
        while len(set(owners())) < 2:
            time.sleep(0.02)
        Path("hold").unlink()

    thread = threading.Thread(target=release)
    thread.start()
    outcome = run(f"label e.npz --level {LEVEL} --out out --processes 1")
    thread.join()
    said, _ = other.communicate(timeout=60)
    assert (outcome.code, outcome.stderr, other.returncode) == (0, "", 0)
    assert len(asked()) == len(set(asked())) == COUNT
    assert len({line.split()[1] for line in Path("asked").read_text(encoding="utf-8").splitlines()}) == 2
    check_labels()
    assert said.splitlines()[-1] == f"out: {COUNT} labelled, 0 failed, 0 already there."
    first = re.fullmatch(r"out: (\d+) labelled, 0 failed, (\d+) already there\.", outcome.stdout.splitlines()[-1])
    assert first is not None
    assert int(first[1]) + int(first[2]) == COUNT
    again = run(f"label e.npz --level {LEVEL} --out out")
    assert (again.code, again.stdout) == (0, f"out: 0 labelled, 0 failed, {COUNT} already there.\n")
    assert len(asked()) == COUNT


def test_an_interrupted_run_says_what_it_keeps_and_leaves_no_claim() -> None:
    def interrupt() -> None:
        while len(finished()) < 3:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    Path("hold after 3").touch()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
    thread = threading.Thread(target=interrupt)
    thread.start()
    outcome = run(f"label e.npz --level {LEVEL} --out out --processes 1")
    thread.join()
    signal.signal(signal.SIGINT, before)
    Path("hold after 3").unlink()
    assert outcome.code == 130
    assert outcome.stdout.splitlines()[-1] == (
        "interrupted; labels that are done are kept in out: the same command goes on."
    )
    assert owners() == []
    kept = len(finished())
    assert kept == 3
    found = label_frames("e.npz", LEVEL, "out", LabelOptions(processes=1))
    assert (found.labelled, found.there) == (COUNT - kept, kept)
    check_labels()


def test_frames_that_fail_are_said_and_tried_again_on_request() -> None:
    energies = np.sum((x := read_positions()) ** 2, axis=(1, 2)) - x.shape[1] * np.sum(x.mean(1) ** 2, axis=1)
    Path("fail").write_text(repr(float(np.sort(energies)[-8:].min() - 1e-6)), encoding="utf-8")
    quick = f'["{LEVEL}"]\nwait = 0.0\n'
    Path("options.toml").write_text(quick, encoding="utf-8")
    command = f"label e.npz --level {LEVEL} --options options.toml --out out --processes 1"
    outcome = run(command)
    assert outcome.code == 1
    lines = outcome.stdout.splitlines()
    assert lines[-1] == f"out: {COUNT - 8} labelled, 8 failed, 0 already there."
    assert sum("failed: RuntimeError: too far; then: RuntimeError: too far." in line for line in lines) == 5
    assert len(asked()) == COUNT + 8
    Path("fail").unlink()
    assert run(command).stdout.splitlines()[-1] == f"out: 0 labelled, 8 failed, {COUNT - 8} already there."
    assert run(f"{command} --retry").stdout.splitlines()[-1] == f"out: 8 labelled, 0 failed, {COUNT - 8} already there."
    check_labels()
    (data,) = read_data(
        ["out"], options=DataOptions(trust_data=True, keep_bond_changes=True)
    )  # springs are no molecule
    assert data.molecule.smiles == molecule("ethanol").smiles
    assert len(data.frames) == COUNT


def read_positions() -> np.ndarray:
    with np.load("e.npz") as file:
        return file["R"]


def test_broken_bonds_repeated_frames_and_unknown_charges_are_said() -> None:
    ethanol, frames = molecule("ethanol"), read_positions()[:4]
    said: list[str] = []
    frames[1, 8] += 3.0
    frames[2] = frames[0]
    frames[3, 0] = np.nan
    np.savez("odd.npz", z=ethanol.numbers, R=frames, r_unit="Ang")
    options = LabelOptions(processes=1, molecule=str(ethanol.smiles))
    found = label_frames("odd.npz", LEVEL, "out", options, say=said.append)
    assert found.labelled == 2
    assert any("frame 2 has other bonds than" in own and "O3-H9" in own for own in said)
    assert any("frame 4 is left out" in own for own in said)
    said.clear()
    label_frames("odd.npz", LEVEL, "bare", LabelOptions(processes=1), say=said.append)
    assert any("charge is taken to be 0" in own for own in said)
    with pytest.raises(InputError, match="option charge is 2, but"):
        label_frames("e.npz", LEVEL, "bare", LabelOptions(charge=2))


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """The address of a scheduler, and its two workers."""
    pytest.importorskip("distributed", reason="Dask's cluster is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    start = [sys.executable, "-m", "distributed.cli.dask_"]
    quiet = subprocess.DEVNULL
    begin = f"{start[2]}scheduler", "--host", address, "--no-dashboard"
    scheduler = subprocess.Popen([*start[:2], *begin], stdout=quiet, stderr=quiet)
    join = f"{start[2]}worker", address, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", "dask"
    workers = [subprocess.Popen([*start[:2], *join], stdout=quiet, stderr=quiet) for _ in range(2)]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


@pytest.mark.filterwarnings("ignore")  # of Dask and what it brings
def test_a_cluster_loses_a_worker_and_no_label(cluster: tuple[str, list[subprocess.Popen]]) -> None:
    address, workers = cluster
    killed: list[int] = []

    def kill(fraction: float, what: str = "", /) -> None:
        mine = [own for own in workers if own.pid in owners()]
        if fraction > 0.1 and not killed and mine:
            killed.append(mine[0].pid)
            mine[0].kill()
            mine[0].wait()

    found = label_frames("e.npz", LEVEL, "out", LabelOptions(scheduler=address), progress=kill)
    assert len(killed) == 1
    assert (found.labelled, found.failures) == (COUNT, ())
    assert COUNT <= len(asked()) <= COUNT + 1
    check_labels()
    assert LabelFolder.read(Path("out")).contents.level == LEVEL


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask's cluster is not installed")
    monkeypatch.setattr("hybridff.reference.cluster._CONNECTING", 0.3)
    with pytest.raises(InputError, match="no scheduler of Dask answers"):
        label_frames("e.npz", LEVEL, "out", LabelOptions(scheduler="tcp://127.0.0.1:1"))
