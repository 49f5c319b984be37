"""What the benchmarks share: fits without the stability gate, kernels of nothing, and steps timed by turns."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import openmm
import torch
from jaxtyping import Float

from hybridff import FitOptions, ForceField
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
FRICTION = 1.0
"""Of Langevin dynamics [1/ps]."""
_WIDTH = 20.0
"""Of kernels [1/nm]."""


def read_set(name: str) -> TrialSet:
    """The set of frames of this name."""
    return read_trial_set(DATA / f"{name}.npz")


def fitted(data: TrialSet, form: Form, options: FitOptions, size: int) -> ForceField:
    """A fit to ``size`` frames, or to as many as there are."""
    (size,) = data.sizes([size], validation=0, test=0)
    train = data.split(size, 0, 0, seed=0).train
    return data.fit(form, train, options=options, gate=GateOptions(gate="none")).result.force_field


def new_context(
    system: openmm.System,
    positions: Float[np.ndarray, "atoms 3"],
    platform: str,
    step: float,
    precision: str | None = None,
) -> openmm.Context:
    """Langevin dynamics at 300 K, with steps of ``step`` [ps], ready to run; the platform's own precision if none."""
    integrator = openmm.LangevinMiddleIntegrator(300, FRICTION, step)
    integrator.setRandomNumberSeed(1)
    properties = {"Precision": precision} if precision and platform in ("CUDA", "OpenCL") else {}
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    context.setPositions(positions)
    context.setVelocitiesToTemperature(300, 1)
    return context


def step_times(
    contexts: Mapping[str, openmm.Context], steps: int | Mapping[str, int], repeats: int
) -> dict[str, Float[np.ndarray, " repeats"]]:
    """Time of a step [µs], measured by turns of so many steps after one turn that does not count."""
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
    """How many steps of each take about so long."""
    once = step_times(contexts, 2, 2)
    more = step_times(contexts, {key: _count(values.min(), seconds / 10) for key, values in once.items()}, 1)
    return {key: _count(values.min(), seconds) for key, values in more.items()}


def _count(step: float, seconds: float) -> int:
    return max(2, round(seconds * 1e6 / step))


def kernel(data: TrialSet, atoms: Sequence[int], n_points: int, *, angular: bool = False) -> KernelTerm:
    """On frames of the set, with forces of nothing."""
    positions = torch.as_tensor(data.frames.positions)
    fragment = Fragment.find(data.molecule, atoms, positions[:1000], angular=angular)
    points = fragment.descriptor.of(positions[np.arange(n_points) % len(positions)][:, list(atoms)])
    weights = torch.as_tensor(1e-6 * np.random.default_rng(0).normal(size=points.shape))
    return KernelTerm(atoms, KernelExpansion(fragment.descriptor, points, weights, None, fragment.permutations, _WIDTH))


def cells(times: Float[np.ndarray, " repeats"], reference: Float[np.ndarray, " repeats"]) -> str:
    """Median and least time; median ratio of the same turn with half the distance of its quartiles; ratio of the least.

    The last is what counts on a machine that has other things to do.
    """
    low, middle, high = np.quantile(times / reference, (0.25, 0.5, 0.75))
    spread, least = (high - low) / 2, times.min() / reference.min()
    return f"{np.median(times):.2f} µs | {times.min():.2f} µs | {middle:.3f} ± {spread:.3f} | {least:.3f}"


CELLS = "step | least | ratio | ratio of the least"
"""Their heads."""
