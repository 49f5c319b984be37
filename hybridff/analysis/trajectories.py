"""Dynamics of an isolated molecule by any method, all in the same engine: OpenMM on its Reference platform."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import ase
import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from openmm import app

from hybridff.errors import DynamicsError, InputError
from hybridff.export.calculator import HybridFFCalculator, MoleculeCalculator, energy_of
from hybridff.export.context import langevin, minimise, new_context, openmm_seed, raise_unless_nan
from hybridff.export.routes import best_route, to_openmm
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, EV

STEP = 0.0005
"""Time step [ps]."""
FRICTION = 1.0
"""Of Langevin dynamics [1/ps]."""
WARM = 5.0
"""Time before anything counts [ps]."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Frames of dynamics, at equal distances in time."""

    every: float
    """Time from one frame to the next [ps]."""
    positions: Float[np.ndarray, "frames atoms 3"]
    """[nm]"""
    velocities: Float[np.ndarray, "frames atoms 3"] | None
    """At constant energy [nm/ps]; of the same times as the positions."""
    energies: Float[np.ndarray, " frames"]
    """Potential energies [kJ/mol]."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How dynamics run."""

    temperature: float
    """[K]"""
    time: float
    """What counts [ps]."""
    every: float = 0.1
    """Time from one frame to the next [ps]."""
    warm: float = WARM
    """Time before that [ps]."""
    step: float = STEP
    """[ps]"""
    seed: int = 0
    constant_energy: bool = False
    """After the warm-up, and without turning as a whole; Langevin dynamics all the way if not."""

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
    """A molecule by a method as a System for this process: force fields by their faster route, others by callbacks.

    Raises ``InputError`` where OpenMM is too old for these (8.5).
    """
    if isinstance(calculator, HybridFFCalculator):
        return to_openmm(calculator.model, best_route(calculator.model, "Reference"))
    if not hasattr(openmm, "PythonForce"):
        raise InputError(
            f"dynamics by other programs need OpenMM 8.5 or newer, and this is {openmm.version.short_version}; update "
            "OpenMM, or leave these methods out."
        )
    atoms = ase.Atoms(molecule.numbers, np.zeros((len(molecule.numbers), 3)))
    atoms.calc = calculator

    def compute(state: openmm.State) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        positions = state.getPositions(asNumpy=True)._value
        atoms.positions = positions / ANGSTROM
        if isinstance(calculator, MoleculeCalculator):
            calculator.atoms = atoms
            return calculator.energy_forces(np.ascontiguousarray(positions))
        forces = atoms.get_forces() * (EV / ANGSTROM)
        return energy_of(atoms), forces

    system = openmm.System()
    for number in molecule.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    system.addForce(openmm.PythonForce(compute))
    return system


def trajectory(
    system: openmm.System,
    positions: Float[np.ndarray, "atoms 3"],
    run: Run,
    progress: Callable[[float], None] | None = None,
) -> Trajectory:
    """Relax from ``positions`` [nm], warm up, and run; deterministic for a seed.

    Raises ``DynamicsError`` where the energy is no longer finite.
    """
    context = new_context(system, langevin(run.temperature, FRICTION, run.step, run.seed))
    context.setPositions(positions)
    minimise(context)
    context.setVelocitiesToTemperature(run.temperature, openmm_seed(run.seed))
    every, frames = max(1, round(run.every / run.step)), max(1, round(run.time / run.every))
    warm = max(1, round(run.warm / every / run.step))
    for number in range(warm):
        state = _advance(context, every, number * run.every)
        if progress is not None:
            progress((number + 1) / (warm + frames))
    if run.constant_energy:
        context = _at_constant_energy(system, state, run.step)
    half = run.step / 2 / masses_of(system)[:, None]
    places, speeds, energies = [], [], []
    for number in range(frames):
        state = _advance(context, every, (warm + number) * run.every)
        places.append(state.getPositions(asNumpy=True)._value)
        energies.append(state.getPotentialEnergy()._value)
        if run.constant_energy:  # the leap-frog's velocities are half a step behind
            speeds.append(state.getVelocities(asNumpy=True)._value + half * state.getForces(asNumpy=True)._value)
        if progress is not None:
            progress((warm + number + 1) / (warm + frames))
    return Trajectory(run.every, np.array(places), np.array(speeds) if speeds else None, np.array(energies))


def _advance(context: openmm.Context, steps: int, begin: float) -> openmm.State:
    """The state after so many steps from the time ``begin`` [ps]."""
    try:
        context.getIntegrator().step(steps)
        state = context.getState(getPositions=True, getVelocities=True, getForces=True, getEnergy=True)
        finite = math.isfinite(state.getPotentialEnergy()._value)
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        finite = False
    if not finite:
        raise DynamicsError(f"dynamics blew up after {begin:.3g} ps: the energy is no longer finite.")
    return state


def _at_constant_energy(system: openmm.System, state: openmm.State, step: float) -> openmm.Context:
    """Verlet dynamics from a state, without motion of the centre and without turning."""
    positions, velocities = state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value
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
    """[Da]"""
    return np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])
