"""Frames whose molecule a periodic box has cut are made whole, with a sentence that says so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.errors import InputError
from hybridff.frames.contradictions import first_numbers
from hybridff.frames.dataset import Frames
from hybridff.molecules.periodic import is_torn, whole_frames


def whole_positions(
    path: Path,
    numbers: Int[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "frames atoms 3"],
    boxes: Float[np.ndarray, "frames 3 3"],
    periodic: Sequence[bool] | Bool[np.ndarray, " 3"] = (True, True, True),
) -> tuple[Float[np.ndarray, "frames atoms 3"], tuple[str, ...]]:
    """Positions [nm] of whole molecules, and what to say of those that the boxes [nm] had cut.

    Energies and forces know nothing of it. Raises ``InputError`` for crystals.
    """
    try:
        found, cut = whole_frames(numbers, positions, boxes, periodic)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not cut:
        return positions, ()
    frames = "1 frame" if len(cut) == 1 else f"{len(cut)} frames"
    return found, (
        f"the periodic box cuts the molecule in {frames} ({first_numbers(cut)}): made whole along its bonds.",
    )


def torn_problem(frames: Frames, rows: Int[np.ndarray, " rows"]) -> str | None:
    """What to say where the atoms of most frames do not hang together; None where they do."""
    sample = rows[:: max(1, len(rows) // 20)]
    if 2 * sum(is_torn(frames.numbers, frames.positions[row]) for row in sample) <= len(sample):
        return None
    return (
        "the atoms lie in parts that are too far apart to be one molecule, as where a periodic box has cut it; write "
        "whole molecules, or the box (in extended XYZ, Lattice)."
    )
