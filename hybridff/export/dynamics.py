"""Minimisation and dynamics of a System, with OpenMM's standard reporters."""

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app, unit

from hybridff.errors import DynamicsError, InputError
from hybridff.export.context import energy_in, langevin, positions_in, raise_unless_nan
from hybridff.export.guard import Guard
from hybridff.molecules.limits import hot_limits
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress

_TIMES = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "µs": 1e6}
_CHUNKS = 100
_SEEDS = 2**31 - 1

Distance = Callable[[Float[np.ndarray, "frames atoms 3"]], Float[np.ndarray, " frames"]]
"""How far frames [nm] are from training data, in units of what these are from each other."""


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """How to run dynamics."""

    ensemble: Literal["nvt", "nve"] = "nvt"
    """Langevin dynamics at constant temperature, or velocity Verlet at constant energy."""

    step: str = "0.5 fs"
    """Time step."""

    friction: float = 1.0
    """Friction of Langevin dynamics [1/ps]."""

    interval: str = "0.1 ps"
    """Time between two frames of the trajectory and two lines of the log; the whole time where that is shorter."""

    trajectory: Literal["dcd", "xtc", "none"] = "dcd"
    """Format of the trajectory."""

    seed: int = 0
    """Seed of velocities and of the thermostat."""

    stop_beyond: float | None = None
    """Stop when a frame is further than this from the training data of the model's corrections, which lie below 1."""

    def __post_init__(self) -> None:
        if self.stop_beyond is not None and not self.stop_beyond > 0:
            raise InputError(f"option stop_beyond has to be a positive number, not {self.stop_beyond}.")
        if not 0 <= self.friction < math.inf:
            raise InputError(f"option friction has to be a number of at least 0, not {self.friction}.")
        if not 0 <= self.seed < _SEEDS:
            raise InputError(f"option seed has to be from 0 to {_SEEDS - 1}, not {self.seed}.")


@dataclass(frozen=True)
class SimulationResult:
    """What a simulation was like."""

    steps: int
    """Number of steps that were run."""
    time: float
    """Simulated time [ps]."""
    mean_temperature: float
    """Mean over the second half of the log, as the run starts from a minimum [K]."""
    ns_per_day: float
    """Simulated time over the time that it took [ns/day]."""
    farthest: float | None = None
    """Largest distance of a frame from the training data; None where it was not looked at."""
    share_beyond: float | None = None
    """Share of the frames that are further from the training data than these are from each other."""
    stopped: bool = False
    """Whether the run ended before its time as a frame was too far from the training data."""


def parse_time(text: str, what: str) -> float:
    """Picoseconds of a text such as "10 ps", "0.5fs" or "2 ns"; messages call the time ``what``."""
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*([a-zµ]+)\s*", text)
    try:
        value = float(match[1]) * _TIMES[match[2]] if match else 0.0
    except (KeyError, ValueError):
        value = 0.0
    if not 0.0 < value < math.inf:
        raise InputError(f"{what} '{text}' is no time: write a positive number and its unit, such as \"10 ps\".")
    return value


def get_platform(name: str) -> openmm.Platform:
    """The OpenMM platform of this name; raises ``InputError`` with those present."""
    present = platform_names()
    for candidate in present:
        if candidate.lower() == name.lower():
            return openmm.Platform.getPlatformByName(candidate)
    raise InputError(f"OpenMM has no platform '{name}' here; present are {', '.join(present)}.")


def platform_names() -> list[str]:
    """Names of all OpenMM platforms of this machine."""
    return [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]


