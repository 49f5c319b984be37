"""Geometries without reference energies, which are to be labelled: npz, SDF, and whatever else ASE reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.foreign import LARGEST_STRUCTURE, check_file, reading
from hybridff.frames.ase_files import ase_images, whole_images
from hybridff.frames.file_units import unit_name
from hybridff.frames.npz_files import read_npz_geometries
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.molecules.parsing import rdkit_messages
from hybridff.units import ANGSTROM, LENGTHS


@dataclass(frozen=True, eq=False)
class Geometries:
    """Geometries of one molecule."""

    numbers: Int[np.ndarray, " atoms"]
    """Atomic numbers."""
    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions [nm]."""
    name: str
    """Name of the molecule, or of the file."""
    molecule: Molecule | None = None
    """The molecule, where the file says which it is."""
    notes: tuple[str, ...] = ()
    """What the reader has to say about the files, in sentences."""


def read_geometries(paths: Sequence[str | Path], length_unit: str | None = None) -> Geometries:
    """Geometries of one or several files of the same molecule.

    ``length_unit`` is that of npz and XYZ files that name none. Raises ``InputError`` for files that cannot be read, or
    do not belong together.
    """
    if not paths:
        raise InputError("no file of geometries is given.")
    unit = unit_name(length_unit, LENGTHS, "length") if length_unit else None
    parts = [_read_one(Path(path), unit) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if not np.array_equal(part.numbers, parts[0].numbers):
            raise InputError(f"{path} holds other atoms, or another order of atoms, than {paths[0]}; label them apart.")
    molecule = next((part.molecule for part in parts if part.molecule is not None), None)
    positions = np.concatenate([part.positions for part in parts])
    notes = tuple(note for part in parts for note in part.notes)
    return Geometries(parts[0].numbers, positions, parts[0].name, molecule, notes)


def _read_one(path: Path, unit: str | None) -> Geometries:
    if path.suffix.lower() == ".npz":
        numbers, positions, name, smiles, notes = read_npz_geometries(path, unit)
        return Geometries(numbers, positions, name, _molecule(path, numbers, smiles, name), notes)
    if path.suffix.lower() in (".sdf", ".mol"):
        return _read_sdf(path)
    images = ase_images(path)
    if any(not np.array_equal(image.numbers, images[0].numbers) for image in images):
        raise InputError(f"{path} holds frames of different atoms; write one molecule in one order.")
    positions, notes = whole_images(path, images, LENGTHS[unit or "angstrom"])
    numbers, about = images[0].numbers.astype(int), images[0].info
    name = str(about.get("name", path.stem))
    molecule = _molecule(path, numbers, str(about.get("smiles", "")), name)
    return Geometries(numbers, positions, name, molecule, notes)


def _molecule(path: Path, numbers: Int[np.ndarray, " atoms"], smiles: str, name: str) -> Molecule | None:
    """The molecule of a file's SMILES, where that has an atom map."""
    if ":" not in smiles:
        return None
    molecule = Molecule.from_smiles(smiles, name)
    check_same_elements(molecule, numbers, f"the atomic numbers of {path}")
    return molecule


def _read_sdf(path: Path) -> Geometries:
    """Conformers of one molecule, as records of an SDF file."""
    check_file(path, LARGEST_STRUCTURE)
    with reading(path, "an SDF file", "write it again"), rdkit_messages():
        records = list(Chem.SDMolSupplier(str(path), removeHs=False))
    if not records or any(record is None or not record.GetNumConformers() for record in records):
        raise InputError(f"{path}: a record of the SDF file cannot be read or has no positions; write it again.")
    molecule = Molecule.from_rdkit(records[0])
    frames = []
    for number, record in enumerate(records, start=1):
        if [atom.GetAtomicNum() for atom in record.GetAtoms()] != molecule.numbers.tolist():
            raise InputError(f"{path}: record {number} has other atoms than the first; label molecules apart.")
        if _bonds(record) != _bonds(records[0]) or Chem.GetFormalCharge(record) != molecule.charge:
            raise InputError(f"{path}: record {number} has other bonds than the first; label molecules apart.")
        frames.append(np.array(record.GetConformer().GetPositions()) * ANGSTROM)
    return Geometries(molecule.numbers, np.array(frames), molecule.name, molecule)


def _bonds(record: Chem.Mol) -> set[frozenset[int]]:
    return {frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in record.GetBonds()}
