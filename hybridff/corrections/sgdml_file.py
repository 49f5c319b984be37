"""Models of the program ``sgdml`` as kernels (S. Chmiela et al., Comput. Phys. Commun. 240, 38 (2019))."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.errors import InputError
from hybridff.units import ANGSTROM, KCAL_MOL

_KEYS = ("type", "z", "R_desc", "R_d_desc_alpha", "perms", "sig", "std", "c", "r_unit", "e_unit")
_LENGTHS = {"Ang": ANGSTROM, "Angstrom": ANGSTROM, "A": ANGSTROM, "nm": 1.0}
_ENERGIES = {"kcal/mol": KCAL_MOL, "kJ/mol": 1.0, "eV": 96.48533212331002}


def read_sgdml(path: str | Path) -> tuple[Int[np.ndarray, " atoms"], KernelExpansion]:
    """Atomic numbers and kernel of a model file that ``sgdml`` wrote; nothing in it is executed.

    Raises ``InputError`` for what is no such file, for models of periodic cells, for those trained with energy
    constraints, and for units that it does not know.
    """
    path = Path(path)
    found = _arrays(path)
    if str(found["type"]) != "m":
        raise InputError(f"{path} is no model of sgdml (type '{found['type']}', not 'm'): train one with it first.")
    for key, what in (("lattice", "a periodic cell"), ("alphas_E", "energy constraints")):
        if key in found:
            raise InputError(f"{path} is a model of sgdml with {what}, which is not supported.")
    length, energy = _unit(path, found["r_unit"], _LENGTHS), _unit(path, found["e_unit"], _ENERGIES)
    numbers = found["z"].astype(np.int64)
    descriptor = Descriptor(len(numbers))
    rows, columns = np.tril_indices(len(numbers), -1)
    place = {(j, i): k for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}
    order = np.array([place[pair] for pair in descriptor.pairs], dtype=np.int64)
    points, weights = found["R_desc"].T[:, order], found["R_d_desc_alpha"][:, order]
    expansion = KernelExpansion(
        descriptor,
        torch.as_tensor(points / length),
        torch.as_tensor(-float(found["std"]) * weights * energy / length),
        None,
        torch.as_tensor(found["perms"].astype(np.int64)),
        float(found["sig"]) / length,
        float(found["c"]) * energy,
    )
    return numbers, expansion


def _arrays(path: Path) -> dict[str, Any]:
    """What is needed of the file; other entries, some of which hold Python objects, are not read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := [key for key in _KEYS if key not in file.files]:
                raise InputError(f"{path} is no model of sgdml: it has no '{missing[0]}'.")
            optional = [key for key in ("lattice", "alphas_E") if key in file.files]
            return {key: file[key] for key in (*_KEYS, *optional)}
    except FileNotFoundError:
        raise InputError(f"there is no file {path}.") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read as a model of sgdml ({error}).") from error


def _unit(path: Path, name: np.ndarray, known: dict[str, float]) -> float:
    if str(name) not in known:
        raise InputError(f"{path}: its unit '{name}' is not known; known are {', '.join(known)}.")
    return known[str(name)]
