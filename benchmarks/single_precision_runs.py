"""Runs at constant energy in single precision, and what forces are off by there."""

import numpy as np
import openmm
import torch

from hybridff import ForceField, to_openmm
from hybridff.analysis.energy_drift import regression
from hybridff.export.context import energy_in, forces_in, langevin, new_context
from hybridff.units import KCAL_MOL

STEP = 0.0005  # ps
SAMPLE = 0.5  # ps
WARM = 5.0  # ps
NOISE = 0.005  # nm


def warm(model: ForceField, seed: int) -> openmm.State:
    """Positions and velocities after some Langevin dynamics."""
    context = new_context(to_openmm(model, platform="Reference"), langevin(300.0, 5.0, STEP, seed))
    context.setPositions(model.molecule.placed().positions)
    openmm.LocalEnergyMinimizer.minimize(context, 1.0, 1000)
    context.setVelocitiesToTemperature(300.0, seed)
    context.getIntegrator().step(round(WARM / STEP))
    return context.getState(getPositions=True, getVelocities=True)


def deviation(model: ForceField, context: openmm.Context) -> float:
    """Largest deviation of forces from torch's, over their root mean square, in ten frames."""
    molecule = model.molecule.placed()
    assert molecule.positions is not None
    x = molecule.positions + np.random.default_rng(0).normal(0, NOISE, (10, *molecule.positions.shape))
    expected = model.energy_forces(torch.as_tensor(x))[1].numpy()
    found = []
    for frame in x:
        context.setPositions(frame)
        found.append(forces_in(context.getState(getForces=True)))
    return float(np.abs(np.array(found) - expected).max() / np.sqrt((expected**2).mean()))


def drift(context: openmm.Context, start: openmm.State, time: float) -> float:
    """Slope of the energy at constant energy [kcal/mol/ns]."""
    context.setPositions(start.getPositions())
    context.setVelocities(start.getVelocities())
    energies = np.empty(round(time / SAMPLE))
    for i in range(len(energies)):
        context.getIntegrator().step(round(SAMPLE / STEP))
        state = context.getState(getEnergy=True)
        kinetic = state.getKineticEnergy().value_in_unit_system(openmm.unit.md_unit_system)
        energies[i] = energy_in(state) + kinetic
    slope, _ = regression(energies)
    return slope / SAMPLE * 1000 / KCAL_MOL
