"""How long a step of dynamics takes: one way to measure it, for comparisons and reports."""

import math
import time

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import energy_in, langevin, new_context, openmm_seed, raise_unless_nan

_TEMPERATURE = 300.0
"""Temperature of the dynamics whose steps are timed [K]."""
_FRICTION = 1.0
"""Friction of these [1/ps]."""
_TURNS = 7
_TURN = 0.2
"""Length of each turn, about [s]."""
_FEWEST_STEPS = 10


def step_time(system: openmm.System, positions: Float[np.ndarray, "atoms 3"], step: float) -> float | None:
    """Median time of a Langevin step at 300 K on the Reference platform [s]; None where all turns blew up.

    Seven turns of some 0.2 s, after two that do not count, each from ``positions`` [nm] with velocities of its own;
    ``step`` is the time step [ps].
    """
    context, steps = new_context(system, langevin(_TEMPERATURE, _FRICTION, step, seed=0)), _FEWEST_STEPS
    times = []
    for turn in range(_TURNS + 2):
        each = _turn(context, positions, steps, turn)
        if each is None:
            continue
        if turn < 2:  # the first sets up, the second tells how many steps a turn may have
            steps = max(_FEWEST_STEPS, round(_TURN / each)) if turn else steps
        else:
            times.append(each)
    return float(np.median(times)) if times else None


def _turn(context: openmm.Context, positions: Float[np.ndarray, "atoms 3"], steps: int, seed: int) -> float | None:
    """Time of each of so many steps [s]; None where they blew up."""
    context.setPositions(positions)
    try:
        context.setVelocitiesToTemperature(_TEMPERATURE, openmm_seed(seed))
        begin = time.perf_counter()
        context.getIntegrator().step(steps)
        each = (time.perf_counter() - begin) / steps
        finite = math.isfinite(energy_in(context.getState(getEnergy=True)))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        return None
    return each if finite else None
