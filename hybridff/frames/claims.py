"""Who computes which frame of a folder of labels: claims that expire when their owner is gone.

The file ``KEY.claim.0`` belongs to the first process that computes the frame ``KEY``: it is made where none is, which
only one process can do. Its owner renews its time while it computes. Where the owner is gone, the next one makes
``KEY.claim.1``, which again only one can, and so on; the last one counts. All go when the frame is done.
"""

import contextlib
import json
import os
import platform
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

LIFE = 120.0
"""Seconds after which a claim that its owner does not renew has expired."""
MOST_OWNERS = 5
"""Owners that may go without a word before a frame counts as one that ends them."""


@dataclass(frozen=True, eq=False)
class Claim:
    """The right to compute a frame, which a thread of its own renews until it is given back."""

    folder: Path
    key: str
    generation: int
    """Owners before this one, all of whom are gone."""
    life: float = LIFE
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let others have the frame."""
        self._end.set()
        _path(self.folder, self.key, self.generation).unlink(missing_ok=True)

    def renew_until_given_back(self) -> None:
        """Renew the claim now and then, in a thread of its own."""
        while not self._end.wait(self.life / 6):
            with contextlib.suppress(OSError):
                os.utime(_path(self.folder, self.key, self.generation))


def take(folder: Path, key: str, life: float = LIFE) -> Claim | None:
    """The claim of a frame; None where another process has it. Raises ``OSError`` where no file can be made."""
    generation = 0
    while (path := _path(folder, key, generation)).exists():
        generation += 1
    if generation and _is_alive(_path(folder, key, generation - 1), life):
        return None
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    claim = Claim(folder, key, generation, life)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"host": platform.node(), "pid": os.getpid(), "time": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        threading.Thread(target=claim.renew_until_given_back, daemon=True).start()
    except BaseException:  # an interruption too
        claim.give_back()
        raise
    return claim


def remove_claims(folder: Path, key: str) -> None:
    """Remove those of owners who are gone, the last first, once a frame is done."""
    generation = 0
    while _path(folder, key, generation).exists():
        generation += 1
    for old in range(generation - 1, -1, -1):
        _path(folder, key, old).unlink(missing_ok=True)


def _path(folder: Path, key: str, generation: int) -> Path:
    return folder / f"{key}.claim.{generation}"


def _is_alive(path: Path, life: float) -> bool:
    """Whether the owner of a claim may still compute."""
    try:
        age = _now(path.parent) - path.stat().st_mtime
        owner = json.loads(path.read_text(encoding="utf-8"))
        host, pid = str(owner["host"]), int(owner["pid"])
    except FileNotFoundError:
        return True  # given back just now: look again
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return age < life  # its owner has not written it yet, or was ended before
    return age < life and not (host == platform.node() and _has_ended(pid))


def _now(folder: Path) -> float:
    """The time by the clock that the folder's files go by."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".now-") as file:
        return os.fstat(file.fileno()).st_mtime


def _has_ended(pid: int) -> bool:
    """Whether no process of this machine has a number."""
    if os.name != "posix":
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has such a number
        return True
    except OSError:
        return False
    return False
