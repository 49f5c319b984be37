"""Minimisation and dynamics of a System, with OpenMM's standard reporters."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app

from hybridff.errors import HybridFFError, InputError

_TIMES = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "µs": 1e6}
_CHUNKS = 100
_SEEDS = 2**31 - 1

Progress = Callable[[float], None]
"""Called with the fraction done."""
Distance = Callable[[Float[np.ndarray, "frames atoms 3"]], Float[np.ndarray, " frames"]]
"""How far frames [nm] are from training data, in units of what these are from each other."""


class DynamicsError(HybridFFError):
    """A simulation that blew up."""


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
    time: float
    """[ps]"""
    mean_temperature: float
    """Over the second half of the log, as the run starts from a minimum [K]."""
    ns_per_day: float
    farthest: float | None = None
    """Largest distance of a frame from the training data; None where it was not looked at."""
    share_beyond: float | None = None
    """Of the frames, those further from the training data than these are from each other."""
    stopped: bool = False
    """Whether the run ended before its time as a frame was too far from the training data."""


def parse_time(text: str, what: str) -> float:
    """Picoseconds of "10 ps", "0.5fs", "2 ns"."""
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


def simulate(
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
) -> SimulationResult:
    """Minimise, then run dynamics from ``positions`` [nm]; writes into ``folder``.

    Files: ``trajectory.dcd`` (or ``.xtc``), ``log.csv``, ``minimised.pdb``, ``final.pdb``, ``checkpoint.xml`` to go on
    from, and with ``distance`` also ``distance.csv``, a line for each frame. Raises ``DynamicsError`` when the energy
    is no longer finite, with the time of the failure.
    """
    options = options or SimulationOptions()
    if not 0 < temperature < math.inf:
        raise InputError(f"the temperature has to be a positive number, not {temperature} K.")
    step, interval = parse_time(options.step, "the step"), parse_time(options.interval, "the interval")
    steps = max(1, round(parse_time(duration, "the time") / step))
    every = min(steps, max(1, round(interval / step)))
    integrator = _integrator(options, temperature, step)
    simulation = app.Simulation(topology, system, integrator, get_platform(platform))
    simulation.context.setPositions(positions)
    simulation.minimizeEnergy()
    _write_pdb(simulation, folder / "minimised.pdb")
    simulation.context.setVelocitiesToTemperature(temperature, options.seed)
    writers = {"dcd": app.DCDReporter, "xtc": app.XTCReporter}
    if options.trajectory != "none":
        path = folder / f"trajectory.{options.trajectory}"
        simulation.reporters.append(writers[options.trajectory](str(path), every))
    log = folder / "log.csv"
    columns = ("step", "time", "potentialEnergy", "kineticEnergy", "totalEnergy", "temperature")
    simulation.reporters.append(app.StateDataReporter(str(log), every, **dict.fromkeys(columns, True)))
    watch = None
    if distance is not None:
        watch = _Watch(folder / "distance.csv", every, distance, options.stop_beyond)
        simulation.reporters.append(watch)
    begin = time.perf_counter()
    looks = _chunks(steps) if options.stop_beyond is None else sorted({*range(every, steps, every), steps})
    try:
        for done in looks:
            _advance(simulation, done)
            if progress:
                progress(done / steps)
            if watch is not None and watch.stopped:
                steps = done
                break
    finally:
        if watch is not None:
            watch.file.close()
    seconds = time.perf_counter() - begin
    _write_pdb(simulation, folder / "final.pdb")
    simulation.saveState(str(folder / "checkpoint.xml"))
    simulation.reporters.clear()
    table = np.atleast_2d(np.genfromtxt(log, delimiter=",", comments="#"))
    return SimulationResult(
        steps=steps,
        time=steps * step,
        mean_temperature=float(table[len(table) // 2 :, 5].mean()),
        ns_per_day=steps * step * 1e-3 / seconds * 86400,
        farthest=None if watch is None else max(watch.seen),
        share_beyond=None if watch is None else float(np.mean(np.array(watch.seen) > 1)),
        stopped=watch is not None and watch.stopped,
    )


class _Watch:
    """A reporter of OpenMM's kind that writes how far each frame is from the training data."""

    def __init__(self, path: Path, every: int, distance: Distance, limit: float | None) -> None:
        self.file, self.seen, self.stopped = path.open("w", encoding="utf-8"), list[float](), False
        self.file.write("time (ps),distance from the training data\n")
        self._every, self._distance, self._limit = every, distance, limit

    def describeNextReport(self, simulation: app.Simulation) -> dict:  # noqa: N802
        """OpenMM's protocol."""
        return {
            "steps": self._every - simulation.currentStep % self._every,
            "periodic": False,
            "include": ["positions"],
        }

    def report(self, _: app.Simulation, state: openmm.State) -> None:
        """Look at one frame."""
        found = float(self._distance(state.getPositions(asNumpy=True)._value[None])[0])
        self.seen.append(found)
        self.file.write(f"{state.getTime()._value:.6g},{found:.4g}\n")
        self.stopped = self.stopped or (self._limit is not None and found > self._limit)


def _integrator(options: SimulationOptions, temperature: float, step: float) -> openmm.Integrator:
    if options.ensemble == "nve":
        return openmm.VerletIntegrator(step)
    integrator = openmm.LangevinMiddleIntegrator(temperature, options.friction, step)
    integrator.setRandomNumberSeed(options.seed + 1)  # 0 would ask OpenMM for a seed of its own
    return integrator


def _chunks(steps: int) -> list[int]:
    """Step counts at which to look after the simulation."""
    return sorted({round(steps * (i + 1) / _CHUNKS) for i in range(_CHUNKS)} - {0})


def _advance(simulation: app.Simulation, target: int) -> None:
    try:
        simulation.step(target - simulation.currentStep)
        energy = simulation.context.getState(getEnergy=True).getPotentialEnergy()._value
    except (openmm.OpenMMException, ValueError) as error:
        if "nan" not in str(error).lower() and "infinite" not in str(error).lower():
            raise
        energy = np.nan
    if not np.isfinite(energy):
        now = simulation.context.getStepCount() * simulation.integrator.getStepSize()._value
        raise DynamicsError(
            f"the simulation blew up before {now:.3g} ps: the energy is no longer finite. Use a smaller --step or a "
            "lower temperature; if it goes on, the force field has a hole."
        )


def _write_pdb(simulation: app.Simulation, path: Path) -> None:
    positions = simulation.context.getState(getPositions=True).getPositions()
    with path.open("w") as file:
        app.PDBFile.writeFile(simulation.topology, positions, file, keepIds=True)
