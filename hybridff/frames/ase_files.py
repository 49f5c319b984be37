"""Frames in extended XYZ files and whatever else ASE reads."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np

from hybridff.errors import InputError
from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import WantedUnits
from hybridff.molecules.molecule import element_symbol
from hybridff.units import ENERGIES, LENGTHS

_ASE_UNITS = ("angstrom", "ev")


def read_ase(path: Path, wanted: WantedUnits) -> Frames:
    """Read one file by ASE; ``wanted`` are the units of an XYZ file. Raises ``InputError`` for a file of no use."""
    if path.suffix.lower() in (".xyz", ".extxyz"):
        units = wanted.units(*_ASE_UNITS)
    elif any(wanted):
        raise InputError(f"{path}: ASE converts this kind of file to eV and Å itself; leave the unit options out.")
    else:
        units = WantedUnits(None, None, None).units(*_ASE_UNITS)
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
    except Exception as error:  # the readers of a hundred formats raise whatever a wrong line leads to
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
