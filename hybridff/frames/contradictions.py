"""Data that contradict themselves, whatever their units: columns that only hold places, frames unlike all others.

Nothing here needs a force field, and nothing is judged that right data could do by chance: on the public sets of the
reference data (``tests/frames/test_contradictions.py``) none of these sentences appears.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from hybridff.frames.dataset import Frames
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

_FORCES_THAT_MATTER = 1.0 * FORCE_KCAL
"""Forces above it cannot belong to frames of one energy [kJ/mol/nm]."""
_FORCES_APART: Final = 8.0
"""Forces of a frame over their median in all frames that no dynamics of one molecule reach."""
_GAP: Final = 3.0
"""The least of what is unlike all others, over the largest of these."""
_MOST_ZERO: Final = 0.1
"""Share of frames whose forces may be exactly zero: a public set has a minimum among its frames."""
_HIGH = 400.0 * KCAL_MOL
"""Energies within it of the median are never apart from the others [kJ/mol]."""
_SAME = 0.9999
"""Correlation of two columns that are the same."""
_LARGEST_STEP: Final = 0.1 * KCAL_MOL
"""Energies may be rounded to less than this [kJ/mol]; four decimals of a Hartree are 0.06 kcal/mol."""
_FEWEST = 8
"""Frames from which on one can be told to be unlike the others."""
_MIXED = (0.2, 0.8)
"""Share of frames with forces of the other sign that is neither noise nor all of them."""
_SURE = 0.75
"""Correlation of stretch and force along bonds to hydrogen from which on their sign is sure in each frame."""
_TELLING = 0.2
"""Work of the forces on these bonds, over its root mean square in all frames, below which its sign says nothing: frames
that another program has relaxed have bonds of the same lengths."""
_BOND = 0.125
"""Longest bond to hydrogen [nm]."""


def contradiction(frames: Frames, rows: Int[np.ndarray, " frames"]) -> str | None:
    """What is wrong with energies and forces by themselves, in a sentence; None where nothing is.

    ``rows`` are those of the frames in their file, counted from 0, by which they are named.
    """
    if frames.forces is None or len(frames) < 2 or len(frames.numbers) < 2:
        return None
    return (
        _placeholders(frames.energies, frames.forces, rows)
        or _other_columns(frames.positions, frames.forces)
        or _steps(frames.energies)
        or _apart(frames.energies, frames.forces, rows)
        or _mixed_signs(frames, rows)
    )


def _placeholders(
    energies: Float[np.ndarray, " frames"],
    forces: Float[np.ndarray, "frames atoms 3"],
    rows: Int[np.ndarray, " frames"],
) -> str | None:
    spread = float(np.ptp(energies))
    zero = np.flatnonzero(~forces.any(axis=(1, 2)))
    if len(zero) == len(energies):
        return (
            f"the forces are zero in all {len(zero)} frames but the energies vary by {spread / KCAL_MOL:.3g} kcal/mol, "
            "so their column only holds a place; write the forces, or leave the column out."
        )
    if len(zero) > _MOST_ZERO * len(energies):
        return f"the forces are exactly zero in {named(rows[zero])}, not in the others; write them or leave these out."
    size = math.sqrt(float(np.mean(forces**2)))
    if spread <= 1e-9 * max(float(np.abs(energies).max()), 1.0) and size > _FORCES_THAT_MATTER:
        return (
            f"the energies of all {len(energies)} frames are equal, which forces of {size / FORCE_KCAL:.3g} kcal/mol/Å "
            "contradict; write the energies that belong to the forces."
        )
    return None


def _other_columns(
    positions: Float[np.ndarray, "frames atoms 3"], forces: Float[np.ndarray, "frames atoms 3"]
) -> str | None:
    x, f = (array - array.mean(axis=(0, 1)) for array in (positions, forces))
    scale = math.sqrt(float(np.sum(x**2) * np.sum(f**2)))
    if scale == 0.0 or abs(float(np.sum(x * f))) < _SAME * scale:
        return None
    return "the forces are the positions over again, times a number; write the forces."


def _steps(energies: Float[np.ndarray, " frames"]) -> str | None:
    """Say so where energies have lost their decimals, as large ones in single precision do."""
    gaps = np.diff(np.unique(energies))
    if len(gaps) < _FEWEST or gaps.min() < _LARGEST_STEP:
        return None
    steps = gaps / gaps.min()
    if np.abs(steps - np.round(steps)).max() > 0.01:
        return None
    return (
        f"all energies are multiples of {gaps.min() / KCAL_MOL:.3g} kcal/mol apart, the precision of rounded numbers "
        "or of large ones in single precision; write them with more digits."
    )


def _apart(
    energies: Float[np.ndarray, " frames"],
    forces: Float[np.ndarray, "frames atoms 3"],
    rows: Int[np.ndarray, " frames"],
) -> str | None:
    if len(energies) < _FEWEST:
        return None
    sizes = np.abs(forces).max(axis=(1, 2))
    usual = max(float(np.median(sizes)), _FORCES_THAT_MATTER)
    wild = _detached(sizes, _FORCES_APART * usual)
    if len(wild):
        return (
            f"the forces of {named(rows[wild])} are up to {sizes[wild].max() / usual:.3g} times those of others; "
            "leave out what did not converge, or correct its unit."
        )
    off = np.abs(energies - np.median(energies))
    far = _detached(off, _HIGH)
    if len(far):
        return (
            f"the energies of {named(rows[far])} are up to {off[far].max() / KCAL_MOL:.4g} kcal/mol off the others; "
            "leave out what did not converge or is another state."
        )
    return None


def _detached(sizes: Float[np.ndarray, " frames"], least: float) -> Int[np.ndarray, " few"]:
    """Rows of the few sizes above ``least`` that a gap separates from all others; none where there is no gap."""
    order = np.argsort(sizes)[::-1]
    few = len(sizes) // 10 + 1
    gaps = (sizes[order[:few]] > least) & (sizes[order[:few]] > _GAP * sizes[order[1 : few + 1]])
    return np.sort(order[: int(np.flatnonzero(gaps)[-1]) + 1]) if gaps.any() else order[:0]


def _mixed_signs(frames: Frames, rows: Int[np.ndarray, " frames"]) -> str | None:
    """Say so where some frames pull bonds to hydrogen together and others push them apart."""
    if len(frames) < _FEWEST or frames.forces is None:
        return None
    stretch, pull = _along_bonds(frames.numbers, frames.positions, frames.forces)
    if stretch.shape[1] < 3:
        return None
    work = np.sum(stretch * pull, axis=1)
    telling = np.abs(work) > _TELLING * math.sqrt(float(np.mean(work**2)))
    stretch, pull, work, rows = stretch[telling], pull[telling], work[telling], rows[telling]
    uphill = work > 0
    share = float(np.mean(uphill)) if len(uphill) >= _FEWEST else 0.0
    signed = np.where(uphill, -1.0, 1.0)[:, None] * pull
    scale = math.sqrt(float(np.mean(stretch**2) * np.mean(signed**2)))
    if not _MIXED[0] < share < _MIXED[1] or scale == 0 or -float(np.mean(stretch * signed)) < _SURE * scale:
        return None
    return (
        f"the forces point uphill in {named(rows[uphill])} and downhill in the others, so those are "
        "gradients; multiply these by -1."
    )


def _along_bonds(
    numbers: Int[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "frames atoms 3"],
    forces: Float[np.ndarray, "frames atoms 3"],
) -> tuple[Float[np.ndarray, "frames bonds"], Float[np.ndarray, "frames bonds"]]:
    """Stretch of the bonds to hydrogen from their means [Å], and the force on the hydrogen along them."""
    stretches, pulls = [], []
    for hydrogen in np.flatnonzero(numbers == 1):
        distances = np.linalg.norm(positions - positions[:, hydrogen : hydrogen + 1], axis=-1)
        typical = np.where(numbers > 1, np.median(distances, axis=0), np.inf)
        parent = int(typical.argmin())
        if typical[parent] > _BOND:
            continue
        bond = positions[:, hydrogen] - positions[:, parent]
        length = np.linalg.norm(bond, axis=1)
        stretches.append((length - np.median(length)) / ANGSTROM)
        pulls.append(np.sum(forces[:, hydrogen] * bond, axis=1) / length)
    shape = (len(stretches), len(positions))
    return np.array(stretches).reshape(shape).T, np.array(pulls).reshape(shape).T


def named(rows: Int[np.ndarray, " rows"]) -> str:
    """Frames by their numbers, from 1."""
    return f"frame{'s' if len(rows) > 1 else ''} {first_numbers(rows.tolist())}"


def first_numbers(rows: Sequence[int]) -> str:
    """Numbers of the first of some rows, from 1."""
    return ", ".join([*(str(row + 1) for row in rows[:8]), *(["..."] if len(rows) > 8 else [])])
