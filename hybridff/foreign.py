"""The one door through which files of others come in: whatever a library throws becomes a sentence for the user.

Only the reading itself stands behind the door (a parser, the conversion of what it gave); what hybridff does with the
result stands outside, so that a bug of its own stays visible as one.
"""

import contextlib
import errno
import json
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hybridff.errors import HybridFFError, InputError

LARGEST_TEXT: Final = 2**31
"""Size of a text file that is read, at most [bytes]."""
LARGEST_STRUCTURE: Final = 2**28
"""Size of a file of one molecule or System, at most [bytes]."""
_LONGEST_REASON = 200
_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
"""How compressed files begin."""
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
"""How texts begin that some programs of Windows write."""


@contextlib.contextmanager
def reading(path: str | Path, what: str, then: str) -> Iterator[None]:
    """Raise ``InputError`` for whatever goes wrong in the block, which does nothing but read a foreign file.

    ``what`` says what the file was to be, such as "an SDF file", and ``then`` what to do about it.
    """
    try:
        yield
    except HybridFFError:
        raise
    except MemoryError as error:
        raise InputError(f"{path}: what the file says it holds does not fit into memory; {then}.") from error
    except OSError as error:
        if isinstance(error.errno, int) and error.errno not in (errno.EINVAL, errno.EOVERFLOW):
            reason = (error.strerror or "").lower() or reason_of(error)
            raise InputError(f"{path}: the file cannot be read ({reason}).") from error
        raise InputError(f"{path}: this is not {what} that can be read ({reason_of(error)}); {then}.") from error
    except Exception as error:  # readers of a hundred formats raise whatever a wrong line leads to
        raise InputError(f"{path}: this is not {what} that can be read ({reason_of(error)}); {then}.") from error


def reason_of(error: BaseException) -> str:
    """What an error says, in one line of printable characters."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip().rstrip(".") if lines else ""
    if isinstance(error, KeyError):
        text = f"{text} is missing"
    elif not text or isinstance(error, RecursionError):
        text = {"RecursionError": "it is nested too deeply"}.get(type(error).__name__, type(error).__name__)
    return printable(text[:_LONGEST_REASON])


def printable(text: str) -> str:
    """A text of a file as it may stand in a message: without control characters and halves of characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def exists(path: str | Path) -> bool:
    """Whether there is anything of this name, whatever the name is: a file, a folder, a pipe."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a text that is no path, such as a SMILES
        return False


def check_file(path: str | Path, largest: int = LARGEST_TEXT) -> Path:
    """The path of an existing file that is neither empty nor larger than so many bytes.

    Raises ``InputError`` for anything else, before any of it is read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the file itself.")
        if not path.exists():
            raise InputError(f"{path}: there is no such file.")
        if not path.is_file():
            raise InputError(f"{path} is a device or a pipe, not a file; give the file itself.")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: the file cannot be read ({reason_of(error)}).") from error
    if size == 0:
        raise InputError(f"{path}: the file is empty.")
    if size > largest:
        raise InputError(
            f"{path}: the file has {size / 2**20:.0f} MiB, and of its kind at most {largest / 2**20:.0f} MiB are read; "
            "make it smaller."
        )
    return path


def read_text(path: str | Path, *, largest: int = LARGEST_STRUCTURE, any_encoding: bool = False) -> str:
    """The text of a file; raises ``InputError`` where it is none, empty, or larger than so many bytes.

    With ``any_encoding`` bytes that are no UTF-8 count as Latin-1: for formats whose syntax is ASCII.
    """
    path = check_file(path, largest)
    with reading(path, "a file", "check its permissions"):
        content = path.read_bytes()
    _refuse_packed(path, content)
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if not any_encoding or b"\0" in content:
            raise InputError(f"{path}: the file cannot be read as text ({error}).") from error
        text = content.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InputError(f"{path}: the file is empty.")
    return text


def refuse_compressed(path: str | Path) -> None:
    """Raise ``InputError`` for a file that a program such as gzip has compressed."""
    with reading(path, "a file", "check its permissions"), Path(path).open("rb") as file:
        _refuse_packed(path, file.read(8))


def _refuse_packed(path: str | Path, content: bytes) -> None:
    packer = next((name for begin, name in _COMPRESSED.items() if content.startswith(begin)), None)
    if packer is not None:
        raise InputError(f"{path}: the file is compressed ({packer}); unpack it first.")


def read_toml(path: str | Path, what: str = "TOML file") -> dict[str, Any]:
    """The content of a TOML file; raises ``InputError`` where it is none."""
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is no {what}: {reason_of(error)}; correct it.") from None


def read_json(path: str | Path, what: str, then: str, *, largest: int = LARGEST_TEXT) -> Any:
    """The content of a JSON file of finite numbers; raises ``InputError`` where it is none."""
    text = read_text(path, largest=largest)
    with reading(path, what, then):
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it has {name} among its numbers")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"its number {text[:20]} is too large")
    return value


def nesting(text: str, opening: str, closing: str) -> int:
    """How many brackets are open at once, at most; those inside quotation marks count too."""
    depth = deepest = 0
    for letter in text if any(mark in text for mark in opening) else ():
        if letter in opening:
            depth += 1
            deepest = max(deepest, depth)
        elif letter in closing:
            depth = max(depth - 1, 0)
    return deepest
