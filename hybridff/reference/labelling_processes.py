"""Frames of a folder labelled by several processes of this machine, each with one thread."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from hybridff.errors import InputError
from hybridff.frames.claims import MOST_OWNERS
from hybridff.frames.label_folder import LabelFolder
from hybridff.reference.labelling import Frame
from hybridff.reference.labelling_process import REFUSED

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_LOOK = 0.2
"""Time between two looks at the processes [s]."""
_PATIENCE = 5.0
"""Time for processes to give their claims back when they are to stop [s]."""


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def label_by_processes(folder: LabelFolder, frames: Sequence[Frame], processes: int, watch: Callable[[], None]) -> None:
    """Label frames by so many processes; ``watch`` is called while they work.

    A process that is killed is replaced. Raises ``InputError`` with the sentence of one that cannot go on.
    """
    work = json.dumps(
        {
            "folder": str(folder.path.resolve()),
            "frames": [(frame.key, frame.positions.tolist()) for frame in frames],
        }
    )
    running = [_Process(work) for _ in range(processes)]
    spare = MOST_OWNERS * len(frames)
    try:
        while running:
            time.sleep(_LOOK)
            watch()
            ended = [own for own in running if own.code() is not None]
            for own in ended:
                running.remove(own)
                code = own.code()
                refusal = own.refusal()
                own.wait()
                if refusal is not None:
                    raise refusal
                if code == 0:
                    continue
                if spare == 0:
                    raise InputError(f"processes that label frames in {folder.path} are ended again and again.")
                spare -= 1
                running.append(_Process(work))
    finally:
        for own in running:
            own.stop()
        for own in running:
            own.wait()


class _Process:
    """One of them."""

    def __init__(self, work: str) -> None:
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the process runs)
        self._popen: subprocess.Popen[Any] = subprocess.Popen(
            [sys.executable, "-m", "hybridff.reference.labelling_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env=environment,
        )
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(work.encode() + b"\n")
            self._popen.stdin.flush()
        except BrokenPipeError:
            pass  # its exit code says why

    def code(self) -> int | None:
        """Exit code; None as long as it runs."""
        return self._popen.poll()

    def refusal(self) -> Exception | None:
        """What a process that ended by itself has said; one that was killed, or did its work, says nothing."""
        self._said.seek(0)
        text = self._said.read().decode(errors="replace").strip()
        if self.code() == REFUSED:
            return InputError(text.splitlines()[-1])
        return RuntimeError(f"a process that labels frames failed:\n{text}") if (self.code() or 0) > 0 else None

    def stop(self) -> None:
        """Tell it to give its claim back and go."""
        self._popen.terminate()

    def wait(self) -> None:
        """Wait for its end, with patience, but not forever."""
        try:
            self._popen.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._said.close()
