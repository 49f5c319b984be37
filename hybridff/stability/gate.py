"""The stability gate: does a force field survive hot dynamics, and does it have false minima?

Three looks at the isolated molecule, all by OpenMM with the exported System. *Dynamics* from the minimum at high
temperature must keep the bonds of the molecule. *Quenches* of snapshots of these must end in that molecule, not in a
false minimum. *Scans* of a bond length, angle or pair distance of every symmetry class must not lead into a false well,
unless over a barrier that no dynamics climbs.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.export.context import langevin, new_context, openmm_seed, run_steps
from hybridff.export.dynamics import parse_time
from hybridff.export.routes import best_route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.limits import NOT_FINITE, rest_limits
from hybridff.progress import Progress, silent
from hybridff.stability.landscape import Landscape, fault_class, landscape_around, relax, relaxed_below
from hybridff.stability.scans import FalseMinimum, RelaxedScan, all_scans, find_false_minimum
from hybridff.units import KCAL_MOL

_FRICTION = 5.0
"""Friction of the Langevin dynamics [1/ps]: the molecule is as hot as asked after some 0.5 ps."""
_LOOK = 0.02
"""Time between two looks at a run [ps]."""
_SNAPSHOT = 0.1
"""Time between two snapshots that are kept [ps]."""

_SUSPICIOUS = 20 * KCAL_MOL
"""A potential energy this far below the minimum's makes dynamics look where it is."""
_REACHED = 40 * KCAL_MOL
"""Barrier of a false minimum that matters: at 1200 K, one of kT ln(10¹³/s × 1 µs) = 38 kcal/mol is crossed in 1 µs."""
_RARE = 20 * KCAL_MOL
"""A false well this high is met with a chance of exp(-E/kT) = 2e-4 at 1200 K …"""
_SHALLOW = 5 * KCAL_MOL
"""… and left within a picosecond if its walls are no higher than this, as that of a linear C-O-H often is."""
_LOW = 5 * KCAL_MOL
"""The minimiser can jump barriers of this size, which are then not seen."""
_BOTTOMLESS = 1e4 * KCAL_MOL
"""What is deeper is said without its number."""

_QUENCH_COST, _SCAN_COST = 500, 2000
"""Cost of a quench and of a scan in steps of dynamics, for the progress alone."""


@dataclass(frozen=True, kw_only=True)
class StabilityOptions:
    """How hard to try to break a force field."""

    temperatures: tuple[float, ...] = (1000.0, 1600.0)
    """Temperatures of the dynamics [K]."""

    runs: int = 3
    """Runs at each temperature, each with a seed of its own."""

    time: str = "50 ps"
    """Length of each run."""

    step: str = "0.5 fs"
    """Time step."""

    quenches: int = 20
    """Snapshots of the dynamics that are relaxed."""

    scans: bool = True
    """Draw a bond, angle and pair of every symmetry class out of its range."""

    seed: int = 0
    """Seed of the first run; the others count on."""

    def __post_init__(self) -> None:
        if not all(0 < temperature < math.inf for temperature in self.temperatures):
            raise InputError(f"option temperatures has to be of positive numbers, not {self.temperatures}.")
        for name in ("runs", "quenches", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"option {name} has to be at least 0, not {getattr(self, name)}.")
        parse_time(self.time, "the time")
        parse_time(self.step, "the step")


SHORT = StabilityOptions(temperatures=(1000.0, 1600.0), runs=4, time="15 ps", quenches=10)
"""Seconds; for use in a fit. What 1600 K breaks in picoseconds breaks at 1200 K within a nanosecond."""


@dataclass(frozen=True, kw_only=True)
class GateOptions:
    """Whether a fit has to prove that it is stable."""

    gate: Literal["short", "full", "none"] = "short"
    """Stability gate after the fit: hot dynamics, quenches and scans; where it fails, the fit is done again with more
    regularisation."""

    @property
    def stability(self) -> StabilityOptions | None:
        """Options of the gate's checks; None for no gate."""
        return {"short": SHORT, "full": StabilityOptions(), "none": None}[self.gate]


@dataclass(frozen=True)
class Finding:
    """One thing that a stable force field does not do."""

    kind: Literal["minimum", "dynamics", "quench", "scan"]
    """Which check found it."""
    atoms: tuple[int, ...]
    """Atoms where it is, counted from 0; empty where it cannot be told."""
    message: str
    """One sentence on it."""
    temperature: float | None = None
    """Temperature of the run [K]."""
    seed: int | None = None
    """Seed of the run."""
    time: float | None = None
    """Time in the run [ps]."""
    barrier: float | None = None
    """Height above the minimum on the way of a scan [kJ/mol]."""
    well: Float[np.ndarray, "atoms 3"] | None = field(default=None, compare=False, repr=False)
    """Positions of a false minimum [nm]; None where there is none or no bottom."""


