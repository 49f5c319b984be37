"""Times of steps of several Systems, measured by turns, so that whatever else the machine does slows all alike."""

import time
from collections.abc import Mapping

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.routes import Route, to_openmm
from hybridff.gaff.forcefield import ForceField

FRICTION = 1.0
"""Friction of the Langevin dynamics [1/ps]."""
_TEMPERATURE = 300.0
"""Temperature of the Langevin dynamics [K]."""
_STEP = 0.0005
"""Time step of ``step_ratio`` [ps]."""
RATIO_HEADER = ("step", "least", "ratio", "ratio of the least")
"""Heads of the cells of ``ratio_cells``."""


def langevin_context(
    system: openmm.System,
    positions: Float[np.ndarray, "atoms 3"],
    *,
    platform: str,
    step: float,
    precision: str | None = None,
) -> openmm.Context:
    """Langevin dynamics at 300 K from ``positions`` [nm], with steps of ``step`` [ps], ready to run.

    ``precision`` is that of GPU platforms, their own if there is none.
    """
    integrator = openmm.LangevinMiddleIntegrator(_TEMPERATURE, FRICTION, step)
    integrator.setRandomNumberSeed(1)
    properties = {"Precision": precision} if precision and platform in ("CUDA", "OpenCL") else {}
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    context.setPositions(positions)
    context.setVelocitiesToTemperature(_TEMPERATURE, 1)
    return context


def step_times(
    contexts: Mapping[str, openmm.Context], steps: int | Mapping[str, int], repeats: int
) -> dict[str, Float[np.ndarray, " repeats"]]:
    """Time of a step [µs] in each of so many turns of so many steps, after one turn that does not count."""
    times = {key: np.empty(repeats + 1) for key in contexts}
    for turn in range(repeats + 1):
        for key, context in contexts.items():
            own = steps if isinstance(steps, int) else steps[key]
            begin = time.perf_counter()
            context.getIntegrator().step(own)
            context.getState(getEnergy=True)
            times[key][turn] = (time.perf_counter() - begin) / own * 1e6
    return {key: values[1:] for key, values in times.items()}


def steps_within(contexts: Mapping[str, openmm.Context], seconds: float) -> dict[str, int]:
    """How many steps of each take about so long [s], two at least."""
    once = step_times(contexts, 2, 2)
    more = step_times(contexts, {key: _count(values.min(), seconds / 10) for key, values in once.items()}, 1)
    return {key: _count(values.min(), seconds) for key, values in more.items()}


def _count(step: float, seconds: float) -> int:
    """Steps of so many microseconds that take so many seconds."""
    return max(2, round(seconds * 1e6 / step))


def ratio_cells(
    times: Float[np.ndarray, " repeats"], reference: Float[np.ndarray, " repeats"]
) -> tuple[str, str, str, str]:
    """Median and least time [µs]; median ratio of the same turn with half the distance of its quartiles; ratio of the
    least times, which is what counts on a machine that has other things to do.
    """
    low, middle, high = np.quantile(times / reference, (0.25, 0.5, 0.75))
    spread, least = (high - low) / 2, times.min() / reference.min()
    return f"{np.median(times):.2f} µs", f"{times.min():.2f} µs", f"{middle:.3f} ± {spread:.3f}", f"{least:.3f}"


def step_ratio(force_field: ForceField, stock: ForceField, route: tuple[Route, str], steps: int, repeats: int) -> float:
    """Time of a step in vacuum over that of stock GAFF: the median of the ratios of runs that follow each other.

    ``route`` is how OpenMM gets the force field, and the platform; steps are of 0.5 fs.
    """
    way, platform = route
    positions = stock.molecule.positions
    assert positions is not None
    systems = {"stock": to_openmm(stock), "rich": to_openmm(force_field, way)}
    contexts = {
        key: langevin_context(system, positions, platform=platform, step=_STEP) for key, system in systems.items()
    }
    times = step_times(contexts, steps, repeats)
    return float(np.median(times["rich"] / times["stock"]))
