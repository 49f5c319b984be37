"""Is a 3D structure that of its molecule? Lengths of bonds and contacts, and the likely cause where they are not."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from hybridff.errors import InputError
from hybridff.molecules.radii import covalent_sums
from hybridff.units import ANGSTROM, BOHR

USUAL: Final = (0.75, 1.3)
"""Median length of the bonds of a structure over the sums of their covalent radii."""
SHORTEST_BOND, LONGEST_BOND = 0.6, 1.45
"""Length of any bond over the sum of its covalent radii; measured by X-rays, bonds to hydrogen are 0.85."""
CLOSEST: Final = 0.75
"""Distance of atoms without a bond over the sum of their covalent radii; 1.2 in bicyclopentane and hydrogen bonds."""
_BONDING = 1.15
"""Distance over the sum of the covalent radii below which relaxed atoms are bonded; 1.22 across bicyclopentane."""
_ONE_PLACE = 0.1
_ALWAYS_FLAT = 3
"""Atoms that lie in one plane wherever they are."""
_FLAT = 1e-4
"""Largest distance from a plane of the atoms of a drawing [nm]."""
_SLIPS: Final = {"nm": ANGSTROM, "bohr": ANGSTROM / BOHR, "pm": 100.0}
"""Median ratio of a structure in another unit, read as Å."""


def is_drawing(bonds: Int[np.ndarray, "bonds 2"], positions: Float[np.ndarray, "atoms 3"]) -> bool:
    """Whether all atoms lie in one plane [nm] though one of them has four neighbours, which cannot be in space."""
    return bool(np.bincount(bonds.ravel(), minlength=1).max() > 3 and _flat(positions))


def _flat(positions: Float[np.ndarray, "atoms 3"]) -> bool:
    centred = positions - positions.mean(axis=0)
    return bool(np.abs(centred @ np.linalg.svd(centred)[2][2]).max() < _FLAT)


def checked_positions(
    numbers: Int[np.ndarray, " atoms"],
    bonds: Int[np.ndarray, "bonds 2"],
    positions: Float[np.ndarray, "atoms 3"],
    labels: Sequence[str],
    where: str,
) -> Float[np.ndarray, "atoms 3"] | None:
    """The positions [nm], or None where they are a drawing in the plane; raises ``InputError`` as ``check_structure``.

    A drawing has an atom with four neighbours, or more than three atoms and bonds that are none in space.
    """
    if is_drawing(bonds, positions):
        return None
    try:
        check_structure(numbers, bonds, positions, labels, where)
    except InputError:
        if len(numbers) > _ALWAYS_FLAT and _flat(positions):
            return None
        raise
    return positions


def check_structure(
    numbers: Int[np.ndarray, " atoms"],
    bonds: Int[np.ndarray, "bonds 2"],
    positions: Float[np.ndarray, "atoms 3"],
    labels: Sequence[str],
    where: str,
) -> None:
    """Raise ``InputError``, which begins with ``where``, for positions [nm] that are not those of the molecule."""
    first, second = np.triu_indices(len(numbers), 1)
    if not len(first) or not len(bonds):
        return
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(positions[first] - positions[second], axis=1)
    ratios = lengths / covalent_sums(numbers)[first, second]
    bonded = np.zeros((len(numbers), len(numbers)), dtype=bool)
    bonded[bonds[:, 0], bonds[:, 1]] = bonded[bonds[:, 1], bonds[:, 0]] = True
    bonded = bonded[first, second]
    median = float(np.median(ratios[bonded]))
    if not USUAL[0] < median < USUAL[1]:
        raise InputError(f"{where}: {_scale(median)}")
    wrong = np.where(bonded, (ratios < SHORTEST_BOND) | (ratios > LONGEST_BOND), ratios < CLOSEST)
    if wrong.any():
        severity = np.abs(np.log(np.maximum(ratios, 1e-9)))
        worst = int(np.where(wrong, severity, -1.0).argmax())
        names = labels[first[worst]], labels[second[worst]]
        raise InputError(
            f"{where}: {_pair(names, lengths[worst] / ANGSTROM, ratios[worst], bonded=bool(bonded[worst]))}"
        )


def changed_bond(
    numbers: Int[np.ndarray, " atoms"],
    bonds: Int[np.ndarray, "bonds 2"],
    positions: Float[np.ndarray, "atoms 3"],
    labels: Sequence[str],
) -> str:
    """What a relaxation made of the bonds, in half a sentence; nothing where all are what they were.

    A proton that has moved stands at the bonding distance of another atom. ``positions`` are in nm.
    """
    first, second = np.triu_indices(len(numbers), 1)
    ratios = np.linalg.norm(positions[first] - positions[second], axis=1) / covalent_sums(numbers)[first, second]
    known = {frozenset(bond) for bond in bonds.tolist()}
    bonded = np.array([frozenset(pair) in known for pair in zip(first.tolist(), second.tolist(), strict=True)], bool)
    broken, made = bonded & (ratios > LONGEST_BOND), ~bonded & (ratios < _BONDING)
    if made.any():
        closest = int(np.where(made, ratios, np.inf).argmin())
        hydrogen, other = sorted((int(first[closest]), int(second[closest])), key=lambda atom: int(numbers[atom]))
        if numbers[hydrogen] == 1:
            return f"{labels[hydrogen]} has moved to {labels[other]}"
        return f"{labels[hydrogen]} and {labels[other]} have become bonded"
    if broken.any():
        longest = int(np.where(broken, ratios, 0.0).argmax())
        return f"the bond {labels[first[longest]]}-{labels[second[longest]]} has opened"
    return ""


def _scale(median: float) -> str:
    for unit, ratio in _SLIPS.items():
        if abs(np.log(max(median, 1e-9) / ratio)) < 0.15:
            return f"its bonds are {median:.2g} of their usual length: the positions look like {unit}; write them in Å."
    return (
        f"its bonds are {median:.2g} of their usual length, so the positions are scaled or a drawing; give them in Å, "
        "or a SMILES."
    )


def _pair(names: tuple[str, str], length: float, ratio: float, *, bonded: bool) -> str:
    i, j = names
    if ratio < _ONE_PLACE:
        return f"{i} and {j} are in one place; correct the positions, or give a SMILES."
    if not bonded:
        return f"{i} and {j} have no bond but are {length:.2f} Å apart; correct the positions, or give a SMILES."
    if ratio > 2:
        return (
            f"the bond {i}-{j} is {length:.4g} Å long, so one atom is far away or atoms are in another order; correct "
            "the positions, or give a SMILES."
        )
    return f"the bond {i}-{j} is {length:.2f} Å long, which it cannot be; correct the positions, or give a SMILES."
