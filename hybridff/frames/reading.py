"""Reading frames of data files, one or several.

Layouts that ``read_frames`` knows, and where their units come from:

- npz with ``z, R, E, F`` and ``r_unit``, ``e_unit`` (sGDML; forces in ``e_unit``/``r_unit``): the units named there.
- npz with ``z, R, E, F``, ``theory`` and ``smiles`` but no unit keys (hybridff's own layout): Å, kcal/mol, kcal/mol/Å,
  unless the caller names others.
- any other npz with ``z, R, E, F``: the caller must name the units.
- a folder of labels, which ``hybridff label`` wrote: its own units.
- extended XYZ and whatever else ASE reads: ASE's eV, Å, eV/Å. For XYZ files, which name no units, the caller may name
  others.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Final

import numpy as np

from hybridff.errors import InputError
from hybridff.foreign import check_file
from hybridff.frames.ase_files import read_ase
from hybridff.frames.dataset import Frames, joined
from hybridff.frames.file_units import WantedUnits, unit_name
from hybridff.frames.label_folder import is_label_folder, read_label_folder
from hybridff.frames.npz_files import read_npz
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.units import ENERGIES, LENGTHS

LARGEST_DATA: Final = 2**33
"""Size of a data file, at most [bytes]."""


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
    wanted = WantedUnits(
        unit_name(length_unit, LENGTHS, "length") if length_unit else None,
        unit_name(energy_unit, ENERGIES, "energy") if energy_unit else None,
        force_unit,
    )
    parts = [_read_one(path, wanted) for path in files]
    for path, part in zip(files, parts, strict=True):
        if molecule is not None:
            check_same_elements(molecule, part.numbers, str(path))
        _check_together(files[0], parts[0], path, part)
    return reduce(_joined, parts)


def _read_one(path: Path, wanted: WantedUnits) -> Frames:
    if is_label_folder(path):
        return read_label_folder(path)
    check_file(path, LARGEST_DATA)
    return read_npz(path, wanted) if path.suffix.lower() == ".npz" else read_ase(path, wanted)


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
    sources = dict.fromkeys([*first.source.split("; "), *second.source.split("; ")])
    return replace(
        joined([first, second]),
        smiles=first.smiles or second.smiles,
        source="; ".join(sources),
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
        file_units=first.file_units if first.file_units == second.file_units else None,
    )
