"""Measurements of a method: errors, time of an evaluation, speed of dynamics, and whether hot dynamics holds."""

import math
import time
from dataclasses import dataclass

import ase
import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from jaxtyping import Float

from hybridff.analysis.trajectories import system_of
from hybridff.comparison.options import ComparisonOptions
from hybridff.comparison.result import HotDynamics, MethodResult
from hybridff.export.calculator import energy_of
from hybridff.export.context import raise_interruption
from hybridff.export.dynamics import parse_time
from hybridff.export.timing import step_time
from hybridff.frames.accuracy import errors_of
from hybridff.frames.dataset import Frames
from hybridff.molecules.limits import NOT_FINITE, Fault, rest_limits
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, part
from hybridff.stability.gate import hot_run
from hybridff.stability.landscape import Landscape, landscape_around
from hybridff.units import ANGSTROM, EV

_OFFSET_FRAMES = 200
"""Training frames, at most, whose mean difference of energies is a method's offset."""
_LARGEST_FORCE = 0.01
"""Largest force at a minimum, where dynamics begin [eV/Å]."""
_MOST_STEPS = 300
_SHIFT = 0.001
"""Displacement of the frame that does not count, so that nothing is remembered from it [nm]."""


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Energies and forces of frames by a calculator."""

    energies: Float[np.ndarray, " frames"]
    """Energies [kJ/mol]."""
    forces: Float[np.ndarray, "frames atoms 3"]
    """Forces [kJ/mol/nm]."""
    seconds: Float[np.ndarray, " frames"]
    """Time that each frame took [s]."""


def evaluations(calculator: BaseCalculator, frames: Frames, progress: Progress | None = None) -> Evaluations:
    """Evaluate one frame after the other, as dynamics would; the first twice, as many methods set something up."""
    energies, forces, seconds = [], [], []
    for number, positions in enumerate([frames.positions[0] + _SHIFT, *frames.positions]):
        atoms = ase.Atoms(frames.numbers, positions / ANGSTROM)
        atoms.calc = calculator
        begin = time.perf_counter()
        forces.append(atoms.get_forces() * (EV / ANGSTROM))
        energies.append(energy_of(atoms))
        seconds.append(time.perf_counter() - begin)
        if progress is not None:
            progress(number / len(frames))
    return Evaluations(*(np.array(part[1:], dtype=np.float64) for part in (energies, forces, seconds)))


def relaxed(calculator: BaseCalculator, molecule: Molecule) -> ase.Atoms:
    """The method's minimum next to the molecule's positions, or what is reached on the way there.

    By short steps of ASE's: OpenMM's minimiser begins with one so long that quantum chemistry fails there.
    """
    assert molecule.positions is not None
    atoms = ase.Atoms(molecule.numbers, molecule.positions / ANGSTROM)
    atoms.calc = calculator
    BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=_LARGEST_FORCE, steps=_MOST_STEPS)
    return atoms


def hot_dynamics(
    landscape: Landscape, options: ComparisonOptions, progress: Progress | None = None, name: str = "the method"
) -> HotDynamics:
    """Runs from the minimum of a landscape, judged as the stability gate does.

    Every run may take an equal share of the time that the others have left. Where the method itself fails, the run
    counts as broken.
    """
    plans = [(t, options.seed + run) for t in options.temperatures for run in range(options.runs)]
    step = parse_time(options.step, "the step")
    planned, simulated = parse_time(options.time, "the time") * len(plans), 0.0
    broken: list[tuple[float, str]] = []
    end = time.perf_counter() + options.time_limit
    for number, (temperature, seed) in enumerate(plans):
        now, done = time.perf_counter(), [0]

        def count(steps: int, done: list[int] = done) -> None:
            done[0] += steps

        try:
            run = hot_run(landscape, temperature, seed, options.hot, count, now + (end - now) / (len(plans) - number))
            simulated += run.time
            if run.failure is not None:
                broken.append((run.time, run.failure.message))
        except openmm.OpenMMException as error:
            raise_interruption(error)
            simulated += done[0] * step
            message = f"{name} failed in dynamics at {temperature:g} K (seed {seed}) after {done[0] * step:.3g} ps"
            broken.append((done[0] * step, f"{message} ({str(error).splitlines()[0]})."))
        if progress is not None:
            progress((number + 1) / len(plans))
    first = min(broken)[0] if broken else None
    return HotDynamics(planned, simulated, len(plans), tuple(text for _, text in broken), first)


def _no_minimum(fault: Fault, options: ComparisonOptions) -> HotDynamics:
    n_runs = len(options.temperatures) * options.runs
    message = f"relaxed from the molecule's own geometry, {fault.what}: this is no minimum of the molecule."
    return HotDynamics(parse_time(options.time, "the time") * n_runs, 0.0, n_runs, (message,))


@dataclass(frozen=True, eq=False)
class Subject:
    """What every method of a comparison is measured on."""

    molecule: Molecule
    """The molecule, with the positions where dynamics begin."""
    train: Frames
    """Frames that give a method without an energy offset one."""
    test: Frames
    """Frames that errors are measured on."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a method before it is measured."""

    energy_offset: float | None = None
    """Reference minus model energy [kJ/mol]; None for the mean difference over training frames."""
    training: float | None = None
    """Time of the training [s], if it is known."""
    setting: str = ""
    """What was trained, or what the method is."""
    remark: str = ""
    """What makes its row unlike the others."""


def measured(
    name: str,
    calculator: BaseCalculator,
    subject: Subject,
    options: ComparisonOptions,
    known: Known | None = None,
    progress: Progress | None = None,
) -> MethodResult:
    """Measure all that a row of a comparison has, by a calculator of the method."""
    known, molecule = known or Known(), subject.molecule
    offset = known.energy_offset
    if offset is None:
        some = subject.train.subset(np.arange(min(len(subject.train), _OFFSET_FRAMES)))
        own = evaluations(calculator, some, part(progress, 0.0, 0.3))
        offset = float(np.mean(some.energies - own.energies))
    found = evaluations(calculator, subject.test, part(progress, 0.3, 0.5))
    atoms = relaxed(calculator, molecule)
    minimum, energy = atoms.positions * ANGSTROM, energy_of(atoms)
    assert molecule.positions is not None
    fault = rest_limits(molecule, molecule.positions).fault(minimum) or (None if math.isfinite(energy) else NOT_FINITE)
    system = system_of(calculator, molecule)
    if fault is None:
        landscape = landscape_around(molecule, system, minimum, energy)
        hot = hot_dynamics(landscape, options, part(progress, 0.5, 0.95), name)
    else:
        hot, minimum = _no_minimum(fault, options), molecule.positions
    return MethodResult(
        name,
        errors_of(found.energies, found.forces, subject.test, offset),
        known.training,
        float(np.median(found.seconds)),
        step_time(system, minimum, parse_time(options.step, "the step")),
        hot,
        known.setting,
        known.remark,
    )
