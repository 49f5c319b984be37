"""Frames of hot dynamics with the terms, which kernels with few points leave to them.

Geometries that the frames never come near, where the terms say what energies and forces are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float
from openmm import unit

from hybridff.export.context import new_context, raise_unless_nan
from hybridff.export.routes import to_openmm
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.residual import Residual

_TEMPERATURE = 1000.0
"""Temperature of the dynamics [K]."""
_FRICTION, _STEP = 2.0, 0.001
"""Friction [1/ps] and time step [ps] of the dynamics."""
_APART, _EACH = 300, 10
"""Steps from one geometry to the next, and geometries of a run: the first are half as hot as the last."""


@dataclass(frozen=True, eq=False)
class HotFrames:
    """Frames labelled by the terms, which leave nothing of them."""

    residual: Residual
    energy_deviation: float
    """Deviation of their energies, over that of the noise of forces [nm]."""


def hot_frames_of(terms: Residual, wanted: int, energy_deviation: float) -> HotFrames | None:
    """Frames of dynamics that begins with those of a residual, labelled by its force field; None without any.

    ``wanted`` is their number, and ``energy_deviation`` [nm] that of their energies over that of the noise of forces.
    """
    force_field = terms.force_field
    hot = hot_geometries(force_field, terms.positions, wanted)
    if not len(hot):
        return None
    frames = Frames(force_field.molecule.numbers, hot, *predict(force_field, hot))
    return HotFrames(Residual.of(force_field, frames, terms.atoms, terms.device), energy_deviation)


def hot_geometries(
    terms: ForceField, frames: Float[np.ndarray, "frames atoms 3"], wanted: int, seed: int = 0
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] of dynamics with the terms at 1000 K, ten from each of some frames.

    They are fewer than ``wanted`` where a run ends in no numbers.
    """
    found = list(_runs(terms, frames, wanted, seed))
    return np.array(found).reshape(-1, *frames.shape[1:])


def _runs(
    terms: ForceField, frames: Float[np.ndarray, "frames atoms 3"], wanted: int, seed: int
) -> Iterator[Float[np.ndarray, "atoms 3"]]:
    integrator = openmm.LangevinMiddleIntegrator(_TEMPERATURE, _FRICTION, _STEP)
    integrator.setRandomNumberSeed(seed + 1)
    context = new_context(to_openmm(terms, "compiled"), integrator)
    random = np.random.default_rng(seed)
    for run in range(-(-wanted // _EACH)):
        context.setPositions(frames[random.integers(len(frames))])
        context.setVelocitiesToTemperature(_TEMPERATURE, seed + run + 1)
        for _ in range(min(_EACH, wanted - run * _EACH)):
            try:
                integrator.step(_APART)
            except openmm.OpenMMException as error:
                raise_unless_nan(error)
                break
            found = context.getState(getPositions=True).getPositions(asNumpy=True)
            positions = found.value_in_unit_system(unit.md_unit_system)
            if not np.isfinite(positions).all():
                break
            yield positions
