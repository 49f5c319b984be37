"""Labelling the frames of a folder: by this process, or by several of this machine at once.

The folder is the truth: a frame is done when its file is there. Whoever labels takes the claim of a frame first, so
that any number of processes, on any number of machines with the same file system, share the work.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError, MissingProgramError
from hybridff.frames.claims import MOST_OWNERS, remove_claims, take
from hybridff.frames.label_folder import SECONDS, LabelFolder
from hybridff.reference.level import Labeller, Species, labeller_of
from hybridff.reference.levels import level_of

Outcome = Literal["done", "busy"]
_FIRST_WAIT, _LAST_WAIT = 0.2, 5.0
"""Time between two looks at frames that others compute, at first and at last [s]."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A geometry to label."""

    key: str
    """Name of its label."""
    positions: Float[np.ndarray, "atoms 3"]
    """Positions [nm]."""
    number: int = 0
    """Place in the files, counted from 1."""


def folder_labeller(folder: LabelFolder) -> Labeller:
    """What labels the frames of a folder; raises as ``level_of`` and ``labeller_of`` do."""
    own = folder.contents
    level = level_of(own.level, own.options)
    return labeller_of(level, Species(np.array(own.numbers), own.charge, own.name))


def label_frame(folder: LabelFolder, label: Labeller, frame: Frame) -> Outcome:
    """Label a frame unless that is done, or another process is at it; what fails twice is written down as failed.

    Raises ``InputError`` where the folder cannot be written.
    """
    if folder.is_done(frame.key):
        return "done"
    try:
        claim = take(folder.path, frame.key)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"cannot write {folder.path} ({reason}); make room, then run the same command again."
        ) from None
    if claim is None:
        return "busy"
    with claim:
        if not folder.is_done(frame.key):
            _compute(folder, label, frame, claim.generation)
    remove_claims(folder.path, frame.key)
    return "done"


def label_all(
    folder: LabelFolder, label: Labeller, frames: Iterable[Frame], watch: Callable[[], None] = lambda: None
) -> None:
    """Label frames, and wait for those that others compute, until all are done; raises as ``label_frame`` does.

    ``watch`` is called after each frame.
    """
    left, wait = list(frames), _FIRST_WAIT
    random.shuffle(left)  # processes that begin together begin with different frames
    while left:
        busy = []
        for frame in left:
            if label_frame(folder, label, frame) == "busy":
                busy.append(frame)
            watch()
        wait = min(2 * wait, _LAST_WAIT) if len(busy) == len(left) else _FIRST_WAIT
        left = busy
        if left:
            time.sleep(wait)


def _compute(folder: LabelFolder, label: Labeller, frame: Frame, owners: int) -> None:
    """Label a frame, or write why that failed."""
    reasons: list[str] = []
    if owners >= MOST_OWNERS:
        reasons.append(f"{owners} processes ended without a word while they computed it")
    begin = time.perf_counter()
    for careful in (False, True) if not reasons else ():
        try:
            energy, forces = label(frame.positions, careful=careful)
            if not (np.isfinite(energy) and np.isfinite(forces).all()):
                raise InputError("the energy or a force is no number")  # noqa: TRY301 (a reason as others are)
        except MissingProgramError:
            raise
        except Exception as error:  # noqa: BLE001 (programs raise what they like; one frame never stops the others)
            reasons.append(_reason(error))
            continue
        about: Mapping[str, Any] = {SECONDS: round(time.perf_counter() - begin, 3), "attempts": 1 + careful}
        folder.write(frame.key, frame.positions, energy, forces, **about)
        return
    folder.write_failure(frame.key, frame.positions, reasons)


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
