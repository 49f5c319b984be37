"""Geometries of hot dynamics with a force field."""

from collections.abc import Iterator

import numpy as np
import openmm
from jaxtyping import Float
from openmm import unit

from hybridff.export.context import new_context, raise_unless_nan
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField

_FRICTION, _STEP = 2.0, 0.001
"""Friction [1/ps] and time step [ps] of the dynamics."""
_APART, _EACH = 300, 10
"""Steps from one geometry to the next, and geometries of a run: the first are half as hot as the last."""


def hot_geometries(
    force_field: ForceField,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    temperature: float,
    seed: int = 0,
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] of dynamics at a temperature [K], ten from each of some of the ``starts`` [nm]; deterministic.

    They are fewer than ``wanted`` where a run ends in no numbers.
    """
    found = list(_runs(force_field, starts, wanted, temperature, seed))
    return np.array(found).reshape(-1, *starts.shape[1:])


def _runs(
    force_field: ForceField,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    temperature: float,
    seed: int,
) -> Iterator[Float[np.ndarray, "atoms 3"]]:
    integrator = openmm.LangevinMiddleIntegrator(temperature, _FRICTION, _STEP)
    integrator.setRandomNumberSeed(seed + 1)
    context = new_context(to_openmm(force_field, "compiled"), integrator)
    random = np.random.default_rng(seed)
    for run in range(-(-wanted // _EACH)):
        context.setPositions(starts[random.integers(len(starts))])
        context.setVelocitiesToTemperature(temperature, seed + run + 1)
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
