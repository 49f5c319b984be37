"""Parameter sets at rest: a JSON file of rows beside an npz file of their posterior; reading them runs no code."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybridff.arrays import numbers_in, read_arrays
from hybridff.errors import InputError
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.foreign import read_json, reason_of
from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.environments import LEVELS, levels_of
from hybridff.gaff.parameters import plain_label

SET = "set.json"
"""Name of the file of a set's rows."""
_POSTERIOR = "set.npz"
_FORMAT = 1
_ROUNDING = 1e-6
"""How far from 1 the shares may add up to."""
_AGAIN = "restore it, or fit again with --share environment"


@dataclass(frozen=True, eq=False)
class SavedSet:
    """A parameter set and where it comes from."""

    parameters: ParameterSet
    """The rows with their posterior."""
    gaff: str
    """Version of GAFF whose types label the rows and whose parameters these start from."""
    charges: str
    """How the partial charges of the molecules were made: resp, am1bcc, or the name of a file."""
    provenance: dict[str, Any]
    """Program versions, input files by their hashes, options of the fit, and the molecules."""


def is_set(folder: str | Path) -> bool:
    """Whether a folder holds a parameter set."""
    return (Path(folder) / SET).is_file()


def write_set(saved: SavedSet, folder: Path) -> None:
    """Write a set into a folder that exists; the posterior in single precision."""
    own = saved.parameters
    content = {
        "program": "hybridff",
        "kind": "parameter set",
        "format": _FORMAT,
        "units": "kJ/mol",
        "gaff": saved.gaff,
        "charges": saved.charges,
        "provenance": saved.provenance,
        "levels": LEVELS,
        "shares": own.shares,
        "scale": own.scale,
        "widths": own.widths,
        "quantities": [quantity for quantity, _ in own.rows],
        "labels": [levels[-1] for _, levels in own.rows],
        "changes": own.changes.tolist(),
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    (folder / SET).write_text(text + "\n", encoding="utf-8")
    np.savez_compressed(folder / _POSTERIOR, spread=own.spread.astype(np.float32))


def read_set(folder: str | Path) -> SavedSet:
    """Read the set of a folder that ``fit`` wrote with rows shared by environment.

    Raises ``InputError`` where there is none, and where it is damaged or of a format that this version does not know.
    """
    path = Path(folder) / SET
    if not path.is_file():
        raise InputError(
            f"{folder} is no parameter set: it has no {SET}; make one with 'hybridff fit … --share environment'."
        )
    content = read_json(path, "a complete parameter set", f"it is damaged: {_AGAIN}")
    if not isinstance(content, dict) or (content.get("program"), content.get("kind")) != ("hybridff", "parameter set"):
        raise InputError(f"{path} is not a parameter set of hybridff; name the folder that fit wrote.")
    if content.get("format") != _FORMAT or isinstance(content.get("format"), bool):
        raise InputError(
            f"{path} has format {content.get('format')!r}; this version of hybridff reads format {_FORMAT}. Update "
            "hybridff, or fit again."
        )
    posterior = Path(folder) / _POSTERIOR
    try:
        found = _from_json(content)
        n_rows = len(found.parameters.rows)
        spread = numbers_in(posterior, read_arrays(posterior, ("spread",)), "spread", (None, n_rows))
    except KeyError as error:
        raise InputError(f"{path} is damaged: {error} is missing; {_AGAIN}.") from None
    except InputError as error:
        raise InputError(f"{str(error).rstrip('.')}; {_AGAIN}.") from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} is damaged: {reason_of(error)}; {_AGAIN}.") from None
    return replace(found, parameters=replace(found.parameters, spread=spread.astype(float)))


def _from_json(content: dict[str, Any]) -> SavedSet:
    quantities, labels = _texts(content["quantities"]), _texts(content["labels"])
    changes = np.array(content["changes"], dtype=float)
    shares, scale = tuple(map(float, content["shares"])), float(content["scale"])
    widths = {name: float(width) for name, width in dict(content["widths"]).items()}
    if list(content["levels"]) != list(LEVELS) or len(shares) != len(LEVELS):
        raise ValueError(f"its levels are not {', '.join(LEVELS)}, each with a share")
    if not np.isfinite([*changes.ravel(), *shares, *widths.values(), scale]).all():
        raise ValueError("a number in it is not finite")
    if min(shares) <= 0 or abs(sum(shares) - 1) >= _ROUNDING:
        raise ValueError("its shares are not positive, or do not add up to 1")
    if len({len(quantities), len(labels)}) != 1 or changes.shape != (len(labels),) or not len(labels):
        raise ValueError("lists that belong together differ in length")
    if not set(quantities) <= set(widths) or not all(width > 0 for width in widths.values()):
        raise ValueError("a quantity has no prior width")
    if unknown := set(quantities) - set(KINDS):
        raise ValueError(f"it has a quantity {min(unknown)!r}, which is not known")
    rows = tuple((quantity, levels_of(plain_label(label))) for quantity, label in zip(quantities, labels, strict=True))
    if any(len(levels) != len(LEVELS) for _, levels in rows):
        raise ValueError("a label has too few or too many levels")
    if not isinstance(content["provenance"], dict) or scale < 0:
        raise ValueError("its provenance or its scale is none")
    spread = np.empty((0, len(rows)))
    own = ParameterSet(rows, changes, spread, widths, scale, shares)
    gaff, charges = _texts([content["gaff"], content["charges"]])
    return SavedSet(own, gaff, charges, content["provenance"])


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("something else stands where a list of names should be")
    return values
