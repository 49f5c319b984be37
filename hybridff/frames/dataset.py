"""Frames: reference positions, energies and forces; read, check, split, write.

Layouts that ``read_frames`` knows, and where their units come from:

- npz with ``z, R, E, F`` and ``r_unit``, ``e_unit`` (sGDML; forces in ``e_unit``/``r_unit``): the units named there.
- npz with ``z, R, E, F``, ``theory`` and ``smiles`` but no unit keys (hybridff's own layout): Å, kcal/mol, kcal/mol/Å,
  unless the caller names others.
- any other npz with ``z, R, E, F``: the caller must name the units.
- extended XYZ and whatever else ASE reads: ASE's eV, Å, eV/Å. For XYZ files, which name no units, the caller may name
  others.
"""

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule, check_same_elements, element_symbol
from hybridff.units import ANGSTROM, ENERGIES, FORCE_KCAL, KCAL_MOL, LENGTHS

_ALIASES = {
    "ang": "angstrom",
    "a": "angstrom",
    "å": "angstrom",
    "angstroms": "angstrom",
    "nanometer": "nm",
    "nanometre": "nm",
    "a0": "bohr",
    "kcal": "kcal/mol",
    "kj": "kj/mol",
    "ha": "hartree",
    "eh": "hartree",
    "electronvolt": "ev",
}
_OWN_LAYOUT = ("angstrom", "kcal/mol")
_ASE_UNITS = ("angstrom", "ev")


class Split(NamedTuple):
    """Disjoint rows of a data set; together they are all of it."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]


class FileUnits(NamedTuple):
    """Names of a file's units, keys of ``units.LENGTHS`` and ``units.ENERGIES``; forces are energy per length."""

    length: str
    energy: str
    force_energy: str
    force_length: str

    @property
    def force(self) -> float:
        """Size of the unit of force [kJ/mol/nm]."""
        return ENERGIES[self.force_energy] / LENGTHS[self.force_length]


@dataclass(frozen=True, eq=False)
class Frames:
    """Reference data of one molecule, in internal units.

    ``positions`` [nm], ``energies`` [kJ/mol], ``forces`` [kJ/mol/nm] or None where the file has energies only.
    ``file_units`` are those that the file's numbers were taken to be in, for messages; None where several files differ.
    """

    numbers: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "frames atoms 3"]
    energies: Float[np.ndarray, " frames"]
    forces: Float[np.ndarray, "frames atoms 3"] | None
    name: str = ""
    smiles: str | None = None
    theory: str = ""
    source: str = ""
    file_units: "FileUnits | None" = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.energies)

    def subset(self, rows: Int[np.ndarray, " rows"] | Bool[np.ndarray, " frames"]) -> "Frames":
        """Frames of the given rows (indices or a mask), in that order."""
        return replace(
            self,
            positions=self.positions[rows],
            energies=self.energies[rows],
            forces=None if self.forces is None else self.forces[rows],
        )

    def split(self, train: int, validation: int = 0, seed: int = 0) -> Split:
        """Random rows for training and validation, the rest for testing; the same for the same numbers and seed."""
        if train < 1 or validation < 0:
            raise InputError(f"a split needs at least 1 training frame, not {train} (and {validation} for validation).")
        if train + validation > len(self):
            raise InputError(
                f"{train} training and {validation} validation frames are wanted but {self.name or 'the data'} has "
                f"only {len(self)} usable frames; ask for fewer."
            )
        order = np.random.default_rng(seed).permutation(len(self))
        return Split(order[:train], order[train : train + validation], order[train + validation :])

    def molecule(self, where: str = "") -> Molecule:
        """The molecule of the file's atom-mapped SMILES; messages name the data as ``where``."""
        where = where or self.name or "the data"
        if self.smiles is None:
            raise InputError(f"{where} carries no SMILES; give the molecule (SDF, MOL2 or SMILES).")
        if ":" not in self.smiles:
            raise InputError(
                f"the SMILES '{self.smiles}' of {where} has no atom map, so the order of its atoms is unknown; "
                "give the molecule as SDF, MOL2 or atom-mapped SMILES."
            )
        molecule = Molecule.from_smiles(self.smiles, self.name or None)
        check_same_elements(molecule, self.numbers, f"the atomic numbers of {where}")
        return molecule

    def write(self, path: str | Path) -> None:
        """Write an npz file that ``read_frames`` and sGDML's tools read, replacing the old one in a single step."""
        no_forces = np.empty((0, len(self.numbers), 3))
        arrays: dict[str, Any] = {
            "type": "d",
            "z": self.numbers.astype(np.int16),
            "R": self.positions / ANGSTROM,
            "E": self.energies / KCAL_MOL,
            "F": no_forces if self.forces is None else self.forces / FORCE_KCAL,
            "r_unit": "Ang",
            "e_unit": "kcal/mol",
            "name": self.name,
            "theory": self.theory,
            "source": self.source,
        }
        if self.smiles is not None:
            arrays["smiles"] = self.smiles
        _write_npz(Path(path), arrays)


