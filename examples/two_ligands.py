"""Several fitted molecules in one box of TIP3P water, each by its own model, with 4 fs steps by heavy hydrogens.

Usage: python examples/two_ligands.py MODEL MODEL … [--time 10] [--edge 2.5] [--platform CPU]
"""

import argparse

import numpy as np
import openmm
from openmm import app, unit

import hybridff as hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="folders that 'hybridff fit' wrote; one alone is there twice")
    parser.add_argument("--time", type=float, default=10.0, help="[ps]")
    parser.add_argument("--edge", type=float, default=2.5, help="of the box, at least [nm]")
    parser.add_argument("--platform", default="CPU")
    options = parser.parse_args()
    models = [hf.read_model(path).force_field for path in options.models]
    forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    forcefield.registerTemplateGenerator(hf.HybridFFTemplateGenerator(models, platform=options.platform).generator)

    # side by side, half a nanometre apart
    modeller, place = app.Modeller(app.Topology(), []), 0.0
    for model in models if len(models) > 1 else models * 2:
        molecule = model.molecule.placed()
        x = np.asarray(molecule.positions)
        x = x - x.min(0) + [place, 0.0, 0.0]
        place = x[:, 0].max() + 0.5
        modeller.add(molecule.to_openmm_topology("LIG"), x * unit.nanometer)
    edge = max(options.edge, place + 0.5)
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(1, 1, 1) * edge, neutralize=False)
    system = forcefield.createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=min(0.9, 0.45 * edge) * unit.nanometer,
        constraints=app.HBonds,
        hydrogenMass=3 * unit.dalton,
    )
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 4 * unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName(options.platform)
    simulation = app.Simulation(modeller.topology, system, integrator, platform)
    simulation.context.setPositions(modeller.positions)
    simulation.minimizeEnergy(maxIterations=200)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    ligands = [[atom.index for atom in own.atoms()] for own in modeller.topology.residues() if own.name == "LIG"]
    print("time [ps], distance between the centres of the first two [nm]")
    for part in range(5):
        simulation.step(round(options.time / 5 / 0.004))
        state = simulation.context.getState(getPositions=True)
        x = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        box = np.diag(state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer))
        apart = x[ligands[0]].mean(0) - x[ligands[1]].mean(0)
        apart -= np.round(apart / box) * box
        print(f"{(part + 1) * options.time / 5:.1f}, {np.linalg.norm(apart):.3f}")


if __name__ == "__main__":
    main()
