"""Frames in npz files: sGDML's layout, hybridff's own, and others with the same keys."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.errors import InputError
from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import FileUnits, WantedUnits, unit_name
from hybridff.units import ENERGIES, LENGTHS

_OWN_LAYOUT = ("angstrom", "kcal/mol")


def read_npz(path: Path, wanted: WantedUnits) -> Frames:
    """Read one npz file; ``wanted`` are the units where it names none. Raises ``InputError`` for a file of no use."""
    arrays = _load_npz(path)
    kind = _text(arrays, "type")
    if kind not in ("", "d"):
        other = {"m": "a trained model", "t": "a training task"}.get(kind, f"of type '{kind}'")
        raise InputError(f"{path}: this sGDML file is {other}, not a data set (type 'd').")
    missing = [key for key in ("z", "R", "E", "F") if key not in arrays]
    if missing:
        raise InputError(
            f"{path}: of the keys z, R, E, F the file lacks {', '.join(missing)}; it has "
            f"{', '.join(sorted(arrays)) or 'no keys at all'}."
        )
    numbers, positions, energies, forces = _checked_arrays(path, arrays)
    units = _npz_units(path, arrays, wanted)
    return Frames(
        numbers=numbers,
        positions=positions * LENGTHS[units.length],
        energies=energies * ENERGIES[units.energy],
        forces=None if forces is None else forces * units.force,
        name=_text(arrays, "name") or path.stem,
        smiles=_text(arrays, "smiles") or None,
        theory=_text(arrays, "theory"),
        source=_text(arrays, "source") or path.name,
        file_units=units,
    )


def read_npz_geometries(path: Path, unit: str | None) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Atomic numbers, positions [nm], name and SMILES ("" for none) of a file that needs no energies.

    ``unit`` is that of its positions where it names none. Raises ``InputError`` for a file of no use.
    """
    arrays = _load_npz(path)
    missing = [key for key in ("z", "R") if key not in arrays]
    if missing:
        raise InputError(f"{path}: the file lacks {', '.join(missing)}; geometries are z and R.")
    count = len(arrays["R"]) if arrays["R"].ndim else 0
    none = {"E": np.zeros(count), "F": np.zeros((0, 0, 0))}
    numbers, positions, _, _ = _checked_arrays(path, {**arrays, **none})
    own_layout = _text(arrays, "theory") and _text(arrays, "smiles")
    stated = _text(arrays, "r_unit") or (_OWN_LAYOUT[0] if own_layout else "")
    length = _file_or_wanted(path, "length", stated, unit, LENGTHS)
    return numbers, positions * LENGTHS[length], _text(arrays, "name") or path.stem, _text(arrays, "smiles")


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: this is not a complete npz file; it is cut off or of another kind.")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, EOFError, KeyError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: the npz file is damaged ({error}); copy or make it again.") from error
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path}: the npz file holds pickled Python objects, which are not read because they can run code; "
                "save its arrays as plain numbers and strings."
            ) from error
        raise InputError(f"{path}: the npz file is damaged ({error}); copy or make it again.") from error
    return {key: array for key, array in arrays.items() if isinstance(array, np.ndarray)}


def _checked_arrays(path: Path, arrays: dict[str, np.ndarray]) -> tuple[Any, Any, Any, Any]:
    """Atomic numbers, positions, energies and forces (None for none) in the file's units; shapes and types checked."""
    z, R, E, F = (arrays[key] for key in ("z", "R", "E", "F"))
    for key, array in (("z", z), ("R", R), ("E", E), ("F", F)):
        if array.dtype.kind not in "iuf":
            raise InputError(f"{path}: {key} holds no numbers (its type is {array.dtype}).")
    if z.ndim != 1 or len(z) == 0 or np.any(z != np.round(z)) or np.any((z < 1) | (z > 118)):
        raise InputError(f"{path}: z must be one row of atomic numbers from 1 to 118, one for each atom.")
    if R.ndim != 3 or R.shape[1:] != (len(z), 3):
        raise InputError(f"{path}: R has the shape {R.shape}; it must be (frames, {len(z)}, 3) to match z.")
    if len(R) == 0:
        raise InputError(f"{path}: the file has no frames.")
    if E.size != len(R) or E.ndim not in (1, 2):
        raise InputError(f"{path}: E has the shape {E.shape}; it must be ({len(R)},) to match the frames of R.")
    if F.shape != R.shape and len(F) != 0:
        raise InputError(
            f"{path}: F has the shape {F.shape}; it must be {R.shape} like R (or (0, {len(z)}, 3) for none)."
        )
    forces = F.astype(float) if len(F) else None
    return z.astype(int), R.astype(float), E.astype(float).reshape(-1), forces


def _npz_units(path: Path, arrays: dict[str, np.ndarray], wanted: WantedUnits) -> FileUnits:
    length, energy = _text(arrays, "r_unit"), _text(arrays, "e_unit")
    own_layout = _text(arrays, "theory") and _text(arrays, "smiles")
    if not (length or energy) and own_layout:
        return wanted.units(*_OWN_LAYOUT)
    lengths = _file_or_wanted(path, "length", length, wanted.length, LENGTHS)
    energies = _file_or_wanted(path, "energy", energy, wanted.energy, ENERGIES)
    return wanted._replace(length=None, energy=None).units(lengths, energies)


def _file_or_wanted(path: Path, kind: str, stated: str, wanted: str | None, sizes: Mapping[str, float]) -> str:
    if not stated:
        if wanted is None:
            raise InputError(
                f"{path}: the file does not name its unit of {kind}; give it (option {kind}_unit: {', '.join(sizes)})."
            )
        return wanted
    in_file = unit_name(stated, sizes, kind, str(path))
    if wanted not in (None, in_file):
        raise InputError(
            f"{path}: the file gives its unit of {kind} as {in_file} but {wanted} is asked for; leave the option out, "
            "or correct the file."
        )
    return in_file


def _text(arrays: dict[str, np.ndarray], key: str) -> str:
    """A string of the file, or '' where there is none."""
    if key not in arrays or arrays[key].size != 1:
        return ""
    value = arrays[key].reshape(-1)[0]
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()
