"""What the benchmarks share: molecules with their stock parameters, fits of them, and steps timed by turns."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openmm
from jaxtyping import Float

from hybridff import FitOptions, ForceField, Frames, Molecule, StartOptions, fit, read_frames, starting_parameters
from hybridff.checks import usable_frames
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forms import Form

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
FRICTION = 1.0
"""Of Langevin dynamics [1/ps]."""


@dataclass(frozen=True, eq=False)
class Case:
    """A molecule with its reference data and stock parameters; its positions are those of the lowest frame."""

    name: str
    frames: Frames
    molecule: Molecule
    parameters: ClassOneParameters

    @property
    def stock(self) -> ForceField:
        """GAFF as it is."""
        return ForceField.build(self.molecule, self.parameters)

    def start(self, form: Form, train: Frames) -> ForceField:
        """What a fit of a form to some frames starts from."""
        return ForceField.build(self.molecule, self.parameters, form=form, geometries=train.positions)

    def fitted(self, form: Form, options: FitOptions, size: int) -> ForceField:
        """A fit to ``size`` frames, or to as many as there are."""
        train = self.frames.subset(self.frames.split(min(size, len(self.frames))).train)
        return fit(self.start(form, train), train, options).force_field


def read_case(name: str) -> Case:
    """The set of frames of this name."""
    path = DATA / f"{name}.npz"
    frames = read_frames(path)
    frames, _ = usable_frames(frames, frames.molecule())
    molecule = replace(frames.molecule(), positions=frames.positions[np.argmin(frames.energies)])
    return Case(name, frames, molecule, starting_parameters(molecule, StartOptions()))


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


def ratio(times: Float[np.ndarray, " repeats"], reference: Float[np.ndarray, " repeats"]) -> str:
    """Median of the ratios of the same turn, and half the distance of their quartiles."""
    low, middle, high = np.quantile(times / reference, (0.25, 0.5, 0.75))
    return f"{middle:.3f} ± {(high - low) / 2:.3f}"


def platform_names() -> list[str]:
    """Names of all OpenMM platforms of this machine."""
    return [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
