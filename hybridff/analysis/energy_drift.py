"""Drift of the energy without a thermostat: whether forces are the slopes of an energy that stays what it is.

Velocity Verlet's kinetic plus potential energy wanders, without any drift, as energy goes from slow to fast vibrations,
which hides a drift. The regression sees the energy that velocity Verlet conserves to the next order, the shadow
Hamiltonian H + dt²/24 ΣF²/m on average (R. D. Engle, R. D. Skeel, M. Drees, J. Comput. Phys. 206, 432 (2005)).
"""

import math
from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float
from openmm import unit

from hybridff.export.context import new_context
from hybridff.export.routes import best_route, to_openmm
from hybridff.gaff.forcefield import ForceField

STEP = 0.0005
"""Time step [ps]."""
_WARM, _FRICTION = 20.0, 5.0
"""Langevin dynamics before the thermostat is switched off [ps], and their friction [1/ps]."""
_SAMPLE = 20
"""Steps between two samples of the energy."""
_BLOCKS = 50
"""Number of means of the energy that the regression sees."""


@dataclass(frozen=True)
class Drift:
    """Slopes of energies in a run at constant energy [kJ/mol/ns per atom]."""

    slope: float
    """Slope of the shadow Hamiltonian."""
    error: float
    """Standard error of that slope."""
    plain_slope: float
    """Slope of kinetic plus potential energy."""
    plain_error: float
    """Standard error of that slope."""


@dataclass(frozen=True, kw_only=True)
class DriftOptions:
    """A run at constant energy."""

    temperature: float = 300.0
    """Temperature of the Langevin dynamics before it [K]."""
    time: float = 200.0
    """Length of the run [ps]."""
    seed: int = 0
    """Seed of the Langevin dynamics."""
    platform: str = "Reference"
    """Platform of OpenMM; others than Reference run in mixed precision."""


def energy_drift(force_field: ForceField, options: DriftOptions | None = None) -> Drift:
    """Slopes of the energy in a run of velocity Verlet, from a state of Langevin dynamics."""
    options = options or DriftOptions()
    context = _at_constant_energy(force_field, options)
    system = context.getSystem()
    masses = np.array([system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles())])
    plain, shadow = np.empty((2, _BLOCKS * max(1, round(options.time / STEP / _SAMPLE / _BLOCKS))))
    for i in range(len(plain)):
        context.getIntegrator().step(_SAMPLE)
        state = context.getState(getEnergy=True, getForces=True)
        energy = state.getPotentialEnergy() + state.getKineticEnergy()
        plain[i] = energy.value_in_unit(unit.kilojoule_per_mole)
        forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        shadow[i] = plain[i] + STEP**2 / 24 * (forces**2 / masses[:, None]).sum()
    scale = len(masses) * options.time / _BLOCKS * 1e-3
    fits = [regression(energies.reshape(_BLOCKS, -1).mean(1)) for energies in (shadow, plain)]
    return Drift(*(value / scale for fit in fits for value in fit))


def _at_constant_energy(force_field: ForceField, options: DriftOptions) -> openmm.Context:
    """Velocity Verlet, ready to run from a state of warm Langevin dynamics."""
    system = to_openmm(force_field, best_route(force_field, "Reference"))
    thermostat = openmm.LangevinMiddleIntegrator(options.temperature, _FRICTION, STEP)
    thermostat.setRandomNumberSeed(options.seed + 1)  # 0 would ask OpenMM for a seed of its own
    warm = new_context(system, thermostat)
    warm.setPositions(force_field.molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(warm, 1.0, 3000)
    warm.setVelocitiesToTemperature(options.temperature, options.seed + 1)
    thermostat.step(round(_WARM / STEP))
    verlet = openmm.VerletIntegrator(STEP)
    if options.platform == "Reference":
        context = new_context(system, verlet)
    else:
        platform = openmm.Platform.getPlatformByName(options.platform)
        context = openmm.Context(to_openmm(force_field, "native"), verlet, platform, {"Precision": "mixed"})
    context.setState(warm.getState(getPositions=True, getVelocities=True))
    return context


def regression(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Slope of equidistant values per step, and its standard error; neighbours may be correlated (AR(1))."""
    x = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(x @ values / (x @ x))
    rest = values - values.mean() - slope * x
    correlation = max(0.0, float(rest[1:] @ rest[:-1] / (rest @ rest)))
    inflation = (1 + correlation) / (1 - correlation)
    return slope, math.sqrt(float(rest @ rest) / (len(values) - 2) / float(x @ x) * inflation)
