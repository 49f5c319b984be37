import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hybridff.frames.claims import Claim, remove_claims, take


def claims(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(folder: Path, host: str, pid: int, age: float = 0.0, generation: int = 0) -> None:
    """A claim of some process, last renewed so many seconds ago."""
    path = folder / f"key.claim.{generation}"
    path.write_text(json.dumps({"host": host, "pid": pid, "time": ""}), encoding="utf-8")
    os.utime(path, (time.time() - age, time.time() - age))


@pytest.fixture(scope="module")
def ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_one_of_many_gets_a_claim(tmp_path: Path) -> None:
    got: list[Claim | None] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        got.append(take(tmp_path, "key"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (claim,) = [own for own in got if own is not None]
    owner = json.loads((tmp_path / "key.claim.0").read_text(encoding="utf-8"))
    assert (owner["host"], owner["pid"]) == (platform.node(), os.getpid())
    with claim:
        assert take(tmp_path, "key") is None
        other = take(tmp_path, "another key")
        assert other is not None
    assert claims(tmp_path) == ["another key.claim.0"]


def test_a_claim_is_renewed_as_long_as_it_is_held(tmp_path: Path) -> None:
    claim = take(tmp_path, "key", life=0.3)
    assert claim is not None
    with claim:
        time.sleep(0.7)
        assert take(tmp_path, "key", life=0.3) is None


def test_who_is_gone_has_no_claim(tmp_path: Path, ended: int) -> None:
    write(tmp_path, "elsewhere", 1, age=100.0)
    assert take(tmp_path, "key") is None
    write(tmp_path, "elsewhere", 1, age=130.0)
    second = take(tmp_path, "key")
    assert second is not None
    assert second.generation == 1
    assert take(tmp_path, "key") is None
    write(tmp_path, platform.node(), ended, generation=1)
    third = take(tmp_path, "key")
    assert third is not None
    assert third.generation == 2
    remove_claims(tmp_path, "key")
    assert claims(tmp_path) == []


def test_a_claim_that_is_not_written_yet_lives_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "key.claim.0").touch()
    assert take(tmp_path, "key") is None
    assert take(tmp_path, "key", life=-1.0) is not None
