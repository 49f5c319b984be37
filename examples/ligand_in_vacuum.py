"""A fitted molecule alone: Langevin dynamics with OpenMM's own reporters, on the faster route of the platform.

Usage: python examples/ligand_in_vacuum.py MODEL [--time 20] [--temperature 300] [--platform Reference] [--out vacuum]
"""

import argparse
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

import hybridff as hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--time", type=float, default=20.0, help="[ps]")
    parser.add_argument("--temperature", type=float, default=300.0, help="[K]")
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--out", type=Path, default=Path("vacuum"))
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    molecule = model.molecule.placed()

    system = hf.to_openmm(model, platform=options.platform)
    integrator = openmm.LangevinMiddleIntegrator(options.temperature, 1 / unit.picosecond, 0.5 * unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName(options.platform)
    simulation = app.Simulation(molecule.to_openmm_topology("LIG"), system, integrator, platform)
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(options.temperature * unit.kelvin, 1)
    options.out.mkdir(parents=True, exist_ok=True)
    steps = round(options.time / 0.0005)
    interval = max(1, steps // 200)
    simulation.reporters.append(app.DCDReporter(str(options.out / "trajectory.dcd"), interval))
    log = options.out / "log.csv"
    reporter = app.StateDataReporter(str(log), interval, time=True, potentialEnergy=True, temperature=True, speed=True)
    simulation.reporters.append(reporter)
    frames = []
    for _ in range(10):
        simulation.step(steps // 10)
        positions = simulation.context.getState(getPositions=True).getPositions(asNumpy=True)
        frames.append(positions.value_in_unit(unit.nanometer))
    energy = simulation.context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilocalorie_per_mole)
    print(f"{molecule.name}, {options.time:g} ps at {options.temperature:g} K: {energy:.2f} kcal/mol at the end")
    if model.corrections:
        found = model.distance(np.array(frames))
        print(f"farthest frame from the kernels' training data: {found.max():.2f} (these are below 1)")


if __name__ == "__main__":
    main()
