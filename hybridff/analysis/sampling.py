"""Thermal samples of a molecule by any method: simulated tempering, which crosses barriers, or plain dynamics."""

import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from openmm import app, unit

from hybridff.analysis.methods import leaving_out, running
from hybridff.analysis.minima import start_of
from hybridff.analysis.trajectories import plain_number, system_of
from hybridff.errors import InputError
from hybridff.export.context import raise_unless_nan
from hybridff.export.dynamics import DynamicsError
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, Say, part, quiet, silent

LADDER = 1.13
"""Ratio of neighbouring temperatures of the tempering, about."""
FRICTION = 2.0
"""Friction of Langevin dynamics [1/ps]."""
SAMPLE = 0.1
"""Time between two frames, and between two attempts to change the temperature [ps]."""
WARM = 0.1
"""Share of a run that is not counted."""
Runs = Mapping[float, Sequence[Float[np.ndarray, "_ atoms 3"]]]
"""Frames [nm] of independent runs at each temperature [K]."""

_BROKEN = "the sampling blew up: the energy is no longer finite; verify --dynamics may tell where."


@dataclass(frozen=True, kw_only=True)
class SamplingOptions:
    """How a molecule is sampled."""

    temperatures: tuple[float, ...] = (300.0,)
    """Temperatures to sample [K]."""

    hottest: float = 800.0
    """Temperature up to which runs climb to cross barriers [K]; no higher than the temperatures for none of that."""

    runs: int = 4
    """Independent runs, whose scatter gives the errors."""

    time: float = 0.5
    """Length of each run [ns]."""

    step: float = 1.0
    """Time step [fs]."""

    seed: int = 0
    """Seed of the first run; the others count on."""

    def __post_init__(self) -> None:
        if not self.temperatures or not all(0 < kelvin < math.inf for kelvin in self.temperatures):
            raise InputError(f"option temperatures has to be of positive numbers, not {self.temperatures}.")
        if len(set(self.temperatures)) < len(self.temperatures):
            raise InputError("option temperatures names one twice; leave it out.")
        for name in ("hottest", "time", "step"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"option {name} has to be a positive number, not {getattr(self, name):g}.")
        if self.runs < 1:
            raise InputError(f"option runs has to be at least 1, not {self.runs}.")
        if self.seed < 0:
            raise InputError(f"option seed has to be at least 0, not {self.seed}.")

    def ladder(self) -> list[float]:
        """Ascending temperatures of the tempering [K]."""
        wanted = sorted({*self.temperatures, max(self.hottest, *self.temperatures)})
        found = wanted[:1]
        for low, high in pairwise(wanted):
            n_steps = max(1, round(math.log(high / low) / math.log(LADDER)))
            found += [*np.geomspace(low, high, n_steps + 1)[1:-1].tolist(), high]
        return found


def sample(
    system: openmm.System,
    molecule: Molecule,
    start: Float[np.ndarray, "atoms 3"],
    options: SamplingOptions,
    run: int = 0,
    progress: Progress = silent,
) -> dict[float, Float[np.ndarray, "frames atoms 3"]]:
    """Frames [nm] of one run at each of the temperatures asked for; deterministic for a seed.

    Several temperatures, or a hotter one to climb to, by simulated tempering (E. Marinari, G. Parisi, Europhys. Lett.
    19, 451 (1992)). Raises ``DynamicsError`` where the energy is no longer finite.
    """
    ladder, seed, step = options.ladder(), options.seed + run + 1, options.step / 1000
    every = max(1, round(SAMPLE / step))
    integrator = openmm.LangevinMiddleIntegrator(ladder[-1], FRICTION, step)
    integrator.setRandomNumberSeed(seed)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(molecule.to_openmm_topology(), system, integrator, platform)
    simulation.context.setPositions(start)
    simulation.minimizeEnergy(maxIterations=500)
    simulation.context.setVelocitiesToTemperature(ladder[-1], seed)
    frames: dict[float, list[Float[np.ndarray, "atoms 3"]]] = {kelvin: [] for kelvin in options.temperatures}
    steps = max(every, round(options.time * 1000 / step))
    try:
        with _drawing(seed), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            tempered = None
            if len(ladder) > 1:
                kelvins = [kelvin * unit.kelvin for kelvin in ladder]
                tempered = app.SimulatedTempering(
                    simulation, kelvins, tempChangeInterval=every, reportInterval=10**9, reportFile=nowhere
                )
            for done in range(0, steps, every):
                (simulation if tempered is None else tempered).step(every)
                state = simulation.context.getState(getPositions=True, getEnergy=True)
                if not math.isfinite(plain_number(state.getPotentialEnergy())):
                    raise DynamicsError(_BROKEN)
                now = ladder[0 if tempered is None else tempered.currentTemperature]
                if done >= WARM * steps and now in frames:
                    frames[now].append(plain_number(state.getPositions(asNumpy=True)))
                progress(min(1.0, (done + every) / steps))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        raise DynamicsError(_BROKEN) from None
    return {kelvin: np.array(own).reshape(-1, *start.shape) for kelvin, own in frames.items()}


def sample_all(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    options: SamplingOptions,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> dict[str, Runs]:
    """Runs of every method, by its name; one that blows up or misses a temperature is left out, and ``say`` says so.

    Raises ``InputError`` where no method comes to an end.
    """
    found: dict[str, Runs] = {}
    for number, (name, calculator) in enumerate(methods.items()):
        tell = part(progress, number / len(methods), (number + 1) / len(methods), name)
        with running(name), leaving_out(name, say):
            runs = _runs(molecule, calculator, options, tell)
            if all(len(own) for several in runs.values() for own in several):
                found[name] = runs
            else:
                say(f"Note: a run of {name} was never at one of the temperatures; lengthen --time. It is left out.")
    if not found:
        raise InputError("no method came to an end.")
    return found


def _runs(molecule: Molecule, calculator: BaseCalculator, options: SamplingOptions, progress: Progress) -> Runs:
    system, start = system_of(calculator, molecule), start_of(calculator, molecule)
    found: dict[float, list[Float[np.ndarray, "_ atoms 3"]]] = {kelvin: [] for kelvin in options.temperatures}
    for run in range(options.runs):
        tell = part(progress, run / options.runs, (run + 1) / options.runs)
        for kelvin, frames in sample(system, molecule, start, options, run, tell).items():
            found[kelvin].append(frames)
    return found


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Let the numbers that OpenMM's class draws from Python's own generator depend on the seed."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def mean_and_error(
    values: Sequence[Float[np.ndarray, "*n"]],
) -> tuple[Float[np.ndarray, "*n"], Float[np.ndarray, "*n"]]:
    """Mean of runs, weighed alike, and its standard error; not numbers where there is one run alone."""
    stacked = np.array(values)
    if len(stacked) < 2:
        return stacked[0], np.full_like(stacked[0], np.nan)
    return stacked.mean(0), stacked.std(0, ddof=1) / math.sqrt(len(stacked))