def simulate(  # noqa: PLR0913 (six of them have names and most have defaults)
    system: openmm.System,
    topology: app.Topology,
    positions: Float[np.ndarray, "atoms 3"],
    folder: Path,
    *,
    temperature: float,
    duration: str,
    platform: str = "Reference",
    options: SimulationOptions | None = None,
    progress: Progress | None = None,
    distance: Distance | None = None,
    molecule: Molecule | None = None,
) -> SimulationResult:
    """Minimise, then run dynamics at ``temperature`` [K] from ``positions`` [nm]; writes into ``folder``.

    Each frame has to have a temperature that can be, and that of a ``molecule``, whose atoms are all that there are,
    its bonds and no others.

    Files: ``trajectory.dcd`` (or ``.xtc``), ``log.csv``, ``minimised.pdb``, ``final.pdb``, ``checkpoint.xml`` to go on
    from, and with ``distance`` also ``distance.csv``, a line for each frame. Raises ``DynamicsError`` with the time
    and the reason when a frame cannot be or the energy is no longer finite; files then end with the last sound frame.
    It is raised too, and nothing written, where the minimisation breaks down or ends in another molecule.
    """
    options = options or SimulationOptions()
    if not 0 < temperature < math.inf:
        raise InputError(f"the temperature has to be a positive number, not {temperature} K.")
    plan = _plan(duration, options)
    integrator = _integrator(options, temperature, plan.step)
    simulation = app.Simulation(topology, system, integrator, get_platform(platform))
    relaxed = _minimised(simulation, positions, molecule)
    _write_pdb(simulation, folder / "minimised.pdb")
    simulation.context.setVelocitiesToTemperature(temperature, options.seed)
    limits = None if molecule is None else hot_limits(molecule, relaxed)
    guard = Guard(simulation, plan.every, temperature, limits)
    simulation.reporters.append(guard)
    _add_reporters(simulation, folder, plan.every, options.trajectory)
    begin = time.perf_counter()
    try:
        with _watching(simulation, folder / "distance.csv", plan.every, distance, options.stop_beyond) as watch:
            steps = _run(simulation, plan, watch, progress)
        seconds = time.perf_counter() - begin
    except DynamicsError:
        guard.go_back()
        raise
    finally:
        _write_pdb(simulation, folder / "final.pdb")
        simulation.saveState(str(folder / "checkpoint.xml"))
        simulation.reporters.clear()
    return SimulationResult(
        steps=steps,
        time=steps * plan.step,
        mean_temperature=_mean_temperature(folder / "log.csv"),
        ns_per_day=steps * plan.step * 1e-3 / seconds * 86400,
        farthest=None if watch is None else max(watch.seen),
        share_beyond=None if watch is None else float(np.mean(np.array(watch.seen) > 1)),
        stopped=watch is not None and watch.stopped,
    )


@dataclass(frozen=True)
class _Plan:
    """What a run does, and when."""

    step: float
    """Time step [ps]."""
    steps: int
    """Number of steps of the whole run."""
    every: int
    """Steps between two frames and two lines of the log."""
    looks: Sequence[int]
    """Step counts at which the energy is looked at and progress is told, ascending; the last is the end."""


def _plan(duration: str, options: SimulationOptions) -> _Plan:
    step, interval = parse_time(options.step, "the step"), parse_time(options.interval, "the interval")
    steps = max(1, round(parse_time(duration, "the time") / step))
    every = min(steps, max(1, round(interval / step)))
    if options.stop_beyond is not None:
        return _Plan(step, steps, every, sorted({*range(every, steps, every), steps}))
    return _Plan(step, steps, every, sorted({round(steps * (i + 1) / _CHUNKS) for i in range(_CHUNKS)} - {0}))


def _add_reporters(simulation: app.Simulation, folder: Path, every: int, trajectory: str) -> None:
    """Write a trajectory, unless it is "none", and a log every so many steps."""
    writers = {"dcd": app.DCDReporter, "xtc": app.XTCReporter}
    if trajectory != "none":
        simulation.reporters.append(writers[trajectory](str(folder / f"trajectory.{trajectory}"), every))
    columns = ("step", "time", "potentialEnergy", "kineticEnergy", "totalEnergy", "temperature")
    log = app.StateDataReporter(str(folder / "log.csv"), every, **dict.fromkeys(columns, True))
    simulation.reporters.append(log)


