"""Outputs are written whole or not at all."""

import contextlib
import ctypes
import glob
import os
import shutil
import signal
import socket
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from hybridff.errors import InputError
from hybridff.foreign import exists

_HERE = -100
"""``AT_FDCWD`` of Linux: paths count from the current folder."""
_EXCHANGE = 2
"""``RENAME_EXCHANGE`` of Linux: two names change places in one step."""


@contextlib.contextmanager
def new_files(paths: Sequence[str | Path]) -> Iterator[list[Path]]:
    """Give a temporary path beside each of ``paths``; all take their places when the block ends, or none.

    A process that is killed by force between two renamings leaves some of them new. Raises ``InputError`` as
    ``new_file`` does.
    """
    named = [Path(path) for path in paths]
    with contextlib.ExitStack() as stack:
        temporaries = [stack.enter_context(_beside(path)) for path in named]
        yield temporaries
        _replace_all(temporaries, named)


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it takes its place when the block ends without an error.

    Raises ``InputError`` when the folder does not exist or cannot be written to, or the disk is full.
    """
    path = Path(path)
    with _beside(path) as temporary:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new file beside ``path`` that is gone when the block ends, unless it was renamed."""
    _check_kind(path)
    with _sentence(path):
        _remove_leftovers(path.parent, path.stem)
        prefix = f"{_prefix(path.stem)}{os.getpid()}-"
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
        finally:
            with _undisturbed():
                temporary.unlink(missing_ok=True)


def _replace_all(temporaries: Sequence[Path], paths: Sequence[Path]) -> None:
    """Put files in the places of others, which come back where one of them cannot be replaced."""
    backups = [temporary.with_name(f"{temporary.name}-before") for temporary in temporaries]
    with _undisturbed():
        placed = 0
        try:
            for temporary, path, backup in zip(temporaries, paths, backups, strict=True):
                temporary.chmod(0o644)
                if path.is_symlink() or path.is_file():
                    shutil.copy2(path, backup, follow_symlinks=False)
            for temporary, path in zip(temporaries, paths, strict=True):
                with _sentence(path):
                    temporary.replace(path)
                placed += 1
        except BaseException:
            for path, backup in zip(paths[:placed], backups, strict=False):
                if backup.is_symlink() or backup.exists():
                    backup.replace(path)
                else:
                    path.unlink(missing_ok=True)
            raise
        finally:
            for backup in backups:
                backup.unlink(missing_ok=True)


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
    disk is full. What another process has written there meanwhile stays, and the new folder gets a number. Of a
    symbolic link, the folder that it points to is written.
    """
    named, path = Path(path), Path(os.path.realpath(path))
    check_new_folder(named, overwrite=overwrite)
    with _sentence(named), _parents(path):
        _remove_leftovers(path.parent, path.name)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{_prefix(path.name)}{os.getpid()}-"))
        try:
            yield temporary
            temporary.chmod(0o755)
            if path.is_dir() and any(path.iterdir()) and not overwrite:
                free = _free_name(path)
                temporary.rename(free)
                raise InputError(
                    f"{named} was written by another process meanwhile; the results of this one are in {free}."
                )
            _exchange(temporary, path)
        finally:
            with _undisturbed():
                shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def files_of_folder(folder: Path, *, last: str) -> Iterator[Path]:
    """Give a temporary folder in ``folder``, whose files take their places there when the block ends without an error.

    Each is put there whole, ``last`` after all others: it says that the others are there. Several processes may do this
    at the same time. Raises ``InputError`` where the folder cannot be written to, or the disk is full.
    """
    name = "files"
    with _sentence(folder):
        _remove_leftovers(folder, name)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=f"{_prefix(name)}{os.getpid()}-"))
        try:
            yield temporary
            for file in sorted(temporary.iterdir(), key=lambda file: file.name == last):
                file.replace(folder / file.name)
        finally:
            with _undisturbed():
                shutil.rmtree(temporary, ignore_errors=True)


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but temporary files that processes write at this moment."""
    return all(path.name.startswith(".") for path in folder.iterdir())


def _free_name(path: Path) -> Path:
    """The path with the first number that no other has."""
    return next(own for i in count(2) if not os.path.lexists(own := path.with_name(f"{path.name}-{i}")))


def _prefix(name: str) -> str:
    """How names of temporary files for ``name`` begin where processes are numbered as here; the number follows."""
    place = socket.gethostname()
    with contextlib.suppress(OSError):  # containers of one machine may share its name
        place += f" {Path('/proc/self/ns/pid').stat().st_ino}"
    return f".{name}-{zlib.crc32(place.encode()):08x}-"


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove what processes of this machine that are no more have left of ``name``, in the middle of their writing."""
    begin = _prefix(name)
    for path in folder.glob(glob.escape(begin) + "*"):
        number = path.name.removeprefix(begin).partition("-")[0]
        if not number.isdecimal() or _is_running(int(number)):
            continue
        if path.name.endswith("-old") and not (folder / name).exists():  # killed between two renamings
            path.rename(folder / name)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let signals that end the process wait until the block has ended."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _swapped(one: Path, other: Path) -> bool:
    """Let two paths change places in one step, where the system can do that: what is killed leaves both whole."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    return renameat2 is not None and renameat2(_HERE, bytes(one), _HERE, bytes(other), _EXCHANGE) == 0


def _exchange(new: Path, path: Path) -> None:
    """Put a folder in the place of another, or leave the other where it is."""
    if not path.exists():
        new.rename(path)
        return
    if _swapped(new, path):
        return
    old = new.with_name(new.name + "-old")
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _check_kind(path: Path) -> None:
    """Refuse what a file cannot take the place of."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; give the name of a file.")
    if (path.exists() and not path.is_file()) or os.path.realpath(path.parent) == "/dev":
        raise InputError(f"cannot write {path}: it is a device or a pipe; give the name of a file.")


def check_new_file(path: str | Path) -> None:
    """Refuse early, before long work, a file that could not be written at its end."""
    path = Path(path)
    _check_kind(path)
    with _sentence(path), tempfile.TemporaryFile(dir=path.parent):
        pass


def check_new_folder(path: str | Path, *, overwrite: bool = False, read: Iterable[str | Path | None] = ()) -> None:
    """Refuse early, before long work, a folder that could not be written at its end.

    ``read`` are files that the work begins with, as far as they are any: a folder that holds one is not replaced.
    """
    path = Path(path)
    place = Path(os.path.realpath(path))
    if overwrite and (place == Path.cwd() or place in Path.cwd().parents) and any(place.iterdir()):
        raise InputError(f"cannot replace the folder {path}: the current folder is there; choose another folder.")
    for file in read:
        if path.is_dir() and file is not None and place in Path(os.path.realpath(file)).parents and exists(file):
            raise InputError(f"cannot replace the folder {path}: {file} is read from it; choose another folder.")
    if path.exists() and not path.is_dir():
        raise InputError(f"cannot make the folder {path}: a file of that name exists; choose another folder.")
    if path.is_dir() and any(path.iterdir()) and not overwrite:
        raise InputError(f"{path} exists and is not empty: choose another folder, or replace it with --overwrite.")
    parent = next(folder for folder in Path(os.path.realpath(path)).parents if folder.exists())
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
