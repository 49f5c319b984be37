"""One row of a comparison: errors, time of an evaluation, speed of dynamics, and whether hot dynamics holds."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import ase
import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from jaxtyping import Float

from hybridff.analysis.trajectories import system_of
from hybridff.comparison.options import ComparisonOptions
from hybridff.export.calculator import energy_of
from hybridff.export.context import raise_interruption
from hybridff.export.dynamics import parse_time
from hybridff.export.timing import step_time
from hybridff.frames.accuracy import Errors, errors_of
from hybridff.frames.dataset import Frames
from hybridff.molecules.limits import NOT_FINITE, Fault, rest_limits
from hybridff.molecules.molecule import Molecule
from hybridff.stability.gate import hot_run
from hybridff.stability.landscape import Landscape, landscape_around
from hybridff.units import ANGSTROM, EV

_OFFSET_FRAMES = 200
"""Training frames, at most, whose mean difference of energies is a method's offset."""
_LARGEST_FORCE = 0.01
"""Of a minimum, where dynamics begin [eV/Å]."""
_MOST_STEPS = 300
_SHIFT = 0.001
"""Of the frame that does not count, so that nothing is taken from it [nm]."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Hot:
    """What hot dynamics of a method came to."""

    planned: float
    """Time of all runs together [ps]."""
    simulated: float
    """What was run of it, up to the time limit or to failures [ps]."""
    n_runs: int
    broken: tuple[str, ...]
    """A sentence for each run that broke."""
    first: float | None = None
    """Time in its run at which the first of them broke [ps]."""

    @property
    def stable(self) -> bool:
        """Whether nothing broke."""
        return not self.broken

    @property
    def complete(self) -> bool:
        """Whether all of it was run."""
        return self.simulated > 0.995 * self.planned

    def __str__(self) -> str:
        if self.first is not None:
            return f"broke after {self.first:.2g} ps ({len(self.broken)} of {self.n_runs} runs)"
        if self.broken:
            return "has no sound minimum"
        if not self.planned:
            return "–"
        cut = "" if self.complete else f" of {self.planned:.3g}"
        return f"ok ({self.simulated:.3g}{cut} ps)"


@dataclass(frozen=True)
class Row:
    """A method, measured; what could not be measured is None, and the remark says why."""

    name: str
    errors: Errors | None = None
    """On the test frames."""
    training: float | None = None
    """Time of the training [s]; None for methods that have none, and where it is not known."""
    evaluation: float | None = None
    """Median time of an energy with its forces, by ASE [s]."""
    step: float | None = None
    """Median time of a step of dynamics, in OpenMM [s]."""
    hot: Hot | None = None
    setting: str = ""
    """What was trained, or what the method is."""
    remark: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it, for ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Row":
        """The row of ``to_json``."""
        errors, hot = found["errors"], found["hot"]
        values = {part.name: found[part.name] for part in fields(cls)}
        values["errors"] = None if errors is None else Errors(**errors)
        values["hot"] = None if hot is None else Hot(**{**hot, "broken": tuple(hot["broken"])})
        return cls(**values)


@dataclass(frozen=True, eq=False)
class Evaluations:
    """Energies and forces of frames by a calculator."""

    energies: Float[np.ndarray, " frames"]
    """[kJ/mol]"""
    forces: Float[np.ndarray, "frames atoms 3"]
    """[kJ/mol/nm]"""
    seconds: Float[np.ndarray, " frames"]


def evaluations(calculator: BaseCalculator, frames: Frames, progress: Progress | None = None) -> Evaluations:
    """One frame after the other, as dynamics would; the first twice, as many methods have something to set up."""
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
) -> Hot:
    """Runs from the minimum, looked at as the stability gate does.

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
    return Hot(planned, simulated, len(plans), tuple(text for _, text in broken), min(broken)[0] if broken else None)


def _no_minimum(fault: Fault, options: ComparisonOptions) -> Hot:
    n_runs = len(options.temperatures) * options.runs
    message = f"relaxed from the molecule's own geometry, {fault.what}: this is no minimum of the molecule."
    return Hot(parse_time(options.time, "the time") * n_runs, 0.0, n_runs, (message,))


def measured(
    name: str,
    calculator: BaseCalculator,
    molecule: Molecule,
    train: Frames,
    test: Frames,
    options: ComparisonOptions,
    *,
    energy_offset: float | None = None,
    training: float | None = None,
    setting: str = "",
    remark: str = "",
    progress: Progress | None = None,
) -> Row:
    """All that a row has; ``energy_offset`` [kJ/mol] is the method's own, or the mean difference over ``train``.

    ``molecule`` has positions, where dynamics begin.
    """
    progress = progress or (lambda done: None)
    if energy_offset is None:
        some = train.subset(np.arange(min(len(train), _OFFSET_FRAMES)))
        own = evaluations(calculator, some, lambda done: progress(0.3 * done))
        energy_offset = float(np.mean(some.energies - own.energies))
    found = evaluations(calculator, test, lambda done: progress(0.3 + 0.2 * done))
    atoms = relaxed(calculator, molecule)
    minimum, energy = atoms.positions * ANGSTROM, energy_of(atoms)
    assert molecule.positions is not None
    fault = rest_limits(molecule, molecule.positions).fault(minimum) or (None if math.isfinite(energy) else NOT_FINITE)
    system = system_of(calculator, molecule)
    if fault is None:
        landscape = landscape_around(molecule, system, minimum, energy)
        hot = hot_dynamics(landscape, options, lambda done: progress(0.5 + 0.45 * done), name)
    else:
        hot, minimum = _no_minimum(fault, options), molecule.positions
    return Row(
        name,
        errors_of(found.energies, found.forces, test, energy_offset),
        training,
        float(np.median(found.seconds)),
        step_time(system, minimum, parse_time(options.step, "the step")),
        hot,
        setting,
        remark,
    )