def _run(simulation: app.Simulation, plan: _Plan, watch: "_Watch | None", progress: Progress | None) -> int:
    """Run to the end, or until a frame is too far from the training data; the number of steps."""
    for done in plan.looks:
        _advance(simulation, done)
        if progress:
            progress(done / plan.steps)
        if watch is not None and watch.stopped:
            return done
    return plan.steps


def _mean_temperature(log: Path) -> float:
    """Mean over the second half of a log [K]."""
    table = np.atleast_2d(np.genfromtxt(log, delimiter=",", comments="#"))
    return float(table[len(table) // 2 :, 5].mean())


class _Watch:
    """A reporter of OpenMM's kind that writes how far each frame is from the training data."""

    def __init__(self, file: TextIO, every: int, distance: Distance, limit: float | None) -> None:
        self.seen: list[float] = []
        self.stopped = False
        self._file, self._every, self._distance, self._limit = file, every, distance, limit

    def describeNextReport(self, simulation: app.Simulation) -> dict:  # noqa: N802 (OpenMM calls it so)
        """OpenMM's protocol."""
        return {
            "steps": self._every - simulation.currentStep % self._every,
            "periodic": False,
            "include": ["positions"],
        }

    def report(self, _: app.Simulation, state: openmm.State) -> None:
        """Look at one frame."""
        found = float(self._distance(positions_in(state)[None])[0])
        self.seen.append(found)
        self._file.write(f"{state.getTime().value_in_unit(unit.picosecond):.6g},{found:.4g}\n")
        self.stopped = self.stopped or (self._limit is not None and found > self._limit)


@contextlib.contextmanager
def _watching(
    simulation: app.Simulation, path: Path, every: int, distance: Distance | None, limit: float | None
) -> Iterator[_Watch | None]:
    """Write the distance of every frame to a file while the block runs; None where there is no distance."""
    if distance is None:
        yield None
        return
    with path.open("w", encoding="utf-8") as file:
        file.write("time (ps),distance from the training data\n")
        watch = _Watch(file, every, distance, limit)
        simulation.reporters.append(watch)
        yield watch


def _integrator(options: SimulationOptions, temperature: float, step: float) -> openmm.Integrator:
    if options.ensemble == "nve":
        return openmm.VerletIntegrator(step)
    return langevin(temperature, options.friction, step, options.seed)


def _advance(simulation: app.Simulation, target: int) -> None:
    try:
        simulation.step(target - simulation.currentStep)
        energy = energy_in(simulation.context.getState(getEnergy=True))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        energy = math.nan
    if not math.isfinite(energy):
        now = simulation.context.getStepCount() * simulation.integrator.getStepSize().value_in_unit(unit.picosecond)
        raise DynamicsError(
            f"the simulation blew up before {now:.3g} ps: the energy is no longer finite. Use a smaller --step or a "
            "lower temperature; if it goes on, the force field has a hole."
        )


def _minimised(
    simulation: app.Simulation, positions: Float[np.ndarray, "atoms 3"], molecule: Molecule | None
) -> Float[np.ndarray, "atoms 3"]:
    """Relax a simulation from positions [nm]; those where it ends, which have to be the same ``molecule``."""
    simulation.context.setPositions(positions)
    try:
        simulation.minimizeEnergy()
        state = simulation.context.getState(positions=True, energy=True)
        found, energy = positions_in(state), energy_in(state)
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        found, energy = positions, math.nan
    if not (np.isfinite(found).all() and math.isfinite(energy)):
        raise DynamicsError("the minimisation broke down: the force field has a hole where the molecule starts.")
    fault = None if molecule is None else hot_limits(molecule, positions).fault(found)
    if fault is not None:
        raise DynamicsError(f"the minimisation ends where {fault.what}: the force field has a hole there.")
    return found


def _write_pdb(simulation: app.Simulation, path: Path) -> None:
    positions = simulation.context.getState(getPositions=True).getPositions()
    with path.open("w", encoding="utf-8") as file:
        app.PDBFile.writeFile(simulation.topology, positions, file, keepIds=True)
