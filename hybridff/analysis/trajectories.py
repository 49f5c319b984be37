"""Dynamics of an isolated molecule by any method, all in the same engine: OpenMM on its Reference platform."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from openmm import app

from hybridff.errors import DynamicsError, InputError
from hybridff.export.ase_atoms import evaluator
from hybridff.export.calculator import HybridFFCalculator
from hybridff.export.context import minimise, new_context, raise_unless_nan
from hybridff.export.routes import best_route, to_openmm
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent

STEP = 0.0005
"""Time step [ps]."""
FRICTION = 1.0
"""Friction of Langevin dynamics [1/ps]."""
WARM = 5.0
"""Time before anything counts [ps]."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Frames of dynamics, at equal distances in time."""

    every: float
    """Time from one frame to the next [ps]."""
    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions of the atoms [nm]."""
    velocities: Float[np.ndarray, "frames atoms 3"] | None
    """Velocities at the same times [nm/ps]; None but at constant energy."""
    energies: Float[np.ndarray, " frames"]
    """Potential energies [kJ/mol]."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How dynamics run."""

    temperature: float
    """Temperature [K]."""
    time: float
    """Time that counts, after the warm-up [ps]."""
    every: float = 0.1
    """Time from one frame to the next [ps]."""
    warm: float = WARM
    """Length of the warm-up [ps]."""
    step: float = STEP
    """Time step [ps]."""
    seed: int = 0
    """Seed of velocities and of Langevin's random forces."""
    constant_energy: bool = False
    """Whether the energy is constant after the warm-up, and nothing turns as a whole; all Langevin dynamics if not."""

    def __post_init__(self) -> None:
        for name in ("temperature", "time", "every", "step"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"option {name} has to be a positive number, not {value}.")
        if not self.step <= self.every <= self.time:
            raise InputError(
                f"a frame every {self.every:g} ps does not go with steps of {self.step:g} ps and a run of "
                f"{self.time:g} ps."
            )


def system_of(calculator: BaseCalculator, molecule: Molecule) -> openmm.System:
    """A molecule by a method as a System for this process: force fields by their faster route, others by callbacks."""
    if isinstance(calculator, HybridFFCalculator):
        return to_openmm(calculator.model, best_route(calculator.model, "Reference"))
    evaluate = evaluator(molecule.numbers, calculator)

    def compute(state: openmm.State) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        return evaluate(plain_number(state.getPositions(asNumpy=True)))

    system = openmm.System()
    for number in molecule.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    system.addForce(openmm.PythonForce(compute))
    return system


def trajectory(
    system: openmm.System,
    positions: Float[np.ndarray, "atoms 3"],
    run: Run,
    progress: Progress = silent,
) -> Trajectory:
    """Relax from ``positions`` [nm], warm up, and run; deterministic for a seed.

    Raises ``DynamicsError`` where the energy is no longer finite.
    """
    integrator = openmm.LangevinMiddleIntegrator(run.temperature, FRICTION, run.step)
    integrator.setRandomNumberSeed(run.seed + 1)  # 0 would ask OpenMM for a seed of its own
    context = new_context(system, integrator)
    context.setPositions(positions)
    minimise(context)
    context.setVelocitiesToTemperature(run.temperature, run.seed + 1)
    every, frames = max(1, round(run.every / run.step)), max(1, round(run.time / run.every))
    warm = max(1, round(run.warm / every / run.step))
    for number in range(warm):
        state = _advance(context, every, number * run.every)
        progress((number + 1) / (warm + frames))
    if run.constant_energy:
        context = _at_constant_energy(system, state, run.step)
    half = run.step / 2 / masses_of(system)[:, None]
    places, speeds, energies = [], [], []
    for number in range(frames):
        state = _advance(context, every, (warm + number) * run.every)
        places.append(plain_number(state.getPositions(asNumpy=True)))
        energies.append(plain_number(state.getPotentialEnergy()))
        if run.constant_energy:  # the leap-frog's velocities are half a step behind
            forces = plain_number(state.getForces(asNumpy=True))
            speeds.append(plain_number(state.getVelocities(asNumpy=True)) + half * forces)
        progress((warm + number + 1) / (warm + frames))
    return Trajectory(run.every, np.array(places), np.array(speeds) if speeds else None, np.array(energies))


def _advance(context: openmm.Context, steps: int, begin: float) -> openmm.State:
    """The state after so many steps from the time ``begin`` [ps]."""
    try:
        context.getIntegrator().step(steps)
        state = context.getState(getPositions=True, getVelocities=True, getForces=True, getEnergy=True)
        finite = math.isfinite(plain_number(state.getPotentialEnergy()))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        finite = False
    if not finite:
        raise DynamicsError(f"dynamics blew up after {begin:.3g} ps: the energy is no longer finite.")
    return state


def _at_constant_energy(system: openmm.System, state: openmm.State, step: float) -> openmm.Context:
    """Verlet dynamics from a state, without motion of the centre and without turning."""
    positions, velocities = (plain_number(own(asNumpy=True)) for own in (state.getPositions, state.getVelocities))
    context = new_context(system, openmm.VerletIntegrator(step))
    context.setPositions(positions)
    context.setVelocities(without_turning(positions, velocities, masses_of(system)))
    return context


def without_turning(
    positions: Float[np.ndarray, "atoms 3"],
    velocities: Float[np.ndarray, "atoms 3"],
    masses: Float[np.ndarray, " atoms"],
) -> Float[np.ndarray, "atoms 3"]:
    """Velocities less those of the molecule as a rigid body, so that momentum and angular momentum are nothing."""
    weights = masses[:, None] / masses.sum()
    places, speeds = positions - (weights * positions).sum(0), velocities - (weights * velocities).sum(0)
    momentum = (masses[:, None] * np.cross(places, speeds)).sum(0)
    inertia = (masses * (places**2).sum(1)).sum() * np.eye(3) - (masses[:, None] * places).T @ places
    return speeds - np.cross(np.linalg.pinv(inertia, rcond=1e-9) @ momentum, places)


def masses_of(system: openmm.System) -> Float[np.ndarray, " atoms"]:
    """Masses of the particles [Da]."""
    return np.array([plain_number(system.getParticleMass(i)) for i in range(system.getNumParticles())])


def plain_number(quantity: Any) -> Any:
    """A number or an array of OpenMM's in its own units: nm, kJ/mol, ps, Da.

    Every step or frame of dynamics asks for some; ``value_in_unit`` takes 30 µs, as long as a step.
    """
    return quantity._value  # noqa: SLF001 (see above)
