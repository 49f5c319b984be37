"""Native forces in single precision: deviation from torch, and drift of the energy at constant energy, alone in vacuum.

Runs by velocity Verlet start from the same warm states of Langevin dynamics at 300 K. With ``--before``, the same for
the System that another version of hybridff makes, a clone of it. Frames are the model's own geometry with noise.

Usage: python benchmarks/single_precision.py MODEL [--platform OpenCL] [--time 100] [--seeds 3] [--before CLONE]
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openmm
import torch
from shared import custom_forces, options_of, system_by, table

from hybridff import ForceField, read_model, to_openmm
from hybridff.analysis.energy_drift import regression
from hybridff.export.context import energy_in, forces_in, langevin, new_context
from hybridff.export.dynamics import get_platform
from hybridff.units import KCAL_MOL

STEP = 0.0005  # ps
SAMPLE = 0.5  # ps
WARM = 5.0  # ps
NOISE = 0.005  # nm


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("--platform", default="OpenCL", help="in single precision")
    parser.add_argument("--time", type=float, default=100.0, help="of each run [ps]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--before", type=Path, help="clone of another version")
    options = parser.parse_args()
    model = read_model(options.model).force_field
    systems = {"now": to_openmm(model)}
    if options.before:
        systems["before"] = system_by(options.before, model)
    print(f"{options.platform}, single precision; {options.time:g} ps of 0.5 fs a step at constant energy")
    header = ("System", "custom forces", "largest error of forces", "drift of each run [kcal/mol per atom and ns]")
    starts = [warm(model, seed) for seed in range(1, options.seeds + 1)]
    table(header, rows(model, systems, starts, options.platform, options.time))


def rows(
    model: ForceField, systems: dict[str, openmm.System], starts: list[openmm.State], platform: str, time: float
) -> Iterator[tuple[str, ...]]:
    for name, system in systems.items():
        context = openmm.Context(system, openmm.VerletIntegrator(STEP), get_platform(platform), {"Precision": "single"})
        off = deviation(model, context)
        slopes = ", ".join(f"{drift(context, start, time) / len(model.molecule.numbers):.3f}" for start in starts)
        yield name, str(custom_forces(system)), f"{off:.1e}", slopes


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


if __name__ == "__main__":
    main()
