"""Energies and forces by OpenMM's Reference platform, which computes in double precision."""

from collections.abc import Iterable

import numpy as np
import openmm
from openmm import unit


def openmm_energy_forces(forces: Iterable[openmm.Force], positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies [kJ/mol] and forces [kJ/mol/nm] of frames (frames, atoms, 3) [nm]."""
    system = openmm.System()
    for _ in range(positions.shape[1]):
        system.addParticle(1.0)
    for force in forces:
        system.addForce(force)
    return system_energy_forces(system, positions)


def system_energy_forces(system: openmm.System, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for a whole System."""
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    energies, gradients = [], []
    for frame in positions:
        context.setPositions(frame)
        state = context.getState(getEnergy=True, getForces=True)
        energies.append(state.getPotentialEnergy().value_in_unit_system(unit.md_unit_system))
        gradients.append(state.getForces(asNumpy=True).value_in_unit_system(unit.md_unit_system))
    return np.array(energies), np.array(gradients)
