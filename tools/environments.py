"""Do the tests pass with the oldest versions that ``pyproject.toml`` allows, and with the newest that there are?

Makes a virtual environment in a folder, installs hybridff with the extras that compute and what runs tests into it, and
runs tests there, in which warnings are no failures and types are not checked. "oldest" takes each package that
``pyproject.toml`` names at its lower bound. Needs uv.

Usage: python tools/environments.py oldest|newest FOLDER [TESTS …] [--python 3.11]
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from documented import ROOT

EXTRAS, TOOLS = ("gaff", "qm", "reference", "engines"), ("beartype", "pytest", "pytest-xdist", "sympy")
TESTS = ("tests/molecules", "tests/gaff", "tests/export", "tests/jobs")
RESOLUTION = {"oldest": "lowest-direct", "newest": "highest"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=RESOLUTION)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tests", nargs="*", default=TESTS)
    parser.add_argument("--python", default=sys.executable, help="version or program")
    options = parser.parse_args()
    folder = options.folder.resolve()
    python, wanted, versions = (str(folder / name) for name in ("bin/python", "tools.in", "versions.txt"))
    run(["uv", "venv", "--clear", "--python", options.python, str(folder)])
    Path(wanted).write_text("\n".join(tools()) + "\n", encoding="utf-8")
    extras = [word for name in EXTRAS for word in ("--extra", name)]
    how = ["--resolution", RESOLUTION[options.which], "--python", python, "-o", versions]
    run(["uv", "pip", "compile", "-q", "--no-header", *how, *extras, "pyproject.toml", wanted])
    run(["uv", "pip", "install", "-q", "--compile-bytecode", "--python", python, "-r", versions])
    run(["uv", "pip", "install", "-q", "--python", python, "--no-deps", "."])
    how = ["-o", "addopts=--import-mode=importlib", "-W", "default", "-m", "not slow"]
    run([python, "-m", "pytest", "-q", *how, *options.tests])


def tools() -> list[str]:
    """What runs tests, with its lower bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [own for own in project["optional-dependencies"]["test"] if re.split(r"[\[>]", own)[0] in TOOLS]


def run(command: Sequence[str]) -> None:
    """Run a command in the repository; leaves with its exit code where it fails."""
    print("+", *command, flush=True)
    own = {**os.environ, "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])}
    if code := subprocess.run(command, cwd=ROOT, env=own, check=False).returncode:
        sys.exit(code)


if __name__ == "__main__":
    main()
