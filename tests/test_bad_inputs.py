import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bad_inputs import BAD_INPUTS, BadInput, run

QUICK = "--form harmonic --gate none --report brief"


def contents(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, hidden ones too, with a hash of what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("case", BAD_INPUTS, ids=lambda case: case.what)
def test_a_bad_input_gets_one_sentence_and_leaves_nothing_behind(case: BadInput, workplace):
    if case.prepare is not None:
        case.prepare()
    before = contents(workplace)
    outcome = run(case.command, case.patch)
    assert outcome.code == case.code
    assert outcome.stderr.startswith("hybridff: ")
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.endswith(".\n")
    assert case.sentence in outcome.stderr
    assert contents(workplace) == before


@pytest.mark.parametrize(
    "command",
    [
        f"fit ethanol.npz --train 20 --charges charges.txt {QUICK} --out out",
        f"fit ethanol.npz --train 20 --molecule ethanol.sdf --charges charges.txt {QUICK} --out out",
        f"fit ethanol.npz --train 20 --start ethanol.prmtop {QUICK} --out out",
        f"fit ethanol.npz --train 20 --start ethanol.xml --topology ethanol.pdb {QUICK} --out out",
        "evaluate model ethanol.npz",
        "verify model",
    ],
)
def test_the_good_inputs_that_bad_ones_are_made_of_are_good(command, workplace):
    outcome = run(command)
    assert (outcome.code, outcome.stderr) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_interrupted_says_so_and_leaves_nothing_behind(number, code, workplace):
    before = contents(workplace)
    arguments = ["simulate", "model", "--temperature", "300", "--time", "100 ns", "--out", "runs/out"]
    # Signals are as in the foreground: a process that the background starts ignores Ctrl-C.
    launch = "import signal, runpy; signal.signal(signal.SIGINT, signal.default_int_handler); "
    launch += "runpy.run_module('hybridff', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", launch, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        deadline = time.monotonic() + 60.0
        while not list(workplace.glob("runs/.out-*/log.csv")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, number)
        _, stderr = process.communicate(timeout=60.0)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (code, "hybridff: interrupted; nothing was written.\n")
    assert contents(workplace) == before


def test_a_process_with_a_bad_input_ends_with_a_sentence_and_no_traceback(workplace):
    command = [sys.executable, "-m", "hybridff", "evaluate", "model", "none.npz"]
    finished = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (finished.returncode, finished.stderr) == (2, "hybridff: none.npz: there is no such file.\n")
