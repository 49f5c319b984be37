"""What a folder of ``hybridff make`` remembers of its rounds: geometries that were chosen, why, and what came of it.

Files are written once and whole. Where two processes work on a folder, the first one's choice is that of both.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.foreign import read_json
from hybridff.output import new_file, write_once
from hybridff.units import ANGSTROM

ROUNDS = "rounds"
"""Folder of the rounds inside that of a force field that was made."""
ROUNDS_OF_EXTENSION = 2
"""Rounds of an extension, at most."""
_LARGEST = 2**26
"""Size of a file of a round, at most [bytes]."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Geometries that are to be labelled together."""

    positions: Float[np.ndarray, "chosen atoms 3"]
    """Positions [nm], in the order in which they were chosen."""
    origins: tuple[str, ...]
    """Where each comes from."""
    reason: str
    """How they were chosen, in words."""
    predicted: Float[np.ndarray, " chosen"]
    """Force error of each that is predicted before it is labelled [kJ/mol/nm]."""
    left: Float[np.ndarray, " chosen"]
    """Predicted force error of dynamics at 300 K once each is labelled [kJ/mol/nm]; none where nothing is predicted."""
    n_candidates: int
    """Geometries that they were chosen from."""

    def __len__(self) -> int:
        """Return the number of geometries."""
        return len(self.positions)

    @classmethod
    def independent(
        cls, positions: Float[np.ndarray, "frames atoms 3"], predicted: Float[np.ndarray, " frames"]
    ) -> "Chosen":
        """Frames [nm] of dynamics at 300 K that nothing is fitted to, and their predicted force errors [kJ/mol/nm]."""
        none = np.full(len(positions), np.nan)
        origins = ("dynamics at 300 K",) * len(positions)
        return cls(positions, origins, "independent frames of dynamics", predicted, none, len(positions))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a round: its fit, and what this predicts."""

    n_train: int
    """Labels that the fit has."""
    n_failed: int
    """Geometries of this round that could not be labelled."""
    predicted_force: float
    """Predicted force error of dynamics at 300 K (RMSE of components) [kJ/mol/nm]."""
    predicted_energy: float
    """Predicted energy error of these [kJ/mol]."""
    predicted_torsions: float | None
    """Predicted error of energies along driven torsions [kJ/mol]; None where nothing turns."""
    left_out: float
    """Force error of training frames, each by a fit without it [kJ/mol/nm]."""
    scale: float
    """Factor on predicted deviations that these errors gave."""
    batch_predicted: float | None
    """Force error that the fit before predicted for this round's geometries [kJ/mol/nm]; None for the first round."""
    batch_actual: float | None
    """The error that it had for them [kJ/mol/nm]."""
    stable: bool | None
    """Whether the fit passed the stability gate; None without one."""
    label_seconds: float
    """Processor time of this round's labels [s]."""
    wall_seconds: float
    """Time that the round took for its labels, by the clock [s]."""
    other_seconds: float
    """Time that sampling, choice and fit took [s]."""

    @property
    def confirmed_force(self) -> float | None:
        """Predicted force error of dynamics at 300 K [kJ/mol/nm], as far as new labels confirm such predictions.

        Where the fit before had predicted too little for these labels, it is as much larger; None without any.
        """
        if not self.batch_predicted or self.batch_actual is None:
            return None
        return self.predicted_force * max(1.0, self.batch_actual / self.batch_predicted)


def chosen_file(folder: Path, number: int) -> Path:
    """The file of the choice of a round, counted from 1."""
    return folder / ROUNDS / f"{number:02d}-chosen.json"


def outcome_file(folder: Path, number: int) -> Path:
    """The file of what came of a round, counted from 1."""
    return folder / ROUNDS / f"{number:02d}-outcome.json"


def test_file(folder: Path) -> Path:
    """The file of the geometries of the test."""
    return folder / ROUNDS / "test-chosen.json"


def write_chosen(path: Path, chosen: Chosen) -> Chosen:
    """Write a choice unless there is one; that which is there then."""
    content = {
        "positions_angstrom": (chosen.positions / ANGSTROM).tolist(),
        "origins": list(chosen.origins),
        "reason": chosen.reason,
        "predicted": _numbers(chosen.predicted),
        "left": _numbers(chosen.left),
        "n_candidates": chosen.n_candidates,
    }
    keep(path, content)
    return read_chosen(path)


