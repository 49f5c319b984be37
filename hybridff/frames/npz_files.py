"""Frames in npz files: sGDML's layout, hybridff's own, and others with the same keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.arrays import names_of_arrays, numbers_in, read_arrays, text_in
from hybridff.errors import InputError
from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import FileUnits, WantedUnits, unit_name
from hybridff.frames.whole import whole_positions
from hybridff.units import ENERGIES, LENGTHS

_OWN_LAYOUT = ("angstrom", "kcal/mol")
_NUMBERS = ("z", "R", "E", "F")
_KEYS = (*_NUMBERS, "lattice", "type", "name", "smiles", "theory", "source", "r_unit", "e_unit")


def read_npz(path: Path, wanted: WantedUnits) -> Frames:
    """Read one npz file; ``wanted`` are the units where it names none. Raises ``InputError`` for a file of no use."""
    arrays = read_arrays(path, _KEYS)
    kind = text_in(arrays, "type")
    if kind not in ("", "d"):
        other = {"m": "a trained model", "t": "a training task"}.get(kind, f"of type '{kind}'")
        raise InputError(f"{path}: this sGDML file is {other}, not a data set (type 'd').")
    missing = [key for key in _NUMBERS if key not in arrays]
    if missing:
        raise InputError(
            f"{path}: of the keys z, R, E, F the file lacks {', '.join(missing)}; it has "
            f"{', '.join(sorted(names_of_arrays(path))) or 'no keys at all'}."
        )
    numbers, positions, energies, forces = _checked_arrays(path, arrays)
    units = _npz_units(path, arrays, wanted)
    positions, notes = _whole(path, arrays, numbers, positions * LENGTHS[units.length], LENGTHS[units.length])
    return Frames(
        numbers=numbers,
        positions=positions,
        energies=energies * ENERGIES[units.energy],
        forces=None if forces is None else forces * units.force,
        name=text_in(arrays, "name") or path.stem,
        smiles=text_in(arrays, "smiles") or None,
        theory=text_in(arrays, "theory"),
        source=text_in(arrays, "source") or path.name,
        file_units=units,
        notes=notes,
    )


def read_npz_geometries(path: Path, unit: str | None) -> tuple[np.ndarray, np.ndarray, str, str, tuple[str, ...]]:
    """Atomic numbers, positions [nm], name, SMILES ("" for none) and notes of a file that needs no energies.

    ``unit`` is that of its positions where it names none. Raises ``InputError`` for a file of no use.
    """
    arrays = read_arrays(path, _KEYS)
    missing = [key for key in ("z", "R") if key not in arrays]
    if missing:
        raise InputError(f"{path}: the file lacks {', '.join(missing)}; geometries are z and R.")
    count = len(arrays["R"]) if arrays["R"].ndim else 0
    none = {"E": np.zeros(count), "F": np.zeros((0, 0, 0))}
    numbers, positions, _, _ = _checked_arrays(path, {**arrays, **none})
    own_layout = text_in(arrays, "theory") and text_in(arrays, "smiles")
    stated = text_in(arrays, "r_unit") or (_OWN_LAYOUT[0] if own_layout else "")
    length = _file_or_wanted(path, "length", stated, unit, LENGTHS)
    positions, notes = _whole(path, arrays, numbers, positions * LENGTHS[length], LENGTHS[length])
    return numbers, positions, text_in(arrays, "name") or path.stem, text_in(arrays, "smiles"), notes


def _whole(
    path: Path, arrays: dict[str, np.ndarray], numbers: np.ndarray, positions: np.ndarray, unit: float
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Positions [nm] of whole molecules, and what to say; sGDML's ``lattice`` has the vectors of a box as columns."""
    if "lattice" not in arrays:
        return positions, ()
    box = numbers_in(path, arrays, "lattice", (3, 3)).astype(float).T * unit
    return whole_positions(path, numbers, positions, np.broadcast_to(box, (len(positions), 3, 3)))


def _checked_arrays(path: Path, arrays: dict[str, np.ndarray]) -> tuple[Any, Any, Any, Any]:
    """Atomic numbers, positions, energies and forces (None for none) in the file's units; shapes and types checked."""
    z, R, E, F = (arrays[key] for key in _NUMBERS)
    for key, array in zip(_NUMBERS, (z, R, E, F), strict=True):
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
    if F.shape != R.shape and (F.ndim == 0 or len(F) != 0):
        raise InputError(
            f"{path}: F has the shape {F.shape}; it must be {R.shape} like R (or (0, {len(z)}, 3) for none)."
        )
    forces = F.astype(float) if len(F) else None
    return z.astype(int), R.astype(float), E.astype(float).reshape(-1), forces


def _npz_units(path: Path, arrays: dict[str, np.ndarray], wanted: WantedUnits) -> FileUnits:
    length, energy = text_in(arrays, "r_unit"), text_in(arrays, "e_unit")
    own_layout = text_in(arrays, "theory") and text_in(arrays, "smiles")
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
