"""Results of slow programs on disk, found by a hash of everything that they depend on.

The folder is the environment variable ``HYBRIDFF_CACHE``, else the platform's folder for caches. It may be deleted at
any time. A folder that cannot be written, or a damaged file in it, costs time and nothing else.
"""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.arrays import read_arrays
from hybridff.errors import InputError
from hybridff.foreign import read_json


def cached_json(key: Any, compute: Callable[[], Any]) -> Any:
    """The value that belongs to a key; computed and kept where it is not known yet.

    Key and value are anything that JSON can hold; a value comes back as JSON gives it (lists for tuples), whether it
    was kept or computed. The key must name the method, its version and all of its input.
    """
    path = cache_folder() / f"{_digest(key)}.json"
    with contextlib.suppress(InputError):
        kept = read_json(path, "a kept result", "delete it")
        if isinstance(kept, dict) and kept.keys() == {"key", "value"}:
            return kept["value"]
    entry = json.dumps({"key": key, "value": compute()}, allow_nan=False)
    _keep(path, lambda part: part.write_text(entry, encoding="utf-8"))
    return json.loads(entry)["value"]


def cached_arrays(key: Any, compute: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The same for arrays: ``compute`` gives them by name, and they come back as it gave them."""
    checkpoint = Checkpoint(_digest(key))
    kept = checkpoint.read()
    if kept is None:
        kept = dict(compute())
        checkpoint.keep(kept)
    return kept


class Checkpoint:
    """Arrays of a computation that goes on where it was stopped; ``key`` is a hash of all that it depends on."""

    def __init__(self, key: str) -> None:
        self._path = cache_folder() / f"{key}.npz"

    def read(self) -> dict[str, np.ndarray] | None:
        """What was kept last; None where there is nothing."""
        with contextlib.suppress(InputError):
            return read_arrays(self._path)
        return None

    def keep(self, arrays: Mapping[str, Any]) -> None:
        """Keep these instead of what was kept before."""
        _keep(self._path, lambda part: np.savez(part, **arrays))

    def remove(self) -> None:
        """Forget what was kept: the computation has come to its end."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _digest(key: Any) -> str:
    """A hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(key, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _keep(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all; another process may write the same one at the same time."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder, path.name)
            write(part)
            part.replace(path)


def cache_folder() -> Path:
    """Where results are kept; the folder need not exist."""
    chosen = os.environ.get("HYBRIDFF_CACHE")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError:
            raise InputError(f"HYBRIDFF_CACHE is {chosen}, but there is no such user; name another folder.") from None
    return _platform_folder() / "hybridff"


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