def read_chosen(path: Path) -> Chosen:
    """The choice in a file; raises ``InputError`` for a damaged one."""
    content = _content(path)
    try:
        found = Chosen(
            np.array(content["positions_angstrom"], dtype=float) * ANGSTROM,
            tuple(map(str, content["origins"])),
            str(content["reason"]),
            np.array(content["predicted"], dtype=float),
            np.array(content["left"], dtype=float),
            int(content["n_candidates"]),
        )
        return _fitting(found)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, and make goes on from the round before.") from None


def write_outcome(path: Path, outcome: Outcome) -> Outcome:
    """Write what came of a round unless that is there; that which is there then."""
    keep(path, asdict(outcome))
    return read_outcome(path)


def read_outcome(path: Path) -> Outcome:
    """What came of a round; raises ``InputError`` for a damaged file."""
    content = _content(path)
    try:
        return Outcome(**{own.name: of_kind(content[own.name], own.type) for own in fields(Outcome)})
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, and make goes on from the round before.") from None


def read_rounds(folder: Path) -> list[tuple[Chosen, Outcome | None]]:
    """All rounds of a folder, as far as each has come."""
    found: list[tuple[Chosen, Outcome | None]] = []
    while (path := chosen_file(folder, len(found) + 1)).is_file():
        after = outcome_file(folder, len(found) + 1)
        found.append((read_chosen(path), read_outcome(after) if after.is_file() else None))
    return found


def keep(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole, unless it is there; raises ``InputError`` where it cannot be written."""
    write_text_once(path, _json(content))


def write_text_once(path: Path, text: str) -> None:
    """Write a file, whole, unless it is there; raises ``InputError`` where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_once(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot write {path} ({reason}); make room, then run the same command again.") from None


@dataclass(frozen=True)
class Extension:
    """Rounds that label conformers which no label showed, after all others."""

    first: int
    """Number of the first of these rounds, counted from 1."""
    budget: int
    """Labels at most."""


def write_extension(folder: Path, extension: Extension) -> Extension:
    """Remember an extension unless one that begins with the same round has chosen geometries; the one that counts."""
    path = folder / ROUNDS / f"{extension.first:02d}-extension.json"
    if path.is_file() and not chosen_file(folder, extension.first).is_file():
        with new_file(path) as part:
            part.write_text(_json(asdict(extension)), encoding="utf-8")
    keep(path, asdict(extension))
    return _extension(path)


def read_extensions(folder: Path) -> list[Extension]:
    """All extensions of a folder, in their order; raises ``InputError`` for a damaged file."""
    return [_extension(path) for path in sorted((folder / ROUNDS).glob("*-extension.json"))]


def _extension(path: Path) -> Extension:
    content = _content(path)
    try:
        return Extension(int(content["first"]), int(content["budget"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, and extend again.") from None


def _content(path: Path) -> Any:
    return read_json(path, "a file of a round", "remove it, and make goes on from the round before", largest=_LARGEST)


def _fitting(found: Chosen) -> Chosen:
    """The same; raises ``ValueError`` where its parts do not belong together."""
    x = found.positions
    if len(x) and (x.ndim != 3 or x.shape[2] != 3 or not np.isfinite(x).all()):
        raise ValueError("its positions are no geometries")
    if {len(found.origins), *found.predicted.shape, *found.left.shape} != {len(x)}:
        raise ValueError("lists that belong together differ in length")
    return found


def of_kind(value: Any, kind: Any) -> Any:
    """A value from JSON of the kind that a field has (str, int, float, bool, or None); raises ``TypeError`` else."""
    name = getattr(kind, "__name__", str(kind))
    if value is None and "None" in name:
        return value
    if isinstance(value, bool) != ("bool" in name) or not isinstance(value, str if name == "str" else int | float):
        raise TypeError(f"{value!r:.40} stands where something else should be")
    return value


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _numbers(values: Float[np.ndarray, " n"]) -> list[float | None]:
    """As JSON has them: what is no number is null."""
    return [float(value) if np.isfinite(value) else None for value in values]
