"""Labels of geometries by a level of theory, kept in the cache, so that what was stopped goes on."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from hybridff.cache import cached_json
from hybridff.reference.pyscf_level import PySCFLevel, energy, energy_forces


def labelled(
    symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]; raises as ``pyscf_level.energy_forces`` does."""

    def compute() -> dict[str, object]:
        found, forces = energy_forces(symbols, positions, level)
        return {"energy": found, "forces": forces.tolist()}

    kept = cached_json({**_key(symbols, positions, level.theory), "forces": True}, compute)
    return kept["energy"], np.array(kept["forces"])


def label_arrays(
    symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], level: PySCFLevel
) -> dict[str, np.ndarray]:
    """The same without the cache, as arrays ``energy`` [kJ/mol] and ``forces`` [kJ/mol/nm] that a file can hold."""
    found, forces = energy_forces(symbols, positions, level)
    return {"energy": np.array(found), "forces": forces}


def labelled_energy(
    symbols: Sequence[str],
    positions: Float[np.ndarray, "atoms 3"],
    level: PySCFLevel,
    method: Callable[[Sequence[str], Float[np.ndarray, "atoms 3"], PySCFLevel], float] = energy,
    name: str = "restricted",
) -> float:
    """Energy alone [kJ/mol] at positions [nm], by another ``method`` than ``pyscf_level.energy`` under its ``name``."""
    key = _key(symbols, positions, f"{name}, {level.theory}")
    return float(cached_json(key, partial(method, symbols, positions, level)))


def _key(symbols: Sequence[str], positions: Float[np.ndarray, "atoms 3"], method: str) -> dict[str, object]:
    """All that a label in kJ/mol and nm depends on."""
    return {"method": method, "symbols": list(symbols), "positions": positions.tolist(), "units": "kJ/mol, nm"}


def slopes(
    symbols: Sequence[str],
    positions: Float[np.ndarray, "atoms 3"],
    level: PySCFLevel,
    *,
    directions: int = 4,
    step: float = 1e-4,
    seed: int = 0,
) -> Iterator[tuple[float, float]]:
    """Slopes of the energy along random unit vectors [kJ/mol/nm]: from energies ``step`` [nm] apart, and from forces.

    Central differences; a level whose forces are the slopes of its energies gives the same twice.
    """
    _, forces = energy_forces(symbols, positions, level)
    for shift in np.random.default_rng(seed).normal(size=(directions, *positions.shape)):
        shift *= step / np.linalg.norm(shift)
        difference = energy(symbols, positions + shift, level) - energy(symbols, positions - shift, level)
        yield difference / (2 * step), float(-np.sum(forces * shift) / step)
