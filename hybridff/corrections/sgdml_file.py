"""Models of the program ``sgdml`` as kernels (S. Chmiela et al., Comput. Phys. Commun. 240, 38 (2019))."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from hybridff.arrays import numbers_in, read_arrays, text_in
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
    found = read_arrays(path, (*_KEYS, "lattice", "alphas_E"))
    if missing := [key for key in _KEYS if key not in found]:
        raise InputError(f"{path} is no model of sgdml: it has no '{missing[0]}'.")
    kind = text_in(found, "type")
    if kind != "m":
        raise InputError(f"{path} is no model of sgdml (type '{kind[:20]}', not 'm'): train one with it first.")
    for key, what in (("lattice", "a periodic cell"), ("alphas_E", "energy constraints")):
        if key in found:
            raise InputError(f"{path} is a model of sgdml with {what}, which is not supported.")
    length, energy = (
        _unit(path, text_in(found, key), sizes) for key, sizes in (("r_unit", _LENGTHS), ("e_unit", _ENERGIES))
    )
    std, width, constant = (float(numbers_in(path, found, key, ())) for key in ("std", "sig", "c"))
    numbers = numbers_in(path, found, "z", (None,)).astype(np.int64)
    n_pairs = len(numbers) * (len(numbers) - 1) // 2
    weights = numbers_in(path, found, "R_d_desc_alpha", (None, n_pairs))
    points = numbers_in(path, found, "R_desc", (n_pairs, len(weights))).T
    permutations = _permutations(path, numbers_in(path, found, "perms", (None, len(numbers))))
    if width <= 0 or len(numbers) < 2 or not len(weights) or numbers.min() < 1 or numbers.max() > 118:
        raise InputError(f"{path} is a damaged model of sgdml: it has no atoms, points or width; train it again.")
    descriptor = Descriptor(len(numbers))
    rows, columns = np.tril_indices(len(numbers), -1)
    place = {(j, i): k for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}
    order = np.array([place[pair] for pair in descriptor.pairs], dtype=np.int64)
    expansion = KernelExpansion(
        descriptor,
        torch.as_tensor(points[:, order] / length),
        torch.as_tensor(-std * weights[:, order] * energy / length),
        None,
        torch.as_tensor(permutations),
        width / length,
        constant * energy,
    )
    return numbers, expansion


def _permutations(path: Path, found: np.ndarray) -> Int[np.ndarray, "permutations atoms"]:
    if not len(found) or (np.sort(found, 1) != np.arange(found.shape[1])).any():
        raise InputError(f"{path} is a damaged model of sgdml: 'perms' has a row that is no permutation; train again.")
    return found.astype(np.int64)


def _unit(path: Path, name: str, known: dict[str, float]) -> float:
    if name not in known:
        raise InputError(f"{path}: its unit '{name}' is not known; known are {', '.join(known)}.")
    return known[name]
