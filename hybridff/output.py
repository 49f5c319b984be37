"""Outputs are written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hybridff.errors import InputError


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it takes its place when the block ends without an error.

    Raises ``InputError`` when the folder does not exist or cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file.")
    with _sentence(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; it takes its place when the block ends without an error.

    Raises ``InputError`` when ``path`` exists and is not empty (unless ``overwrite``), or cannot be written to.
    """
    path = Path(path)
    check_new_folder(path, overwrite=overwrite)
    with _sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        yield temporary
        temporary.chmod(0o755)
        old = temporary.with_name(temporary.name + "-old")
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_new_folder(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse early, before long work, a folder that could not be written at its end."""
    path = Path(path)
    if path.is_file():
        raise InputError(f"cannot make the folder {path}: a file of that name exists.")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path} exists and is not empty: choose another folder, or replace it with --overwrite.")
    parent = next(folder for folder in [path, *path.absolute().parents] if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"cannot write {path}: no permission to write in {parent}.")


@contextlib.contextmanager
def _sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist.") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}.") from None
