"""From stock GAFF to a model by the lambda of ``add_hybrid``: end points, and the mean of dU/dλ along the way."""

from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float
from openmm import unit

NAME = "lambda_interpolate"
"""Name of the global parameter."""
_STEP, _EVERY, _BLOCKS = 0.0005, 20, 10
"""Time step [ps], steps between two samples, and blocks whose scatter gives the errors."""
_FRICTION = 1.0
"""Friction of the Langevin dynamics [1/ps]."""
_SETTLE = 5
"""A window's share of one over this is run before its first sample."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Means of dU/dλ."""

    lambdas: Float[np.ndarray, " windows"]
    """Values of the parameter."""
    means: Float[np.ndarray, " windows"]
    """Means of dU/dλ in each window [kJ/mol]."""
    errors: Float[np.ndarray, " windows"]
    """Standard errors of the means, of ten blocks [kJ/mol]."""

    def free_energy(self) -> tuple[float, float]:
        """Free energy of the whole way by the trapezoidal rule, and its standard error [kJ/mol].

        The lambdas have to be equidistant.
        """
        inner, ends = (self.errors[1:-1] ** 2).sum(), (self.errors[[0, -1]] ** 2).sum() / 4
        error = np.sqrt(inner + ends) * (self.lambdas[1] - self.lambdas[0])
        return float(np.trapezoid(self.means, self.lambdas)), float(error)


def end_deviation(
    interpolated: openmm.System, end: openmm.System, value: float, positions: Float[np.ndarray, "atoms 3"]
) -> tuple[float, float]:
    """How far energy and forces at one value of lambda are off a System that has none, both relative.

    In double precision; ``positions`` in nm. Forces by their largest deviation over their root mean square.
    """
    (energy, forces), (expected, others) = (_state(own, positions, value) for own in (interpolated, end))
    off = np.abs(forces - others).max() / np.sqrt((others**2).mean())
    return abs(energy - expected) / abs(expected), float(off)


def windows(
    system: openmm.System,
    positions: Float[np.ndarray, "atoms 3"],
    lambdas: Float[np.ndarray, " windows"],
    *,
    time: float,
    temperature: float = 300.0,
    platform: str = "Reference",
) -> Windows:
    """Langevin dynamics of ``time`` [ps] in each window, one after the other, from ``positions`` [nm].

    The energy is linear in lambda, so dU/dλ is the difference of the two end points at the same geometry.
    """
    integrator = openmm.LangevinMiddleIntegrator(temperature, _FRICTION, _STEP)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(positions)
    context.setParameter(NAME, 0.0)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(temperature, 1)
    steps, blocks = round(time / _STEP), []
    for value in lambdas.tolist():
        context.setParameter(NAME, value)
        integrator.step(steps // _SETTLE)
        samples = []
        for _ in range(steps // _EVERY // _BLOCKS * _BLOCKS):
            integrator.step(_EVERY)
            samples.append(_derivative(context))
            context.setParameter(NAME, value)
        blocks.append(np.array(samples).reshape(_BLOCKS, -1).mean(1))
    found = np.array(blocks)
    return Windows(lambdas, found.mean(1), found.std(1, ddof=1) / np.sqrt(_BLOCKS))


def _derivative(context: openmm.Context) -> float:
    """The energy at the end less that at the beginning [kJ/mol]; leaves lambda at the end."""
    ends = []
    for value in (0.0, 1.0):
        context.setParameter(NAME, value)
        energy = context.getState(getEnergy=True).getPotentialEnergy()
        ends.append(energy.value_in_unit(unit.kilojoule_per_mole))
    return ends[1] - ends[0]


def _state(
    system: openmm.System, positions: Float[np.ndarray, "atoms 3"], value: float
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kJ/mol] and forces [kJ/mol/nm] on Reference, at a lambda if there is one."""
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    if NAME in context.getParameters():
        context.setParameter(NAME, value)
    found = context.getState(getEnergy=True, getForces=True)
    forces = found.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return found.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), forces.copy()
