"""Runs of a molecule in water at constant pressure by each route."""

import ensemble_runs
import numpy as np
import openmm
from ensemble_runs import Sampled
from openmm import unit

from hybridff.analysis.water_box import Box
from hybridff.export.context import energy_in, langevin, openmm_seed
from hybridff.export.routes import Route
from hybridff.gaff.forcefield import ForceField

_STEP, _FRICTION, _SPACING, _SETTLE = 1e-3, 5.0, 0.2, 20.0
"""Time step [ps], friction [1/ps], time between samples [ps], time before the first [ps]."""
_EVERY = 20
"""Steps between two trials of the barostat."""
_CUTOFF = 0.75
"""Cutoff of particle-mesh Ewald [nm]."""


def system_of(model: ForceField, box: Box, route: str) -> openmm.System:
    """The molecule by a route, or by torch alone ("plain"), in rigid water."""
    routes: dict[str, Route] = {"native": "native", "compiled": "compiled"}
    if route in routes:
        system = box.system(model, routes[route], cutoff=_CUTOFF)
    else:
        system = box.system(model.with_corrections(()).without_terms(), cutoff=_CUTOFF)
        system.addForce(ensemble_runs.torch_force(model))
    for index in reversed(range(system.getNumForces())):
        if isinstance(system.getForce(index), openmm.CMMotionRemover):
            system.removeForce(index)
    return system


def sampled(
    model: ForceField,
    box: Box,
    route: str,
    state: tuple[float, float],
    time: float,
    platform: str = "CPU",
    seed: int = 0,
) -> Sampled:
    """Energies and volumes of a run of a length [ps] at a temperature [K] and a pressure [bar]."""
    temperature, pressure = state
    system = system_of(model, box, route)
    barostat = openmm.MonteCarloBarostat(pressure, temperature, _EVERY)
    barostat.setRandomNumberSeed(openmm_seed(seed))
    system.addForce(barostat)
    integrator = langevin(temperature, _FRICTION, _STEP, seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(box.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(temperature, openmm_seed(seed))
    integrator.step(round(_SETTLE / _STEP))
    samples = []
    for _ in range(round(time / _SPACING)):
        integrator.step(round(_SPACING / _STEP))
        found = context.getState(getEnergy=True)
        moving = found.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
        samples.append((moving, energy_in(found), found.getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)))
    kinetic, potential, volume = np.array(samples).T
    return Sampled(
        len(box.positions), temperature, kinetic, potential, volume, pressure, n_constraints=system.getNumConstraints()
    )
