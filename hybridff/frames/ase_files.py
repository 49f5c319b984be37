"""Frames in extended XYZ files and whatever else ASE reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import ase.io
import numpy as np

from hybridff.errors import InputError
from hybridff.foreign import check_file, printable, reading, refuse_compressed
from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import WantedUnits
from hybridff.frames.whole import whole_positions
from hybridff.frames.xyz_files import PACKED, check_numbers, check_xyz, opened
from hybridff.molecules.molecule import element_symbol
from hybridff.units import ENERGIES, LENGTHS

_ASE_UNITS = ("angstrom", "ev")
_XYZ = (".xyz", ".extxyz")

ENERGY_KEYS: Final = ("energy", "REF_energy", "ref_energy", "DFT_energy", "dft_energy", "free_energy")
"""Names under which energies are read: ASE's, those of MACE and GAP, and ASE's energy with the electrons' entropy."""
FORCE_KEYS: Final = ("forces", "REF_forces", "ref_forces", "DFT_forces", "dft_forces", "dft_force", "force")
"""Names under which forces are read: ASE's, those of MACE, and those of GAP."""
GRADIENT_KEYS: Final = ("gradients", "gradient")
"""Names under which minus the forces are read."""
_OWN: Final = {"numbers", "positions", "momenta", "velocities", "masses", "tags", "initial_charges", "initial_magmoms"}


def read_ase(path: Path, wanted: WantedUnits) -> Frames:
    """Read one file by ASE; ``wanted`` are the units of an XYZ file. Raises ``InputError`` for a file of no use."""
    if _is_xyz(path):
        units = wanted.units(*_ASE_UNITS)
    elif any(wanted):
        raise InputError(f"{path}: ASE converts this kind of file to eV and Å itself; leave the unit options out.")
    else:
        units = WantedUnits(None, None, None).units(*_ASE_UNITS)
    images = ase_images(path)
    numbers = images[0].numbers
    for frame, image in enumerate(images):
        _check_same_atoms(path, frame, numbers, image.numbers)
    energy_key, forces_key = _energy_key(path, images), _forces_key(path, images)
    energies = [_energy(path, frame, image, energy_key) for frame, image in enumerate(images)]
    forces = None
    if forces_key is not None:
        forces = np.array(
            [_sign(forces_key) * _vectors(path, frame, image, forces_key) for frame, image in enumerate(images)]
        )
    positions, cut = whole_images(path, images, LENGTHS[units.length])
    return Frames(
        numbers=numbers.astype(int),
        positions=positions,
        energies=np.array(energies) * ENERGIES[units.energy],
        forces=None if forces is None else forces * units.force,
        name=path.stem,
        source=path.name,
        file_units=units,
        notes=(*_notes(energy_key, forces_key, images[0]), *cut),
    )


def _xyz_images(path: Path) -> list[Any]:
    """Frames of an extended XYZ file, whatever the encoding of its comments."""
    with opened(path) as file:
        return list(ase.io.read(file, index=":", format="extxyz"))


def _is_xyz(path: Path) -> bool:
    """Whether a file is extended XYZ by its name, compressed or not."""
    return path.suffix.lower() in _XYZ or (path.suffix.lower() in PACKED and Path(path.stem).suffix.lower() in _XYZ)


def ase_images(path: Path) -> list[Any]:
    """The frames of a file as ASE reads them, at least one; raises ``InputError`` where it is none of ASE's."""
    check_file(path)
    is_xyz = _is_xyz(path)
    if is_xyz:
        check_xyz(path)
    elif Path(path.stem).suffix.lower() == ".npz":
        refuse_compressed(path)
    try:
        with reading(path, "a file of frames", "ASE cannot read it: use npz or extended XYZ"):
            images = _xyz_images(path) if is_xyz else list(ase.io.read(path, index=":"))
    except InputError:
        if is_xyz:
            check_numbers(path)
        raise
    if not images:
        raise InputError(f"{path}: the file has no frames.")
    numbers = images[0].numbers
    if not len(numbers) or numbers.min() < 1 or numbers.max() > 118:
        raise InputError(f"{path}: frame 1 has no atoms, or an atom that is no element.")
    return images


