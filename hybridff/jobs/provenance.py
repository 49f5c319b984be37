"""Where a model comes from: versions, input files by their hashes, and how long its fit took."""

import contextlib
import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hybridff.arrays import read_arrays
from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel
from hybridff.foreign import read_json
from hybridff.frames.label_folder import SECONDS, LabelFolder

TIMING = "timing.json"
"""Name of the file beside a model that holds how long its fit took."""


def provenance(files: Sequence[Path]) -> dict[str, Any]:
    """Program versions, and the input files with their SHA-256, by name (the path where names repeat)."""
    names = [path.name for path in dict.fromkeys(files)]
    return {
        "program": f"hybridff {version('hybridff')}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("numpy", "torch", "openmm", "rdkit")},
        "inputs": {
            path.name if names.count(path.name) == 1 else str(path): _digest(path) for path in dict.fromkeys(files)
        },
    }


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all labels of a folder, whatever time they took."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    found = hashlib.sha256()
    for file in LabelFolder.read(path).label_files():
        for name, array in sorted(read_arrays(file).items()):
            if name != SECONDS:
                found.update(f"{file.name} {name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return found.hexdigest()


def inputs_of(model: SavedModel, files: Sequence[Path]) -> list[str]:
    """Names of those files that the model was made from, by their hashes."""
    known = set(model.provenance.get("inputs", {}).values())
    return [name for name, digest in provenance(files)["inputs"].items() if digest in known]


def write_timing(seconds: float, folder: Path) -> None:
    """Write how long a fit took beside its model, which is the same to the byte whenever it is made again."""
    (folder / TIMING).write_text(json.dumps({"fit_seconds": round(seconds, 3)}) + "\n", encoding="utf-8")


def read_timing(folder: Path) -> float | None:
    """How long the fit of a model took [s]; None where that is not written."""
    with contextlib.suppress(InputError, OverflowError):
        found = read_json(folder / TIMING, "the time of a fit", "fit again", largest=2**20)
        seconds = found.get("fit_seconds") if isinstance(found, dict) else None
        return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
    return None