@dataclass(frozen=True, eq=False)
class StabilityReport:
    """What the gate found."""

    options: StabilityOptions
    """How hard it tried."""
    failures: tuple[Finding, ...]
    """What a stable force field does not do."""
    notes: tuple[Finding, ...]
    """False minima behind walls that no dynamics climbs, and high and shallow ones."""
    minimum: Float[np.ndarray, "atoms 3"]
    """The force field's own minimum nearest to the molecule's positions [nm]."""
    snapshots: Float[np.ndarray, "frames atoms 3"]
    """Positions of the hot dynamics, every 0.1 ps up to a failure [nm]."""
    simulated: float
    """Length of all dynamics together [ps]."""
    n_quenches: int
    """Number of snapshots that were relaxed."""
    n_scans: int
    """Number of scans."""

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def sentences(self) -> tuple[str, ...]:
        """What was done and found, and what to do about it."""
        done = f"{self.simulated:.4g} ps of dynamics{_at(self.options.temperatures)}, "
        done += f"{_count(self.n_quenches, 'quench')} and {_count(self.n_scans, 'scan')}"
        notes = tuple(f"Note: {finding.message}" for finding in self.notes)
        if self.passed:
            return (f"Stable: nothing failed in {done}.", *notes)
        lines = tuple(f"FAILED: {finding.message}" for finding in self.failures)
        return (f"Not stable: {_count(len(self.failures), 'failure')} in {done}.", *lines, *notes, _ADVICE)


_ADVICE = (
    "Refit with a smaller --prior-scale, or add data near the structures named above, such as frames of hotter "
    "dynamics; until then do not trust this force field in long or hot runs."
)


def check_stability(
    force_field: ForceField, options: StabilityOptions | None = None, progress: Progress | None = None
) -> StabilityReport:
    """Look for false minima of a force field by hot dynamics, quenches and scans of the isolated molecule.

    Starts from the molecule's positions, or embedded ones. Deterministic for a seed.
    """
    options = options or StabilityOptions()
    molecule = force_field.molecule.placed()
    assert molecule.positions is not None
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    minimum, energy = relax(system, molecule.positions)
    fault = rest_limits(molecule, molecule.positions).fault(minimum)
    if fault or not np.isfinite(energy):
        fault = fault or NOT_FINITE
        message = f"relaxed from the molecule's own geometry, {fault.what}: this is no minimum of the molecule."
        finding = Finding("minimum", fault.atoms, message)
        return StabilityReport(options, (finding,), (), minimum, np.empty((0, *minimum.shape)), 0.0, 0, 0)
    return _checked(landscape_around(molecule, system, minimum, energy), options, _Meter(progress or silent))


def _checked(landscape: Landscape, options: StabilityOptions, meter: "_Meter") -> StabilityReport:
    """All three looks, from a sound minimum."""
    scans = all_scans(landscape.molecule, landscape.minimum) if options.scans else []
    plans = [(t, options.seed + run) for t in options.temperatures for run in range(options.runs)]
    steps = round(parse_time(options.time, "the time") / parse_time(options.step, "the step"))
    meter.total = steps * len(plans) + _QUENCH_COST * options.quenches + _SCAN_COST * len(scans)
    runs = [hot_run(landscape, temperature, seed, options, meter.advance) for temperature, seed in plans]
    found = [run.failure for run in runs if run.failure is not None]
    quenched, n_quenches = _quench(landscape, runs, options.quenches, meter)
    wells = _scan(landscape, scans, meter)
    snapshots = [frame for run in runs for frame in run.snapshots]
    return StabilityReport(
        options=options,
        failures=(*found, *quenched, *(_finding(well) for well in wells if matters(well))),
        notes=tuple(_finding(well) for well in wells if not matters(well)),
        minimum=landscape.minimum,
        snapshots=np.array(snapshots).reshape(-1, *landscape.minimum.shape),
        simulated=math.fsum(run.time for run in runs),
        n_quenches=n_quenches,
        n_scans=len(scans),
    )


# --- dynamics and quenches ---


@dataclass(frozen=True, eq=False)
class HotRun:
    """One run of hot dynamics, up to its end or to a failure."""

    temperature: float
    """Temperature of the thermostat [K]."""
    seed: int
    """Seed of the velocities and of the thermostat."""
    time: float
    """Time that was run [ps]."""
    snapshots: list[Float[np.ndarray, "atoms 3"]]
    """Positions every 0.1 ps [nm]."""
    failure: Finding | None
    """What broke; None for a run that held."""