def whole_images(path: Path, images: Sequence[Any], unit: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Positions [nm] of frames of the same atoms, whole where a periodic box has cut the molecule, and what to say.

    ``unit`` is that of the file's lengths [nm]. Raises ``InputError`` for crystals.
    """
    positions = np.array([image.positions for image in images], dtype=float) * unit
    boxes = np.array([image.cell.array * bool(image.pbc.any()) for image in images]) * unit
    return whole_positions(path, images[0].numbers, positions, boxes, images[0].pbc)


def _results(image: Any) -> dict[str, Any]:
    """Numbers of a frame by their names, per frame and per atom."""
    calculated = {} if image.calc is None else image.calc.results
    return {**image.info, **{key: value for key, value in image.arrays.items() if key not in _OWN}, **calculated}


def _energy_key(path: Path, images: Sequence[Any]) -> str:
    key = _one_key(path, images, ENERGY_KEYS)
    if key is not None:
        return key
    found = _results(images[0])
    if "energies" in found:
        return "energies"
    others = sorted(printable(name) for name, value in found.items() if _is_number(value))
    hint = f"of its numbers ({', '.join(others[:10])}) name the one that it is" if others else "write it as"
    raise InputError(f"{path}: frame 1 has no 'energy'; {hint} 'energy' and read again.")


def _forces_key(path: Path, images: Sequence[Any]) -> str | None:
    key = _one_key(path, images, (*FORCE_KEYS, *GRADIENT_KEYS))
    with_forces = [key in _results(image) for image in images]
    if key is not None and not all(with_forces):
        frame = with_forces.index(False) + 1
        raise InputError(f"{path}: frame {frame} has no {key} but others have; give all or none.")
    return key


def _one_key(path: Path, images: Sequence[Any], keys: Sequence[str]) -> str | None:
    """The first of some names that any frame has; raises ``InputError`` where frame 1 has two that differ."""
    names = [key for key in keys if any(key in _results(image) for image in images)]
    first = _results(images[0])
    for other in names[1:]:
        if {names[0], other} == {"energy", "free_energy"} or not {names[0], other} <= first.keys():
            continue
        with reading(path, "a file of frames", "write the file again"):
            a, b = (_sign(key) * np.asarray(first[key], dtype=float) for key in (names[0], other))
            agree = a.shape == b.shape and np.allclose(a, b, rtol=0.0, atol=1e-6)
        if not agree:
            raise InputError(f"{path}: frame 1 has {names[0]} and {other}, which differ; keep the one that is meant.")
    return names[0] if names else None


def _sign(key: str) -> float:
    return -1.0 if key in GRADIENT_KEYS else 1.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _array(value: Any) -> np.ndarray:
    """A value as an array; one of no numbers where it is none, such as lists of different lengths."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.array(None, dtype=object)


def _energy(path: Path, frame: int, image: Any, key: str) -> float:
    found = _results(image)
    if key not in found:
        raise InputError(f"{path}: frame {frame + 1} has no '{key}' but others have; give it to all frames.")
    value = _array(found[key])
    if value.dtype.kind not in "iuf" or value.shape not in ((), (1,), (len(image),)):
        raise InputError(f"{path}: '{key}' of frame {frame + 1} is not a number; write the file again.")
    if key != "energies" and value.size != 1:
        raise InputError(f"{path}: '{key}' of frame {frame + 1} is {value.size} numbers, not one.")
    return float(value.sum())


def _vectors(path: Path, frame: int, image: Any, key: str) -> np.ndarray:
    value = _array(_results(image)[key])
    if value.dtype.kind not in "iuf" or value.shape != (len(image), 3):
        raise InputError(f"{path}: '{key}' of frame {frame + 1} is not three numbers for each atom.")
    return value.astype(float)


def _notes(energy_key: str, forces_key: str | None, image: Any) -> tuple[str, ...]:
    """A sentence where numbers come from elsewhere than ASE's own names."""
    notes = []
    if energy_key == "energies":
        notes.append("the energy of a frame is the sum of its atoms' 'energies'.")
    elif energy_key != "energy":
        notes.append(f"the energies are read from '{energy_key}'.")
    if forces_key in GRADIENT_KEYS:
        notes.append(f"the forces are minus the '{forces_key}'.")
    elif forces_key not in (None, "forces"):
        notes.append(f"the forces are read from '{forces_key}'.")
    if forces_key is None:
        shape = (len(image), 3)
        like = sorted(printable(key) for key, value in _results(image).items() if _array(value).shape == shape)
        notes += [f"if {' or '.join(like)} are forces, name them 'forces'."] if like else []
    return tuple(notes)


def _check_same_atoms(path: Path, frame: int, first: np.ndarray, other: np.ndarray) -> None:
    if len(first) != len(other):
        raise InputError(f"{path}: frame {frame + 1} has {len(other)} atoms but frame 1 has {len(first)}.")
    if np.any(first != other):
        atom = int(np.flatnonzero(first != other)[0])
        raise InputError(
            f"{path}: atom {atom + 1} is {element_symbol(int(other[atom]))} in frame {frame + 1} but "
            f"{element_symbol(int(first[atom]))} in frame 1; all frames must have the same atom order."
        )
