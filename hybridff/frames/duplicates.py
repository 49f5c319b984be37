"""Frames that repeat an earlier one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Int

from hybridff.frames.dataset import Frames
from hybridff.units import KCAL_MOL

_SAME_POSITION: Final = 1e-5
"""Frames this close are the same calculation written twice [nm]."""
_SAME_ENERGY: Final = 0.01 * KCAL_MOL
"""Energies of the same calculation written twice are this close [kJ/mol]."""
_SHOWN = 5


def find_duplicates(frames: Frames, rows: Int[np.ndarray, " rows"]) -> tuple[tuple[int, int], ...]:
    """Frames with the same positions as an earlier one, with that one."""
    seen: dict[bytes, int] = {}
    found = []
    for row in rows.tolist():
        key = np.round(frames.positions[row] / _SAME_POSITION).astype(np.int64).tobytes()
        if seen.setdefault(key, row) != row:
            found.append((row, seen[key]))
    return tuple(found)


def largest_difference(frames: Frames, duplicates: Sequence[tuple[int, int]]) -> float:
    """Largest difference in energy between frames that are the same [kJ/mol]."""
    return max((abs(float(frames.energies[i] - frames.energies[j])) for i, j in duplicates), default=0.0)


def duplicate_sentences(duplicates: Sequence[tuple[int, int]], apart: float) -> list[str]:
    """What to say of them; ``apart`` is the largest difference in their energies [kJ/mol]."""
    if not duplicates:
        return []
    count = "1 frame that repeats" if len(duplicates) == 1 else f"{len(duplicates)} frames that repeat"
    pairs = ", ".join(f"{frame + 1} (= {first + 1})" for frame, first in duplicates[:_SHOWN])
    more = f" and {len(duplicates) - _SHOWN} more" if len(duplicates) > _SHOWN else ""
    found = [f"left out {count} an earlier one: {pairs}{more}."]
    if apart > _SAME_ENERGY:
        found.append(
            f"the energies of frames that repeat each other differ by up to {apart / KCAL_MOL:.2g} kcal/mol, so some "
            "have not converged, or are of another level or state."
        )
    return found
