"""Short versions of the commands that print figures (``short.toml``): which scripts have one, and running them."""

import os
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from shutil import copytree, ignore_patterns

from documented import ROOT

_CONTENT = tomllib.loads((ROOT / "tools" / "short.toml").read_text(encoding="utf-8"))
LINES = [line for line in _CONTENT["run"].splitlines() if line]
NOT_RUN: dict[str, str] = _CONTENT["not_run"]
"""Scripts without a short version, and why."""


def run_all(folder: Path, only: str) -> bool:
    """Run those lines that have a text, in a copy of the repository beside the sets of data; whether all ended well."""
    copytree(ROOT, folder, ignore=ignore_patterns(".*", "*.egg-info", "site"), dirs_exist_ok=True)
    for path in Path(os.environ.get("HYBRIDFF_DATA", "")).glob("*.npz"):
        (folder / path.name).unlink(missing_ok=True)
        (folder / path.name).symlink_to(path.resolve())
    codes = [_run(line, folder) for line in LINES if only in line]
    return not any(codes)


def _run(line: str, folder: Path) -> int:
    """Run a line, its output into a file; returns its exit code."""
    program, *words = shlex.split(line)
    command = [sys.executable, *(["-m", "hybridff"] if program == "hybridff" else []), *words]
    log, begin = folder / f"short-{LINES.index(line):02d}.log", time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        own = os.environ | {"PYTHONPATH": str(folder)}
        code = subprocess.run(command, cwd=folder, stdout=file, stderr=file, env=own, check=False).returncode
    print(f"{f'exit code {code}, see {log}' if code else 'ok'}, {time.monotonic() - begin:.0f} s: {line}", flush=True)
    return code
