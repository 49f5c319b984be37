"""Files of geometries with all that labelling has to know of their molecule: npz and extended XYZ."""

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_file
from hybridff.units import ANGSTROM

SUFFIXES = (".npz", ".xyz", ".extxyz")
"""Endings of files that are written."""


def check_suffix(path: Path) -> None:
    """Raise ``InputError`` for a file that is not written here."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write geometries as {path}: its name has to end in {', '.join(SUFFIXES)}.")


def write_geometries(
    path: Path,
    molecule: Molecule,
    positions: Float[np.ndarray, "frames atoms 3"],
    origins: Sequence[tuple[str, float | None]],
) -> None:
    """Write geometries [nm] of a molecule in Å, with its atom-mapped SMILES and name, whole or not at all.

    ``origins`` are words for how each was made, and its temperature [K] where it has one. ``read_geometries`` reads the
    file.
    Raises ``InputError`` for other endings than .npz, .xyz and .extxyz, and where the file cannot be written.
    """
    check_suffix(path)
    with new_file(path) as temporary:
        if path.suffix.lower() == ".npz":
            with temporary.open("wb") as file:
                np.savez_compressed(
                    file,
                    z=molecule.numbers.astype(np.int16),
                    R=positions / ANGSTROM,
                    r_unit="Ang",
                    name=molecule.name,
                    smiles=str(molecule.smiles),
                    kind=np.array([kind for kind, _ in origins]),
                    temperature=np.array([np.nan if kelvin is None else kelvin for _, kelvin in origins]),
                )
            return
        images = []
        for own, (kind, kelvin) in zip(positions, origins, strict=True):
            image = ase.Atoms(molecule.numbers, own / ANGSTROM)
            image.info = {"name": _escaped(molecule.name), "smiles": _escaped(str(molecule.smiles)), "kind": kind}
            image.info |= {} if kelvin is None else {"temperature": kelvin}
            images.append(image)
        ase.io.write(temporary, images, format="extxyz")


def _escaped(text: str) -> str:
    """A text that ASE reads as it was: its writer leaves backslashes as they are, its reader does not."""
    return text.replace("\\", "\\\\")
