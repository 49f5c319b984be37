"""What an extended XYZ file must be before ASE reads it, which believes what the file says about its size."""

import bz2
import contextlib
import gzip
import lzma
from collections.abc import Callable, Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from ase.data import atomic_numbers
from ase.io.extxyz import key_val_str_to_dict

from hybridff.errors import InputError
from hybridff.foreign import printable, reading

MOST_ATOMS: Final = 100_000
"""Atoms of one frame, at most."""
_LONGEST_LINE = 1_000_000
_PLAIN = "species:S:1:pos:R:3"
PACKED: Final[Mapping[str, Callable[..., Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""Endings of compressed files that ASE reads, and what opens them."""
_SPECIES = ("species", "symbols", "element", "Species")


def check_xyz(path: Path) -> None:
    """Raise ``InputError`` for frames that are cut off, columns without names, and symbols of no element.

    The file may be compressed by gzip, bzip2 or xz, as ASE reads it.
    """
    frame = 0
    with opened(path) as file:
        for frame, line in enumerate(_first_lines(path, file), start=1):
            _check_frame(path, frame, _count(path, frame, line), file)
    if not frame:
        raise InputError(f"{path}: the file is empty.")


def check_numbers(path: Path) -> None:
    """Raise ``InputError`` for the first position or other column that is to be a number and is none.

    The file has passed ``check_xyz``.
    """
    with opened(path) as file:
        for frame, line in enumerate(_first_lines(path, file), start=1):
            columns = key_val_str_to_dict(_line(path, file).strip()).get("Properties", "") or _PLAIN
            kinds = [kind for _, kind, width in _triples(str(columns)) for _ in range(int(width))]
            for atom in range(1, int(line) + 1):
                for kind, field in zip(kinds, _line(path, file).split(), strict=False):
                    if kind == "R":
                        _check_number(path, f"atom {atom} of frame {frame}", field)


def _first_lines(path: Path, file: TextIOWrapper) -> Iterator[str]:
    """The line that each frame begins with, given that the rest of the frame is read before the next is asked for."""
    while line := _line(path, file):
        if line.strip():
            yield line


def _check_number(path: Path, where: str, field: str) -> None:
    try:
        float(field)
    except ValueError:
        text = printable(field[:30])
        hint = "write the file again"
        if set(field) == {"*"}:
            hint = "the number did not fit into its columns: write the file again, with wider ones"
        elif "," in field:
            hint = "write a point, not a comma, before decimals"
        elif "D" in field.upper():
            hint = "write exponents with E, not D as Fortran does"
        raise InputError(f"{path}: '{text}', of {where}, is no number; {hint}.") from None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[TextIOWrapper]:
    """The text of an extended XYZ file, compressed or not; letters that are no UTF-8 are replaced."""
    with reading(path, "an extended XYZ file", "write it again"):
        if path.suffix.lower() not in PACKED:
            file: TextIOWrapper = path.open(encoding="utf-8", errors="replace")
        else:
            file = PACKED[path.suffix.lower()](path, "rt", encoding="utf-8", errors="replace")
        with file:
            yield file


def _line(path: Path, file: TextIOWrapper) -> str:
    line = file.readline(_LONGEST_LINE + 1)
    if len(line) > _LONGEST_LINE:
        raise InputError(f"{path}: a line has more than {_LONGEST_LINE} characters, so this is no extended XYZ file.")
    return line


def _count(path: Path, frame: int, line: str) -> int:
    text = line.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InputError(
            f"{path}: '{printable(text[:30])}' stands where frame {frame} should begin with its number of atoms; check "
            "the frame before it."
        )
    if not 0 < int(text) <= MOST_ATOMS:
        raise InputError(f"{path}: frame {frame} is to have {int(text):.6g} atoms; 1 to {MOST_ATOMS} are read.")
    return int(text)


def _check_frame(path: Path, frame: int, count: int, file: TextIOWrapper) -> None:
    comment = _line(path, file)
    with reading(path, "an extended XYZ file", f"correct the second line of frame {frame}"):
        columns = key_val_str_to_dict(comment.strip()).get("Properties", "") if comment.strip() else ""
    widths = dict(_columns(path, frame, str(columns or _PLAIN)))
    species = next((begin for name, (begin, _) in widths.items() if name in _SPECIES), None)
    total = sum(width for _, width in widths.values())
    for atom in range(1, count + 1):
        fields = _line(path, file).split()
        if len(fields) < total:
            raise InputError(
                f"{path}: frame {frame} has {len(fields)} columns for atom {atom}, not {total}; it is cut off, or its "
                "number of atoms is wrong."
            )
        if species is not None and fields[species].capitalize() not in atomic_numbers:
            symbol = printable(fields[species][:20])
            hint = "; write H for D and T" if symbol.upper() in ("D", "T") else "; write the symbol, such as C"
            raise InputError(f"{path}: atom {atom} of frame {frame} is '{symbol}', which is no element{hint}.")
        if not columns and len(fields) > total + 2:
            raise InputError(
                f"{path}: the columns {total + 1} to {len(fields)} of frame {frame} have no names; write, say, "
                f"Properties={_PLAIN}:forces:R:3 into its second line if they are forces."
            )


def _columns(path: Path, frame: int, text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, place and width of each group of columns."""
    parts = text.split(":")
    triples = _triples(text)
    begin = 0
    for name, kind, width in triples if len(parts) % 3 == 0 else ():
        if kind not in ("S", "R", "I", "L") or not (width.isascii() and width.isdigit() and 0 < int(width[:9]) < 1000):
            break
        yield name, (begin, int(width))
        begin += int(width)
    else:
        if triples and len(parts) % 3 == 0:
            return
    raise InputError(
        f"{path}: the Properties of frame {frame} are '{printable(text[:60])}', not name:type:columns for each group "
        "of columns."
    )


def _triples(text: str) -> list[tuple[str, str, str]]:
    parts = text.split(":")
    return list(zip(parts[::3], parts[1::3], parts[2::3], strict=False))
