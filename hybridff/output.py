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

    Raises ``InputError`` when the folder does not exist or cannot be written to, or the disk is full.
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


def write_once(path: Path, text: str) -> None:
    """Write a file, whole, unless it is there, as one of several processes that try at the same time.

    Raises ``OSError`` where it cannot be written.
    """
    if path.exists():
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.chmod(0o644)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside ``path``; it takes its place when the block ends without an error.

    Raises ``InputError`` when ``path`` exists and is not empty (unless ``overwrite``), or cannot be written to, or the
    disk is full.
    """
    named, path = Path(path), Path(path).absolute()
    check_new_folder(named, overwrite=overwrite)
    with _sentence(named), _parents(path):
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
        try:
            yield temporary
            temporary.chmod(0o755)
            _exchange(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, path: Path) -> None:
    """Put a folder in the place of another, or leave the other where it is."""
    if not path.exists():
        new.rename(path)
        return
    old = new.with_name(new.name + "-old")
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def check_new_file(path: str | Path) -> None:
    """Refuse early, before long work, a file that could not be written at its end."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file.")
    with _sentence(path), tempfile.TemporaryFile(dir=path.parent):
        pass


def check_new_folder(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse early, before long work, a folder that could not be written at its end."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"cannot make the folder {path}: a file of that name exists; choose another folder.")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path} exists and is not empty: choose another folder, or replace it with --overwrite.")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise InputError(f"cannot write {path}: {parent} is a file, not a folder; choose another folder.")
    with _sentence(path), tempfile.TemporaryDirectory(dir=parent):
        pass


@contextlib.contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the folders above ``path``; remove them again if the block fails."""
    made = [folder for folder in path.absolute().parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


@contextlib.contextmanager
def _sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
            raise InputError(f"cannot write {path}: the folder {path.parent} does not exist; make it first.") from None
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"cannot write {path} ({reason}), so nothing was written; make room or choose another place."
        ) from None
