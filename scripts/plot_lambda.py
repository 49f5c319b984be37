"""From stock GAFF to a model by ``add_hybrid``'s lambda: end points, and the mean of dU/dlambda along the way.

In vacuum and in TIP3P water. The energy is linear in lambda, so dU/dlambda is the difference of the two end points at
the same geometry; its mean over each window is given with the standard error of ten blocks. The end points are compared
with the two Systems that have no lambda, energies and forces, in double precision.

Usage: python scripts/plot_lambda.py MODEL [--windows 11] [--time 20] [--edge 2.0] [--picture docs/images/lambda.png]
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import openmm
from openmm import app, unit

import hybridff as hf
from hybridff.units import KCAL_MOL

KELVIN, STEP, EVERY, BLOCKS = 300.0, 0.0005, 20, 10
"""[K], [ps], steps between samples."""
NAME = "lambda_interpolate"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--windows", type=int, default=11)
    parser.add_argument("--time", type=float, default=20.0, help="of a window [ps]")
    parser.add_argument("--edge", type=float, default=2.0, help="of the box [nm]")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/lambda.png"))
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    molecule = model.molecule.placed()
    start = hf.stock_of(model)
    files = app.ForceField("amber14/tip3p.xml")
    files.registerTemplateGenerator(hf.HybridFFTemplateGenerator(start).generator)
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for place, platform in (("vacuum", "Reference"), ("water", "CPU")):
        modeller = app.Modeller(molecule.to_openmm_topology("LIG"), molecule.positions * unit.nanometer)
        settings = {}
        if place == "water":
            modeller.addSolvent(files, boxSize=openmm.Vec3(1, 1, 1) * options.edge, neutralize=False)
            settings = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.45 * options.edge * unit.nanometer}
        old = files.createSystem(modeller.topology, rigidWater=True, **settings)
        new = hf.add_hybrid(old, modeller.topology, model)
        mixed = hf.add_hybrid(old, modeller.topology, model, interpolate=NAME)
        x: np.ndarray = np.array(modeller.positions.value_in_unit(unit.nanometer))
        x[: len(molecule.numbers)] += np.random.default_rng(0).normal(0, 0.005, (len(molecule.numbers), 3))
        print(f"{molecule.name} in {place}, {len(x)} atoms,")
        print(f"{options.windows} windows of {options.time:g} ps at {KELVIN:g} K\n")
        for value, system in ((0.0, old), (1.0, new)):
            (own, forces), (other, others) = state(mixed, x, value), state(system, x)
            off = np.abs(forces - others).max() / np.sqrt((others**2).mean())
            print(f"lambda {value:g}: energy off by {abs(own - other) / abs(other):.1e}, forces by {off:.1e}, relative")
        lambdas = np.linspace(0, 1, options.windows)
        means, errors = windows(mixed, x, lambdas, options.time, platform)
        print("\n| lambda | dU/dlambda [kcal/mol] |\n| --- | --- |")
        for value, mean, error in zip(lambdas, means, errors, strict=True):
            print(f"| {value:.2f} | {mean:.2f} ± {error:.2f} |")
        area = np.trapezoid(means, lambdas)
        doubt = np.sqrt((errors[1:-1] ** 2).sum() + (errors[[0, -1]] ** 2).sum() / 4) * (lambdas[1] - lambdas[0])
        print(f"\nfree energy by the trapezoidal rule: {area:.2f} ± {doubt:.2f} kcal/mol\n", flush=True)
        axes.errorbar(lambdas, means, 2 * errors, marker="o", markersize=3, capsize=2, label=f"in {place}")
    axes.set_xlabel("λ, from stock GAFF (0) to the model (1)")
    axes.set_ylabel("mean of dU/dλ ± 2 standard errors [kcal/mol]")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=150)


def state(system: openmm.System, positions: np.ndarray, value: float | None = None) -> tuple[float, np.ndarray]:
    """Energy [kJ/mol] and forces [kJ/mol/nm] by Reference."""
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    if value is not None:
        context.setParameter(NAME, value)
    found = context.getState(getEnergy=True, getForces=True)
    return found.getPotentialEnergy()._value, found.getForces(asNumpy=True)._value.copy()


def windows(
    system: openmm.System, positions: np.ndarray, lambdas: np.ndarray, time: float, platform: str
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors of dU/dlambda [kcal/mol]."""
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, STEP)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(positions)
    context.setParameter(NAME, 0.0)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(KELVIN, 1)
    steps = round(time / STEP)
    means, errors = [], []
    for value in lambdas:
        context.setParameter(NAME, value)
        integrator.step(steps // 5)
        samples = []
        for _ in range(steps // EVERY // BLOCKS * BLOCKS):
            integrator.step(EVERY)
            ends = []
            for end in (0.0, 1.0):
                context.setParameter(NAME, end)
                ends.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
            context.setParameter(NAME, value)
            samples.append((ends[1] - ends[0]) / KCAL_MOL)
        blocks = np.array(samples).reshape(BLOCKS, -1).mean(1)
        means.append(blocks.mean())
        errors.append(blocks.std(ddof=1) / np.sqrt(BLOCKS))
    return np.array(means), np.array(errors)


if __name__ == "__main__":
    main()
