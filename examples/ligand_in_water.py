"""A fitted ligand in TIP3P water: PME, constant pressure, and a restart from a checkpoint.

Usage: python examples/ligand_in_water.py MODEL [--time 10] [--platform CPU] [--padding 1.0] [--out ligand-in-water]
"""

import argparse
from pathlib import Path

import openmm
from openmm import app, unit

import hybridff as hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--time", type=float, default=10.0, help="[ps]")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--padding", type=float, default=1.0, help="water around the ligand [nm]")
    parser.add_argument("--out", type=Path, default=Path("ligand-in-water"))
    options = parser.parse_args()
    ligand = hf.read_model(options.model).force_field.molecule.placed()

    # The lines that make a ligand a hybridff model:
    forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    generator = hf.HybridFFTemplateGenerator(options.model, platform=options.platform)
    forcefield.registerTemplateGenerator(generator.generator)

    modeller = app.Modeller(ligand.to_openmm_topology("LIG"), ligand.positions * unit.nanometer)
    modeller.addSolvent(forcefield, padding=options.padding * unit.nanometer)
    vectors = modeller.topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer)
    edge = min(vectors[i][i] for i in range(3))
    system = forcefield.createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=min(0.9, 0.45 * edge) * unit.nanometer,
        constraints=app.HBonds,
        hydrogenMass=2.0 * unit.dalton,
    )
    system.addForce(openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin))

    simulation = new_simulation(modeller.topology, system, options.platform)
    simulation.context.setPositions(modeller.positions)
    simulation.minimizeEnergy(maxIterations=200)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    steps = round(options.time / 0.002)
    options.out.mkdir(parents=True, exist_ok=True)
    simulation.reporters.append(app.DCDReporter(str(options.out / "trajectory.dcd"), max(1, steps // 20)))
    simulation.reporters.append(
        app.StateDataReporter(
            str(options.out / "log.csv"),
            max(1, steps // 20),
            step=True,
            potentialEnergy=True,
            temperature=True,
            density=True,
            speed=True,
        )
    )
    simulation.step(steps // 2)
    simulation.saveCheckpoint(str(options.out / "half.chk"))
    before = simulation.context.getState(getEnergy=True).getPotentialEnergy()
    del simulation

    simulation = new_simulation(modeller.topology, system, options.platform)
    simulation.loadCheckpoint(str(options.out / "half.chk"))
    after = simulation.context.getState(getEnergy=True).getPotentialEnergy()
    print(f"{ligand.name} and {system.getNumParticles() - len(ligand.numbers)} atoms of water on {options.platform}")
    before, after = (f"{own.value_in_unit(unit.kilojoule_per_mole):.3f}" for own in (before, after))
    print(f"potential energy before and after the restart: {before} and {after} kJ/mol")
    simulation.step(steps - steps // 2)
    box = simulation.context.getState().getPeriodicBoxVolume().value_in_unit(unit.nanometer**3)
    mass = sum(system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(system.getNumParticles()))
    print(f"density at the end: {mass / box * 1.66054e-3:.3f} g/mL")


def new_simulation(topology: app.Topology, system: openmm.System, platform: str) -> app.Simulation:
    """With steps of 2 fs at 300 K."""
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    return app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName(platform))


if __name__ == "__main__":
    main()
