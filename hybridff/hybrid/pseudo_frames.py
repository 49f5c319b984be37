"""Geometries without reference data, where kernels are to leave energies about as the terms have them.

Kernels as wide as the best ones do not fade: what they add to frames at 300 K, they add to, and make more of, far from
all frames. There the terms know better.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import langevin, new_context, openmm_seed, raise_unless_nan
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField

_HOT = 1000.0
"""Temperature of dynamics with the terms [K]."""
_FRICTION, _STEP = 2.0, 0.001
"""[1/ps, ps]"""
_APART, _EACH = 300, 10
"""Steps from one geometry to the next, and geometries of a run: the first are half as hot as the last."""


@dataclass(frozen=True, eq=False)
class Anchors:
    """Geometries and what kernels should add to their energies."""

    positions: Float[np.ndarray, "anchors atoms 3"]
    """[nm]"""
    deviations: Float[np.ndarray, " anchors"]
    """Give or take, over the noise of forces [nm]: of all variances, only ratios are ever known."""
    energies: Float[np.ndarray, " anchors"]
    """Wanted of kernels, above the mean of what they add to the frames [kJ/mol]."""

    def __len__(self) -> int:
        return len(self.positions)

    def __add__(self, other: "Anchors") -> "Anchors":
        return Anchors(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.deviations, other.deviations]),
            np.concatenate([self.energies, other.energies]),
        )

    @classmethod
    def at(cls, positions: Float[np.ndarray, "anchors atoms 3"], deviation: float) -> "Anchors":
        """Where kernels should add what they add to the frames on average."""
        return cls(positions, np.full(len(positions), deviation), np.zeros(len(positions)))

    def with_energy(self, energy: float) -> "Anchors":
        """The same geometries, where kernels should add something else [kJ/mol]."""
        return replace(self, energies=np.full(len(self), energy))


def hot_geometries(
    terms: ForceField, frames: Float[np.ndarray, "frames atoms 3"], wanted: int, seed: int = 0
) -> Float[np.ndarray, "geometries atoms 3"]:
    """From dynamics with the terms at 1000 K, ten from each of some frames; fewer where that ends in no numbers."""
    found = list(_hot(terms, frames, wanted, seed))
    return np.array(found).reshape(-1, *frames.shape[1:])


def _hot(
    terms: ForceField, frames: Float[np.ndarray, "frames atoms 3"], wanted: int, seed: int
) -> Iterator[Float[np.ndarray, "atoms 3"]]:
    integrator = langevin(_HOT, _FRICTION, _STEP, seed)
    context = new_context(to_openmm(terms, "compiled"), integrator)
    random = np.random.default_rng(seed)
    for run in range(-(-wanted // _EACH)):
        context.setPositions(frames[random.integers(len(frames))])
        context.setVelocitiesToTemperature(_HOT, openmm_seed(seed + run))
        for _ in range(min(_EACH, wanted - run * _EACH)):
            try:
                integrator.step(_APART)
            except openmm.OpenMMException as error:
                raise_unless_nan(error)
                break
            positions = context.getState(getPositions=True).getPositions(asNumpy=True)._value
            if not np.isfinite(positions).all():
                break
            yield positions
