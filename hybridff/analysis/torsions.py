"""Torsions of a molecule: by numbers of atoms, their angles in frames, and what turns with them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.errors import InputError
from hybridff.geometry import torsion
from hybridff.molecules.molecule import Molecule

Torsion = tuple[int, int, int, int]
"""Four atoms, each bonded to the next, counted from 0."""


def parse_torsion(text: str, molecule: Molecule) -> Torsion:
    """Atoms of "3,1,2,9", counted from 1, as counted from 0.

    Raises ``InputError`` for what are no four atoms bonded in a chain, and where the middle bond is in a ring.
    """
    try:
        atoms = tuple(int(part) - 1 for part in text.split(","))
    except ValueError:
        atoms = ()
    n = len(molecule.numbers)
    if len(atoms) != 4 or len(set(atoms)) != 4 or not all(0 <= atom < n for atom in atoms):
        raise InputError(f"{text} is no torsion of {molecule.name}: give four numbers of atoms from 1 to {n}.")
    i, j, k, m = atoms
    bonds = {frozenset(bond) for bond in molecule.bonds.tolist()}
    if not all(frozenset(pair) in bonds for pair in ((i, j), (j, k), (k, m))):
        raise InputError(
            f"the atoms {', '.join(molecule.label(atom) for atom in atoms)} are not bonded in a chain; give a torsion."
        )
    if j in far_side(molecule, j, k):
        raise InputError(f"the bond {molecule.label(j)}-{molecule.label(k)} is in a ring, which cannot be turned.")
    return i, j, k, m


def torsion_name(molecule: Molecule, atoms: Torsion) -> str:
    """Labels of the four atoms, such as "C2-C1-O3-H9"."""
    return "-".join(molecule.label(atom) for atom in atoms)


def far_side(molecule: Molecule, near: int, far: int) -> list[int]:
    """Atoms on the side of ``far`` of a bond between two atoms; those of the other side too where a ring joins them."""
    found, front = {far}, [far]
    while front:
        atom = front.pop()
        for other in molecule.neighbours[atom]:
            if other not in found and {atom, other} != {near, far}:
                found.add(other)
                front.append(other)
    return sorted(found)


def angles_of(
    frames: Float[np.ndarray, "frames atoms 3"], torsions: Sequence[Torsion] | Int[np.ndarray, "torsions 4"]
) -> Float[np.ndarray, "frames torsions"]:
    """Angles of torsions in frames, from -π to π [rad]."""
    return torsion(torch.as_tensor(frames[:, np.asarray(torsions)])).numpy()


def wrapped(angle: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """The same angles from -π up to π [rad]."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
