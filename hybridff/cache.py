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
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cached_json(key: Any, compute: Callable[[], Any]) -> Any:
    """The value that belongs to a key; computed and kept where it is not known yet.

    Key and value are anything that JSON can hold; a value comes back as JSON gives it (lists for tuples), whether it
    was kept or computed. The key must name the method, its version and all of its input.
    """
    text = json.dumps(key, sort_keys=True, allow_nan=False)
    path = cache_folder() / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(path.read_text(encoding="utf-8"))["value"]
    entry = json.dumps({"key": key, "value": compute()}, allow_nan=False)
    with contextlib.suppress(OSError):
        _keep(entry, path)
    return json.loads(entry)["value"]


def _keep(entry: str, path: Path) -> None:
    """Write a file whole or not at all; another process may write the same one at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder, path.name)
        part.write_text(entry, encoding="utf-8")
        part.replace(path)


def cache_folder() -> Path:
    """Where results are kept; the folder need not exist."""
    chosen = os.environ.get("HYBRIDFF_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return _platform_folder() / "hybridff"


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
