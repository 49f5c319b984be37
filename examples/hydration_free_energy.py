"""Hydration free energy of a fitted molecule: lambda windows in TIP3P water and MBAR.

Charges towards water go first, then Lennard-Jones interactions by a soft core (T. C. Beutler et al., Chem. Phys. Lett.
222, 529 (1994)). All pairs inside a hybridff molecule are exceptions, which no window touches: what is left at the end
is the molecule in vacuum beside water, and no windows in vacuum are needed. Needs pymbar (pip install pymbar).

Usage: python examples/hydration_free_energy.py MODEL [--stock] [--time 100] [--edge 2.2] [--platform CPU]
"""

import argparse
import sys

import numpy as np
import openmm
from openmm import app, unit
from pymbar import MBAR
from pymbar.timeseries import statistical_inefficiency

import hybridff as hf
from hybridff.gaff.start import stock_of

KELVIN, CUTOFF = 300.0, 0.9
THERMAL = 0.00831446261815324 * KELVIN
"""[kJ/mol]"""
KCAL = 4.184
WINDOWS = (
    *((charges, 1.0) for charges in (1.0, 0.75, 0.5, 0.25)),
    *((0.0, contacts) for contacts in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)),
)
"""Factors of charges and of Lennard-Jones interactions."""
SOFT_CORE = (
    "lambda_contacts*4*epsilon*x*(x-1); x=1/(0.5*(1-lambda_contacts)+(r/sigma)^6);"
    "sigma=0.5*(sigma1+sigma2); epsilon=sqrt(epsilon1*epsilon2)"
)
SAMPLE = 100
"""Steps of 2 fs between samples."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--stock", action="store_true", help="take stock GAFF with the model's charges")
    parser.add_argument("--time", type=float, default=100.0, help="of a window [ps]")
    parser.add_argument("--windows", type=int, default=len(WINDOWS), help="some of the windows, for a trial")
    parser.add_argument("--edge", type=float, default=2.2, help="of the box [nm]")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    if options.stock:
        model = stock_of(model)
    if model.molecule.charge:
        sys.exit("the molecule is charged, and its free energy in a small periodic box is not that in water.")
    molecule = model.molecule.placed()
    n_solute = len(molecule.numbers)

    forcefield = app.ForceField("amber14/tip3p.xml")
    forcefield.registerTemplateGenerator(hf.HybridFFTemplateGenerator(model, platform=options.platform).generator)
    modeller = app.Modeller(molecule.to_openmm_topology("LIG"), molecule.positions * unit.nanometer)
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(1, 1, 1) * options.edge, neutralize=False)
    system = forcefield.createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=min(CUTOFF, 0.45 * options.edge) * unit.nanometer,
        constraints=app.HBonds,
    )
    decouple(system, n_solute)
    system.addForce(openmm.MonteCarloBarostat(1.0, KELVIN, 25))

    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 0.002)
    integrator.setRandomNumberSeed(options.seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(options.platform))
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(KELVIN, options.seed)
    windows = [WINDOWS[k] for k in np.linspace(0, len(WINDOWS) - 1, options.windows).round().astype(int)]
    steps, samples = round(options.time / 0.002), max(1, round(options.time / 0.002 / SAMPLE))
    energies = []
    integrator.step(steps // 2)
    for number, window in enumerate(windows):
        print(f"window {number + 1} of {len(windows)}: charges {window[0]}, contacts {window[1]}", file=sys.stderr)
        change(context, window)
        integrator.step(steps // 5)
        for _ in range(samples):
            integrator.step(SAMPLE)
            energies.append([energy(context, own) / THERMAL for own in windows])
            change(context, window)
    kept, counts = independent(np.array(energies).reshape(len(windows), samples, -1))
    found = MBAR(kept.T, counts).compute_free_energy_differences()
    # the solvation is the way back
    free, error = -found["Delta_f"][0, -1] * THERMAL / KCAL, found["dDelta_f"][0, -1] * THERMAL / KCAL
    name = "stock GAFF" if options.stock else "the model"
    n_water = (system.getNumParticles() - n_solute) // 3
    print(f"{molecule.name} in {n_water} waters, {len(windows)} windows of {options.time:g} ps, {name}:")
    print(f"hydration free energy {free:.2f} ± {error:.2f} kcal/mol")


def decouple(system: openmm.System, n_solute: int) -> None:
    """Give the energies between the first particles and all others two factors."""
    (nonbonded,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    soft = openmm.CustomNonbondedForce(SOFT_CORE)
    for name in ("sigma", "epsilon"):
        soft.addPerParticleParameter(name)
    soft.addGlobalParameter("lambda_contacts", 1.0)
    soft.addInteractionGroup(range(n_solute), range(n_solute, system.getNumParticles()))
    soft.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    soft.setCutoffDistance(nonbonded.getCutoffDistance())
    soft.setUseLongRangeCorrection(True)
    nonbonded.addGlobalParameter("lambda_charges", 1.0)
    for particle in range(system.getNumParticles()):
        charge, sigma, epsilon = nonbonded.getParticleParameters(particle)
        soft.addParticle((sigma, epsilon))
        if particle < n_solute:
            nonbonded.setParticleParameters(particle, 0.0, sigma, 0.0)
            nonbonded.addParticleParameterOffset("lambda_charges", particle, charge, 0.0, 0.0)
    for row in range(nonbonded.getNumExceptions()):
        i, j, *_ = nonbonded.getExceptionParameters(row)
        soft.addExclusion(i, j)
    system.addForce(soft)


def independent(energies: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Samples of each window that are so far apart that they know little of each other."""
    kept, counts = [], []
    for number, own in enumerate(energies):
        slope = own[:, min(number + 1, len(energies) - 1)] - own[:, max(number - 1, 0)]
        every = int(np.ceil(statistical_inefficiency(slope))) if np.ptp(slope) > 0 else 1
        kept.append(own[::every])
        counts.append(len(kept[-1]))
    return np.concatenate(kept), counts


def change(context: openmm.Context, window: tuple[float, float]) -> None:
    """Go to a window."""
    for name, value in zip(("lambda_charges", "lambda_contacts"), window, strict=True):
        context.setParameter(name, value)


def energy(context: openmm.Context, window: tuple[float, float]) -> float:
    """[kJ/mol]"""
    change(context, window)
    return context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


if __name__ == "__main__":
    main()
