"""Arrays of npz files of others: sizes are known from the zip directory and the headers before anything is read.

No Python object is ever made of a file's bytes, and no more memory is taken than ``LARGEST_ARRAYS``, whatever the
headers claim. Names in the file are names of arrays and never paths.
"""

import contextlib
import math
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from hybridff.errors import InputError
from hybridff.foreign import check_file, printable, reading

LARGEST_ARRAYS: Final = 2**32
"""Size of all arrays that are read of one file, at most [bytes]."""
MOST_ARRAYS: Final = 1000
"""Number of arrays in one file, at most."""
_LARGEST_FILE = 2**33
_LONGEST_TEXT = 2**22
_LARGEST_HEADER = 10_000
_LAST_CHARACTER, _HALVES = 0x10FFFF, (0xD800, 0xDFFF)
"""Numbers of Unicode, and those that are no characters; Python's own functions fail on them, if at all, much later."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(path: str | Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Arrays of numbers and texts of an npz file by their names: all, or those of ``names`` that it has.

    Raises ``InputError`` for what is no complete npz file, and where an array that is wanted holds Python objects,
    claims more numbers than the file has, or does not fit into ``LARGEST_ARRAYS``. Others are not looked at.
    """
    path = Path(path)
    with _opened(path) as archive:
        members = _members(path, archive)
        wanted = {name: member for name, member in members.items() if names is None or name in names}
        total = sum(member.file_size for member in wanted.values())
        if total > LARGEST_ARRAYS:
            raise _too_large(path, total)
        return {name: _array(path, archive, name, member) for name, member in wanted.items()}


def names_of_arrays(path: str | Path) -> tuple[str, ...]:
    """Names of all arrays of an npz file; raises ``InputError`` as ``read_arrays`` does."""
    path = Path(path)
    with _opened(path) as archive:
        return tuple(_members(path, archive))


def text_in(arrays: dict[str, np.ndarray], name: str) -> str:
    """A single text among arrays, or '' where there is none."""
    if name not in arrays or arrays[name].size != 1:
        return ""
    value = arrays[name].reshape(-1)[0]
    return printable((value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip())


def numbers_in(path: str | Path, arrays: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array of finite real numbers of a shape, None where any length will do; raises ``InputError`` otherwise."""
    if name not in arrays:
        raise InputError(f"{path}: it has no '{name}'.")
    array = arrays[name]
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise InputError(f"{path}: '{name}' is not of finite numbers.")
    wanted = " × ".join("n" if length is None else str(length) for length in shape) or "one number"
    if array.ndim != len(shape) or any(b not in (None, a) for a, b in zip(array.shape, shape, strict=True)):
        raise InputError(f"{path}: '{name}' has the shape {array.shape}, not {wanted}.")
    return array


def _too_large(path: Path, size: int) -> InputError:
    return InputError(
        f"{path}: its arrays would take {size / 2**30:.3g} GiB of memory, and at most {LARGEST_ARRAYS / 2**30:.0f} GiB "
        "are read; keep fewer frames in one file."
    )


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MOST_ARRAYS:
        raise InputError(f"{path}: it has {len(entries)} arrays, and at most {MOST_ARRAYS} are read.")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = printable(entry.filename.removesuffix(".npy"))
        if name in found:
            raise InputError(f"{path}: it has two arrays of the name '{name}'; make it again.")
        found[name] = entry
    return found


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    check_file(path, _LARGEST_FILE)
    with _npz(path):
        complete = zipfile.is_zipfile(path)
    if not complete:
        raise InputError(f"{path}: this is not a complete npz file; it is cut off or of another kind.")
    with _npz(path):
        archive = zipfile.ZipFile(path)
    with archive:
        yield archive


def _npz(path: Path) -> contextlib.AbstractContextManager[None]:
    return reading(path, "an npz file", "it is damaged: copy or make it again")


def _array(path: Path, archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> np.ndarray:
    if member.compress_type not in _METHODS or member.flag_bits & 1:
        raise InputError(f"{path}: '{name}' is encrypted or compressed in an unusual way; write it by numpy.savez.")
    _check_header(path, archive, name, member)
    with _npz(path), archive.open(member) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")).reshape(-1)).view(np.uint32)
        if np.any((codes > _LAST_CHARACTER) | ((codes >= _HALVES[0]) & (codes <= _HALVES[1]))):
            raise InputError(f"{path}: the text '{name}' has characters that are none; it is damaged: make it again.")
    return array


def _check_header(path: Path, archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> None:
    """Refuse what is no plain array, or not as large as it says."""
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with _npz(path), archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = readers.get(version, np.lib.format.read_array_header_1_0)
        shape, _, dtype = read(stream, max_header_size=_LARGEST_HEADER)
    size = member.file_size
    if version not in readers:
        raise InputError(f"{path}: '{name}' is no plain array of numbers or texts; save it as one.")
    if dtype.hasobject:
        raise InputError(
            f"{path}: '{name}' holds pickled Python objects, which are not read because they can run code; save it as "
            "plain numbers or strings."
        )
    if dtype.kind not in "biufcSU" or dtype.fields is not None:
        raise InputError(f"{path}: '{name}' is of the type {printable(str(dtype))[:80]}, not of numbers or texts.")
    count = math.prod(int(length) for length in shape)
    wanted = count * max(dtype.itemsize, 1)
    if any(length < 0 for length in shape) or wanted > size:
        raise InputError(f"{path}: '{name}' is to be {_sizes(shape)} numbers or texts, which the file does not hold.")
    if dtype.kind in "SU" and wanted > _LONGEST_TEXT:
        raise InputError(f"{path}: '{name}' is a text of {wanted / 2**20:.0f} MiB, which is not read.")


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{length:.3g}" if abs(length) > 10**6 else str(length) for length in shape[:8]) or "1"
