"""What the benchmarks share: fits without the stability gate, and steps timed by turns."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openmm
from jaxtyping import Float

from hybridff import FitOptions, ForceField
from hybridff.gaff.forms import Form
from hybridff.stable import GateOptions
from hybridff.trials import TrialSet, read_trial_set

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
FRICTION = 1.0
"""Of Langevin dynamics [1/ps]."""


def read_set(name: str) -> TrialSet:
    """The set of frames of this name."""
    return read_trial_set(DATA / f"{name}.npz")


def fitted(data: TrialSet, form: Form, options: FitOptions, size: int) -> ForceField:
    """A fit to ``size`` frames, or to as many as there are."""
    (size,) = data.sizes([size], validation=0, test=0)
    train = data.split(size, 0, 0, seed=0).train
    return data.fit(form, train, options=options, gate=GateOptions(gate="none")).result.force_field


def new_context(
    system: openmm.System, positions: Float[np.ndarray, "atoms 3"], platform: str, step: float
) -> openmm.Context:
    """Langevin dynamics at 300 K, with steps of ``step`` [ps], ready to run."""
    integrator = openmm.LangevinMiddleIntegrator(300, FRICTION, step)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(positions)
    context.setVelocitiesToTemperature(300, 1)
    return context


def step_times(
    contexts: Mapping[str, openmm.Context], steps: int, repeats: int
) -> dict[str, Float[np.ndarray, " repeats"]]:
    """Time of a step [µs], measured by turns after one turn that does not count."""
    times = {key: np.empty(repeats + 1) for key in contexts}
    for turn in range(repeats + 1):
        for key, context in contexts.items():
            begin = time.perf_counter()
            context.getIntegrator().step(steps)
            context.getState(getEnergy=True)
            times[key][turn] = (time.perf_counter() - begin) / steps * 1e6
    return {key: values[1:] for key, values in times.items()}


def cells(times: Float[np.ndarray, " repeats"], reference: Float[np.ndarray, " repeats"]) -> str:
    """Median and least time; median ratio of the same turn with half the distance of its quartiles; ratio of the least.

    The last is what counts on a machine that has other things to do.
    """
    low, middle, high = np.quantile(times / reference, (0.25, 0.5, 0.75))
    spread, least = (high - low) / 2, times.min() / reference.min()
    return f"{np.median(times):.2f} µs | {times.min():.2f} µs | {middle:.3f} ± {spread:.3f} | {least:.3f}"


CELLS = "step | least | ratio | ratio of the least"
"""Their heads."""
