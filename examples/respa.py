"""Multiple time steps: everything cheap in inner steps, the kernels in outer ones.

Kernels are smooth corrections, and stand in force group 1. Shown is how well a short run at constant energy conserves
it, with single steps and with several inner steps to an outer one, which computes the kernels that much less often.

Usage: python examples/respa.py MODEL [--inner 4] [--step 0.5] [--time 10] [--platform CPU]
"""

import argparse
import sys
import time

import numpy as np
import openmm
from openmm import unit

import hybridff as hf
from hybridff.export.compiled import split_compiled_force

KELVIN = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit --correction …' wrote")
    parser.add_argument("--inner", type=int, default=4, help="steps to an outer one")
    parser.add_argument("--step", type=float, default=0.5, help="inner step [fs]")
    parser.add_argument("--time", type=float, default=10.0, help="[ps]")
    parser.add_argument("--platform", default="CPU")
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    if not model.corrections:
        sys.exit("the model has no kernels, and nothing to gain; fit it with --correction.")
    molecule = model.molecule.placed()
    system = hf.to_openmm(model)
    if options.platform in ("CPU", "Reference"):  # where native kernels are slow
        for number in reversed(range(system.getNumForces())):
            system.removeForce(number)
        for force in split_compiled_force(model):
            system.addForce(force)
    print("| inner steps | drift [kcal/mol/ns] | fluctuation [kcal/mol] | time of a fs [µs] |")
    print("| --- | --- | --- | --- |")
    for inner in (1, options.inner):
        outer = inner * options.step * unit.femtosecond
        integrator = openmm.MTSIntegrator(outer, [(1, 1), (0, inner)])
        context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(options.platform))
        context.setPositions(molecule.positions)
        openmm.LocalEnergyMinimizer.minimize(context)
        context.setVelocitiesToTemperature(KELVIN, 1)
        samples = 200
        steps = max(1, round(options.time * 1000 / options.step / inner / samples))
        begin, energies = time.perf_counter(), []
        for _ in range(samples):
            integrator.step(steps)
            state = context.getState(getEnergy=True)
            energy = state.getPotentialEnergy() + state.getKineticEnergy()
            energies.append(energy.value_in_unit(unit.kilocalorie_per_mole))
        seconds = time.perf_counter() - begin
        times = np.arange(samples) * steps * inner * options.step * 1e-6
        slope, start = np.polyfit(times, energies, 1)
        scatter = np.std(energies - (slope * times + start))
        per_fs = seconds / (samples * steps * inner * options.step) * 1e6
        print(f"| {inner} | {slope:.3f} | {scatter:.4f} | {per_fs:.1f} |")


if __name__ == "__main__":
    main()