class _Wanted(NamedTuple):
    """Units that the caller names; they stand in where a file has none."""

    length: str | None
    energy: str | None
    force: str | None

    def units(self, length: str, energy: str) -> FileUnits:
        """Units with defaults for what the caller leaves open; forces are energy/length unless named."""
        length, energy = self.length or length, self.energy or energy
        return FileUnits(length, energy, *(_force_unit(self.force) if self.force else (energy, length)))


def read_frames(
    paths: str | Path | Sequence[str | Path],
    *,
    molecule: Molecule | None = None,
    length_unit: str | None = None,
    energy_unit: str | None = None,
    force_unit: str | None = None,
) -> Frames:
    """Read one or several files of the same molecule and level of theory.

    Units are those of the file; see the module's docstring for the layouts. ``force_unit`` is written as
    ``hartree/bohr``. Raises ``InputError`` for files that cannot be read, whose units are unknown, that do not belong
    together, or whose elements are not the molecule's.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise InputError("no data file is given.")
    wanted = _Wanted(
        _unit(length_unit, LENGTHS, "length") if length_unit else None,
        _unit(energy_unit, ENERGIES, "energy") if energy_unit else None,
        force_unit,
    )
    parts = [_read_one(path, wanted) for path in files]
    for path, part in zip(files, parts, strict=True):
        if molecule is not None:
            check_same_elements(molecule, part.numbers, str(path))
        _check_together(files[0], parts[0], path, part)
    return reduce(_joined, parts)


def _read_one(path: Path, wanted: _Wanted) -> Frames:
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the data file itself.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty.")
    return _read_npz(path, wanted) if path.suffix.lower() == ".npz" else _read_ase(path, wanted)


def _read_npz(path: Path, wanted: _Wanted) -> Frames:
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


def _npz_units(path: Path, arrays: dict[str, np.ndarray], wanted: _Wanted) -> FileUnits:
    length, energy = _text(arrays, "r_unit"), _text(arrays, "e_unit")
    own_layout = _text(arrays, "theory") and _text(arrays, "smiles")
    if not (length or energy) and own_layout:
        return wanted.units(*_OWN_LAYOUT)
    lengths = _file_or_wanted(path, "length", length, wanted.length, LENGTHS)
    energies = _file_or_wanted(path, "energy", energy, wanted.energy, ENERGIES)
    return wanted._replace(length=None, energy=None).units(lengths, energies)


def _file_or_wanted(path: Path, kind: str, stated: str, wanted: str | None, sizes: Any) -> str:
    if not stated:
        if wanted is None:
            raise InputError(
                f"{path}: the file does not name its unit of {kind}; give it (option {kind}_unit: {', '.join(sizes)})."
            )
        return wanted
    in_file = _unit(stated, sizes, kind, str(path))
    if wanted not in (None, in_file):
        raise InputError(
            f"{path}: the file gives its unit of {kind} as {in_file} but {wanted} is asked for; leave the option out, "
            "or correct the file."
        )
    return in_file


def _unit(text: str, sizes: Any, kind: str, where: str = "the options") -> str:
    name = text.strip().lower()
    name = _ALIASES.get(name, name)
    if name not in sizes:
        raise InputError(f"{where}: '{text}' is not a known unit of {kind}; use one of {', '.join(sizes)}.")
    return name


def _force_unit(text: str) -> tuple[str, str]:
    energy, _, length = text.rpartition("/")
    if not energy:
        raise InputError(f"'{text}' is not a unit of force; write energy/length, for instance hartree/bohr.")
    return _unit(energy, ENERGIES, "energy"), _unit(length, LENGTHS, "length")


def _text(arrays: dict[str, np.ndarray], key: str) -> str:
    """A string of the file, or '' where there is none."""
    if key not in arrays or arrays[key].size != 1:
        return ""
    value = arrays[key].reshape(-1)[0]
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip()


def _read_ase(path: Path, wanted: _Wanted) -> Frames:
    if path.suffix.lower() in (".xyz", ".extxyz"):
        units = wanted.units(*_ASE_UNITS)
    elif any(wanted):
        raise InputError(f"{path}: ASE converts this kind of file to eV and Å itself; leave the unit options out.")
    else:
        units = _Wanted(None, None, None).units(*_ASE_UNITS)
    images = _ase_images(path)
    numbers = images[0].numbers
    for frame, image in enumerate(images):
        _check_same_atoms(path, frame, numbers, image.numbers)
    energies = [_ase_result(path, frame, image, "energy") for frame, image in enumerate(images)]
    with_forces = ["forces" in _ase_results(image) for image in images]
    if any(with_forces) and not all(with_forces):
        raise InputError(
            f"{path}: frame {with_forces.index(False) + 1} has no forces but others have; give all or none."
        )
    forces = (
        [_ase_result(path, frame, image, "forces") for frame, image in enumerate(images)] if with_forces[0] else None
    )
    return Frames(
        numbers=numbers.astype(int),
        positions=_ase_numbers(path, "positions", [image.positions for image in images]) * LENGTHS[units.length],
        energies=_ase_numbers(path, "energy", energies) * ENERGIES[units.energy],
        forces=None if forces is None else _ase_numbers(path, "forces", forces) * units.force,
        name=path.stem,
        source=path.name,
        file_units=units,
    )


def _ase_numbers(path: Path, key: str, values: list[Any]) -> np.ndarray:
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: '{key}' is not a number everywhere ({error}); write the file again.") from error


def _ase_images(path: Path) -> list[Any]:
    try:
        images = ase.io.read(path, index=":")
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: ASE cannot read this file ({reason}); use npz or extended XYZ.") from error
    if not images:
        raise InputError(f"{path}: the file has no frames.")
    return list(images)


def _ase_results(image: Any) -> dict[str, Any]:
    return {} if image.calc is None else image.calc.results


def _ase_result(path: Path, frame: int, image: Any, key: str) -> Any:
    results = _ase_results(image)
    if key not in results:
        others = sorted({*image.info, *image.arrays} - {"numbers", "positions"})
        hint = f"; it has {', '.join(others)}" if others else ""
        raise InputError(
            f"{path}: frame {frame + 1} has no '{key}'{hint}. Name it 'energy' (and 'forces') and read again."
        )
    return results[key]


def _check_same_atoms(path: Path, frame: int, first: np.ndarray, other: np.ndarray) -> None:
    if len(first) != len(other):
        raise InputError(f"{path}: frame {frame + 1} has {len(other)} atoms but frame 1 has {len(first)}.")
    if np.any(first != other):
        atom = int(np.flatnonzero(first != other)[0])
        raise InputError(
            f"{path}: atom {atom + 1} is {element_symbol(int(other[atom]))} in frame {frame + 1} but "
            f"{element_symbol(int(first[atom]))} in frame 1; all frames must have the same atom order."
        )


def _check_together(first_path: Path, first: Frames, path: Path, frames: Frames) -> None:
    """Refuse to mix molecules, levels of theory, or files with and without forces."""
    if len(first.numbers) != len(frames.numbers) or np.any(first.numbers != frames.numbers):
        raise InputError(f"{path} holds other atoms, or another order of atoms, than {first_path}; read them apart.")
    if first.theory != frames.theory:
        raise InputError(
            f"{path} is at {frames.theory or 'an unnamed level of theory'} but {first_path} at "
            f"{first.theory or 'an unnamed level'}; energies of different levels cannot be mixed."
        )
    if (first.forces is None) != (frames.forces is None):
        without = first_path if first.forces is None else path
        raise InputError(f"{without} has no forces but the other file has; give both or neither with forces.")
    if None not in (first.smiles, frames.smiles) and not _same_bonds(first, frames):
        raise InputError(f"{path} has another molecule ({frames.smiles}) than {first_path} ({first.smiles}).")


def _same_bonds(first: Frames, other: Frames) -> bool:
    if first.smiles == other.smiles:
        return True
    pairs = [{frozenset(bond) for bond in frames.molecule().bonds.tolist()} for frames in (first, other)]
    return pairs[0] == pairs[1]


def _joined(first: Frames, second: Frames) -> Frames:
    forces = None
    if first.forces is not None and second.forces is not None:
        forces = np.concatenate([first.forces, second.forces])
    sources = dict.fromkeys([*first.source.split("; "), *second.source.split("; ")])
    return replace(
        first,
        positions=np.concatenate([first.positions, second.positions]),
        energies=np.concatenate([first.energies, second.energies]),
        forces=forces,
        smiles=first.smiles or second.smiles,
        source="; ".join(sources),
        file_units=first.file_units if first.file_units == second.file_units else None,
    )


def _write_npz(path: Path, arrays: dict[str, Any]) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
