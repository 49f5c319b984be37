"""What watches dynamics: temperature, bonds and contacts of every frame, and the last frame that was sound."""

from typing import Any

import numpy as np
import openmm
from openmm import app, unit
from scipy.stats import chi2

from hybridff.errors import DynamicsError
from hybridff.export.context import positions_in
from hybridff.molecules.limits import Limits
from hybridff.units import BOLTZMANN

_RARE = 1e-12
"""How often a frame in equilibrium may be hotter than what ends a run."""
_LEFT = 10.0
"""Energy above the minimum where a minimisation may end, which heats a cold molecule [kJ/mol]."""


def hottest(temperature: float, freedom: int) -> float:
    """The highest instantaneous temperature that a sound frame of a run at ``temperature`` has [K].

    One frame of 1e12 exceeds it in equilibrium, where the kinetic energy of so many degrees of freedom follows a
    chi-squared distribution; and no frame whose excess of kinetic energy is what a minimisation may leave, 10 kJ/mol.
    """
    equilibrium = temperature * float(chi2.isf(_RARE, freedom)) / freedom
    return max(equilibrium, temperature + 2 * _LEFT / (BOLTZMANN * freedom))


def degrees_of_freedom(system: openmm.System) -> int:
    """Degrees of freedom of particles with a mass: without constraints, and the centre of mass where it is kept."""
    moving = sum(system.getParticleMass(i).value_in_unit(unit.dalton) > 0 for i in range(system.getNumParticles()))
    still = any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces())
    return max(1, 3 * moving - system.getNumConstraints() - (3 if still else 0))


class Guard:
    """A reporter of OpenMM's kind that ends a run at the first frame that cannot be, and knows the one before.

    It has to stand before the reporters that write frames.
    """

    def __init__(self, simulation: app.Simulation, every: int, temperature: float, limits: Limits | None) -> None:
        self._simulation, self._every, self._limits = simulation, every, limits
        self._temperature, self._freedom = temperature, degrees_of_freedom(simulation.system)
        self._hottest = hottest(temperature, self._freedom)
        self._good, self._step = simulation.context.getState(positions=True, velocities=True), simulation.currentStep

    def describeNextReport(self, simulation: app.Simulation) -> dict[str, Any]:  # noqa: N802 (OpenMM calls it so)
        """OpenMM's protocol."""
        return {
            "steps": self._every - simulation.currentStep % self._every,
            "periodic": False,
            "include": ["positions", "velocities", "energy"],
        }

    def report(self, simulation: app.Simulation, state: openmm.State) -> None:
        """Look at one frame; raises ``DynamicsError`` with the time and the reason where it cannot be."""
        kinetic = state.getKineticEnergy() / unit.MOLAR_GAS_CONSTANT_R
        found = 2 * kinetic.value_in_unit(unit.kelvin) / self._freedom
        fault = None if self._limits is None else self._limits.fault(positions_in(state))
        what = ""
        if not np.isfinite(found):
            what = "energy or positions are no longer finite"
        elif found > self._hottest:
            what = f"its temperature is {found:.3g} K, and {self._temperature:g} K was asked for"
        elif fault is not None:
            what = fault.what
        if what:
            raise DynamicsError(
                f"the simulation was stopped after {state.getTime().value_in_unit(unit.picosecond):.3g} ps: {what}. "
                "Use a smaller --step or a lower temperature; if it goes on, the force field has a hole."
            )
        self._good, self._step = state, simulation.currentStep

    def go_back(self) -> None:
        """Put the simulation back to the last sound frame."""
        context = self._simulation.context
        context.setTime(self._good.getTime())
        context.setPositions(self._good.getPositions())
        context.setVelocities(self._good.getVelocities())
        self._simulation.currentStep = self._step