def hot_run(
    landscape: Landscape,
    temperature: float,
    seed: int,
    options: StabilityOptions,
    advance: Callable[[int], None] | None = None,
    deadline: float = math.inf,
) -> HotRun:
    """Dynamics at ``temperature`` [K] from the minimum, looked at every 0.02 ps; ``advance`` is told the steps done.

    Ends early at ``deadline``, a time of ``time.perf_counter`` [s].
    """
    advance = advance or (lambda steps: None)
    step = parse_time(options.step, "the step")
    steps = max(1, round(parse_time(options.time, "the time") / step))
    context = new_context(landscape.system, langevin(temperature, _FRICTION, step, seed))
    context.setPositions(landscape.minimum)
    context.setVelocitiesToTemperature(temperature, openmm_seed(seed))
    looks = max(1, round(_LOOK / step))
    every = max(1, round(_SNAPSHOT / step / looks))
    floor = landscape.energy - _SUSPICIOUS
    snapshots: list[np.ndarray] = []
    for look, done in enumerate([*range(looks, steps, looks), steps], start=1):
        positions, energy = run_steps(context, done - (look - 1) * looks)
        fault = landscape.hot.fault(positions) or (None if np.isfinite(energy) else NOT_FINITE)
        if fault is None and energy < floor:
            below = relaxed_below(landscape, positions)
            fault, floor = below.fault, min(floor, landscape.energy + below.height - _SUSPICIOUS)
        if fault:
            message = f"dynamics at {temperature:g} K (seed {seed}) broke after {done * step:.3g} ps: {fault.what}."
            well = relaxed_below(landscape, positions).well
            finding = Finding("dynamics", fault.atoms, message, temperature, seed, done * step, well=well)
            advance(steps - (look - 1) * looks)
            return HotRun(temperature, seed, done * step, snapshots, finding)
        if look % every == 0:
            snapshots.append(positions)
        advance(done - (look - 1) * looks)
        if time.perf_counter() > deadline:
            break
    return HotRun(temperature, seed, done * step, snapshots, None)


def _quench(landscape: Landscape, runs: list[HotRun], wanted: int, meter: "_Meter") -> tuple[list[Finding], int]:
    """Relax snapshots spread over all runs: false minima, one of each kind of fault, and the number of quenches."""
    frames = [(run, i) for run in runs for i in range(len(run.snapshots))]
    chosen = sorted({round(i) for i in np.linspace(0, len(frames) - 1, wanted)}) if frames else []
    wells: dict[tuple, Finding] = {}
    for index in chosen:
        run, i = frames[index]
        below = relaxed_below(landscape, run.snapshots[i])
        meter.advance(_QUENCH_COST)
        if fault := below.fault:
            moment = (i + 1) * _SNAPSHOT
            message = (
                f"a false well {_height(below.height)}: a snapshot at {run.temperature:g} K (seed {run.seed}, "
                f"{moment:.3g} ps) relaxes into it, and there {fault.what}."
            )
            finding = Finding("quench", fault.atoms, message, run.temperature, run.seed, moment, well=below.well)
            wells.setdefault(fault_class(landscape.molecule, fault), finding)
    return list(wells.values()), len(chosen)


# --- scans ---


def _scan(landscape: Landscape, scans: list[RelaxedScan], meter: "_Meter") -> list[FalseMinimum]:
    """False minima by rising barrier; of those with faults of equivalent atoms only the first."""
    found = []
    for scan in scans:
        if well := find_false_minimum(landscape, scan):
            found.append(well)
        meter.advance(_SCAN_COST)
    classes: dict[tuple, FalseMinimum] = {}
    for well in sorted(found, key=lambda well: well.barrier):
        classes.setdefault(fault_class(landscape.molecule, well.fault), well)
    return list(classes.values())


def matters(well: FalseMinimum) -> bool:
    """Whether dynamics gets to a false minimum, and is then often or long enough there to notice."""
    return well.barrier <= _REACHED and (well.height <= _RARE or well.barrier - well.height >= _SHALLOW)


def _finding(well: FalseMinimum) -> Finding:
    over = "over a barrier " + ("below 5" if well.barrier < _LOW else f"of {well.barrier / KCAL_MOL:.0f}") + " kcal/mol"
    message = f"{well.scan.doing} leads {over} into a false well {_height(well.height)}: {well.fault.what}."
    return Finding("scan", well.scan.atoms, message, barrier=well.barrier, well=well.well)


class _Meter:
    """Counts work done and tells the fraction."""

    def __init__(self, progress: Progress) -> None:
        self.total = 1
        self._done = 0
        self._progress = progress

    def advance(self, work: int) -> None:
        self._done += work
        self._progress(min(1.0, self._done / self.total))


def _height(energy: float) -> str:
    """Where an energy [kJ/mol] lies, seen from the minimum."""
    if not energy > -_BOTTOMLESS:
        return "without a bottom"
    return f"{abs(energy) / KCAL_MOL:.3g} kcal/mol {'below' if energy < 0 else 'above'} the minimum"


def _at(temperatures: tuple[float, ...]) -> str:
    return f" at {' and '.join(f'{temperature:g}' for temperature in temperatures)} K" if temperatures else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('ch') else 's'}"
