"""What it costs to go from stock GAFF to a fitted model in water: a free energy by lambda windows and MBAR.

The molecule's inner energy is interpolated in every window; a cycle of such corrections, in water and in vacuum, turns
a free energy of binding or hydration with GAFF into one with the model. Needs pymbar (pip install pymbar).

Usage: python examples/switch_force_field.py MODEL [--windows 5] [--time 20] [--vacuum] [--platform CPU]
"""

import argparse

import numpy as np
import openmm
from openmm import app, unit
from pymbar import MBAR

import hybridff as hf
from hybridff.gaff.start import stock_of

KELVIN = 300.0
THERMAL = 0.00831446261815324 * KELVIN
"""[kJ/mol]"""
SAMPLE = 100
"""Steps of 1 fs between samples."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--time", type=float, default=20.0, help="of a window [ps]")
    parser.add_argument("--vacuum", action="store_true", help="without water")
    parser.add_argument("--platform", default="CPU")
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    molecule = model.molecule
    start = stock_of(model)

    forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    forcefield.registerTemplateGenerator(hf.HybridFFTemplateGenerator(models=[start]).generator)
    modeller = app.Modeller(molecule.to_openmm_topology("LIG"), molecule.positions * unit.nanometer)
    if options.vacuum:
        system = forcefield.createSystem(modeller.topology)
    else:
        modeller.addSolvent(forcefield, padding=0.8 * unit.nanometer)
        system = forcefield.createSystem(
            modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer
        )
    mixed = hf.add_hybrid(system, modeller.topology, model, interpolate="lambda_interpolate")

    lambdas = np.linspace(0, 1, options.windows)
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.001)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(mixed, integrator, openmm.Platform.getPlatformByName(options.platform))
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    context.setVelocitiesToTemperature(KELVIN, 1)
    steps = round(options.time * 1000)
    energies: list[list[float]] = []
    for value in lambdas:
        context.setParameter("lambda_interpolate", value)
        integrator.step(steps // 5)
        for _ in range(steps // SAMPLE):
            integrator.step(SAMPLE)
            # the energy is linear in lambda: two values say all
            ends = []
            for end in (0.0, 1.0):
                context.setParameter("lambda_interpolate", end)
                energy = context.getState(getEnergy=True).getPotentialEnergy()
                ends.append(energy.value_in_unit(unit.kilojoule_per_mole))
            energies.append([(ends[0] + own * (ends[1] - ends[0])) / THERMAL for own in lambdas])
            context.setParameter("lambda_interpolate", value)
    reduced = np.array(energies).T
    found = MBAR(reduced, [steps // SAMPLE] * options.windows).compute_free_energy_differences()
    free, error = found["Delta_f"][0] * THERMAL, found["dDelta_f"][0] * THERMAL
    print("| lambda | free energy above stock GAFF [kJ/mol] |")
    print("| --- | --- |")
    for value, own, deviation in zip(lambdas, free, error, strict=True):
        print(f"| {value:.2f} | {own:.2f} ± {deviation:.2f} |")


if __name__ == "__main__":
    main()
