"""Runs of a force field by each route, and what physical_validation says of their energies."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import openmm
import torch
from jaxtyping import Float
from openmm import unit

from hybridff.export.context import energy_in, langevin, new_context, openmm_seed
from hybridff.export.routes import to_openmm
from hybridff.gaff.forcefield import ForceField

_STEP, _FRICTION = 0.25e-3, 10.0
"""Time step [ps] and friction [1/ps]."""
_BEGINNING = 0.2
"""Share of a run that is left out, as it starts from a minimum."""
_SPACING = 0.05
"""Time between samples [ps]."""


def torch_force(model: ForceField) -> openmm.PythonForce:
    """A force that asks torch at every step, on the first atoms of a System."""
    n_atoms = len(model.molecule.numbers)

    def evaluated(state: openmm.State) -> tuple[float, np.ndarray]:
        positions = np.array(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
        energy, forces = model.energy_forces(torch.as_tensor(positions[:n_atoms]))
        return float(energy), np.pad(forces.numpy(), ((0, len(positions) - n_atoms), (0, 0)))

    return openmm.PythonForce(evaluated)


def _plain(model: ForceField) -> openmm.System:
    system = to_openmm(model, "native")
    while system.getNumForces():
        system.removeForce(0)
    system.addForce(torch_force(model))
    return system


ROUTES: Mapping[str, Callable[[ForceField], openmm.System]] = MappingProxyType(
    {
        "native": lambda model: to_openmm(model, "native"),
        "compiled": lambda model: to_openmm(model, "compiled"),
        "plain": _plain,
    }
)
"""Systems of a force field by route."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Energies of a run at constant temperature."""

    n_atoms: int
    temperature: float
    """Temperature of the thermostat [K]."""
    kinetic: Float[np.ndarray, " samples"]
    """Kinetic energies [kJ/mol]."""
    potential: Float[np.ndarray, " samples"]
    """Potential energies [kJ/mol]."""
    volume: Float[np.ndarray, " samples"] | None = None
    """Volumes at constant pressure [nm³]."""
    pressure: float | None = None
    """Pressure of the barostat [bar]."""
    n_constraints: int = 0
    """Number of constrained distances."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.kinetic)


def sampled(model: ForceField, route: str, temperature: float, time: float, seed: int = 0) -> Sampled:
    """Energies along Langevin dynamics at a temperature [K] for a time [ps] by one of ``ROUTES``."""
    placed = model.molecule.placed()
    context = new_context(ROUTES[route](model), langevin(temperature, _FRICTION, _STEP, seed))
    context.setPositions(placed.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(temperature, openmm_seed(seed))
    energies = []
    for _ in range(round(time / _SPACING)):
        context.getIntegrator().step(round(_SPACING / _STEP))
        state = context.getState(getEnergy=True)
        energies.append((state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole), energy_in(state)))
    kept = np.array(energies)[round(_BEGINNING * len(energies)) :]
    return Sampled(len(placed.numbers), temperature, kept[:, 0], kept[:, 1])


def kinetic(run: Sampled) -> tuple[float, float]:
    """How far mean and width of the kinetic energies are from Maxwell-Boltzmann's [standard errors]."""
    from physical_validation import kinetic_energy

    found = kinetic_energy.distribution(_data(run), strict=False, verbosity=0, bootstrap_seed=1)
    return abs(float(found[0])), abs(float(found[1]))


def potential(first: Sampled, second: Sampled) -> float:
    """How far two runs are from Boltzmann's ratio of potential energies, or volumes, [standard errors].

    Runs at the same temperature and two pressures are compared by their volumes, others at constant pressure by their
    enthalpies.
    """
    os.environ.setdefault("PYMBAR_DISABLE_JAX", "TRUE")
    from physical_validation import ensemble

    found = ensemble.check(_data(first), _data(second), total_energy=False, verbosity=0, bootstrap_seed=1)
    return float(np.max(np.abs(found)))


def _data(run: Sampled) -> object:
    from physical_validation.data import EnsembleData, ObservableData, SimulationData, SystemData, UnitData

    own = {"natoms": run.n_atoms, "temperature": run.temperature}
    at_volume = run.volume is None
    return SimulationData(
        units=UnitData.units("GROMACS"),  # kJ/mol, nm, ps, K, bar
        ensemble=EnsembleData("NVT", volume=1.0, **own)
        if at_volume
        else EnsembleData("NPT", pressure=run.pressure, **own),
        system=SystemData(
            natoms=run.n_atoms, nconstraints=run.n_constraints, ndof_reduction_tra=0, ndof_reduction_rot=0
        ),
        observables=ObservableData(
            kinetic_energy=run.kinetic,
            potential_energy=run.potential,
            total_energy=run.kinetic + run.potential,
            volume=run.volume,
        ),
    )
