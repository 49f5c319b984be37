"""A model in TIP3P water with particle-mesh Ewald: the sum of its parts, a nanosecond at constant pressure, box edges.

First, in double precision: the energy and the forces of the whole System against those of the same System without
anything inside the molecule plus the model alone. Then dynamics with a barostat, steps of 4 fs with constraints and
heavy hydrogens: density, potential energy and the model's own energy in blocks, with the slope over the run. At the end
of every block the molecule is moved by box vectors, which must change nothing.

Usage: python scripts/show_water.py MODEL [--time 1000] [--edge 3.2] [--platform CPU]
"""

import argparse
import sys

import numpy as np
import openmm
import torch
from openmm import app, unit

import hybridff as hf
from hybridff.export.agreement import openmm_energies_forces
from hybridff.frames.accuracy import predict
from hybridff.units import KCAL_MOL

KELVIN, CUTOFF, STEP, EVERY = 300.0, 0.9, 0.004, 250
"""[K], [nm], [ps], steps between two values."""
_PER_DALTON = 1.66053906660e-3
"""g/mL of one dalton in a cubic nanometre."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--time", type=float, default=1000.0, help="[ps]")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--edge", type=float, default=3.2, help="of the box at the start [nm]")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    molecule = model.molecule.placed()
    n_solute = len(molecule.numbers)
    modeller = app.Modeller(molecule.to_openmm_topology("LIG"), molecule.positions * unit.nanometer)
    modeller.addSolvent(files(model), boxSize=openmm.Vec3(1, 1, 1) * options.edge, neutralize=False)
    settings = {"nonbondedMethod": app.PME, "nonbondedCutoff": CUTOFF * unit.nanometer}
    n_water = (modeller.topology.getNumAtoms() - n_solute) // 3
    print(f"{molecule.name} in {n_water} waters, PME with a cutoff of {CUTOFF} nm\n")

    # a kernel on many atoms is a long expression, which Reference takes minutes to read
    large = any(len(term.atoms) > 12 for term in model.corrections)
    flexible = files(model, "compiled" if large else "native").createSystem(
        modeller.topology, rigidWater=True, **settings
    )
    empty = files(model.with_corrections(()).without_terms()).createSystem(
        modeller.topology, rigidWater=True, **settings
    )
    x = np.array(modeller.positions.value_in_unit(unit.nanometer))
    x[:n_solute] += np.random.default_rng(options.seed).normal(0, 0.005, (n_solute, 3))
    (whole, forces), (rest, others) = (reference(system, x) for system in (flexible, empty))
    alone, own = predict(model, x[None, :n_solute])
    others[:n_solute] += own[0]
    scale = np.sqrt((forces**2).mean())
    print(f"whole {whole:.6f} kJ/mol, without the molecule's inside {rest:.6f}, the model alone {alone[0]:.6f}:")
    print(f"sum of parts off by {abs(whole - rest - alone[0]) / abs(whole):.1e} of the energy,")
    print(f"by {np.abs(forces - others).max() / scale:.1e} of the root mean square force\n")

    route = "compiled" if options.platform in ("CPU", "Reference") else "native"
    system = files(model, route).createSystem(
        modeller.topology, constraints=app.HBonds, hydrogenMass=3 * unit.dalton, **settings
    )
    system.addForce(openmm.MonteCarloBarostat(1.0, KELVIN, 25))
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, STEP)
    integrator.setRandomNumberSeed(options.seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(options.platform))
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 500)
    context.setVelocitiesToTemperature(KELVIN, options.seed)
    integrator.step(round(50 / STEP))
    mass = sum(system.getParticleMass(i)._value for i in range(system.getNumParticles()))
    per_block = round(options.time / STEP / EVERY / options.blocks)
    print("| time [ps] | density [g/mL] | potential energy [kcal/mol] | inside [kcal/mol] | T [K] | jump [kcal/mol] |")
    print("| --- " * 6 + "|")
    everything, crossed, cell = [], 0, None
    for block in range(options.blocks):
        values = []
        for _ in range(per_block):
            integrator.step(EVERY)
            state = context.getState(getEnergy=True, getPositions=True)
            solute = state.getPositions(asNumpy=True)._value[:n_solute]
            edges = np.diag(state.getPeriodicBoxVectors(asNumpy=True)._value)
            centre = np.floor(solute.mean(0) / edges)
            crossed += 0 if cell is None else int(np.abs(centre - cell).sum())
            cell = centre
            inside = float(model.energy(torch.as_tensor(solute)))
            kinetic = 2 * state.getKineticEnergy()._value / (degrees(system) * 0.00831446261815324)
            density = mass / edges.prod() * _PER_DALTON
            values.append((density, state.getPotentialEnergy()._value / KCAL_MOL, inside / KCAL_MOL, kinetic))
        everything += values
        means = " | ".join(f"{value:.{n}f}" for value, n in zip(np.mean(values, axis=0), (4, 1, 2, 1), strict=True))
        time = (block + 1) * per_block * EVERY * STEP
        print(f"| {time:.0f} | {means} | {jump(context, n_solute):.1e} |", flush=True)
        if not np.isfinite(everything[-1]).all():
            sys.exit("the energy is no number any more")
    series = np.array(everything)
    times = (np.arange(len(series)) + 1) * EVERY * STEP / 1000
    print(f"\nthe molecule's centre crossed faces of the box {crossed} times")
    for name, values, n in zip(
        ("density [g/mL]", "potential energy [kcal/mol]", "inside [kcal/mol]"), series.T[:3], (4, 1, 2), strict=True
    ):
        blocks = values[: per_block * options.blocks].reshape(options.blocks, -1).mean(1)
        error = blocks.std(ddof=1) / np.sqrt(options.blocks)
        slope, doubt = slope_of(times, values, options.blocks)
        print(f"{name}: {values.mean():.{n}f} ± {error:.{n}f}, slope {slope:.{n}f} ± {doubt:.{n}f} per ns")


def files(model: hf.ForceField, route: str = "native") -> app.ForceField:
    """AMBER's files and the model."""
    found = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    found.registerTemplateGenerator(hf.HybridFFTemplateGenerator(model, route=route).generator)  # type: ignore[arg-type]
    return found


def reference(system: openmm.System, positions: np.ndarray) -> tuple[float, np.ndarray]:
    """By Reference [kJ/mol], [kJ/mol/nm]."""
    energies, forces = openmm_energies_forces(system, positions[None])
    return float(energies[0]), forces[0]


def jump(context: openmm.Context, n_solute: int) -> float:
    """By how much the energy changes at most when the molecule alone is moved by box vectors [kcal/mol]."""
    state = context.getState(getEnergy=True, getPositions=True)
    x, before = state.getPositions(asNumpy=True)._value, state.getPotentialEnergy()._value
    edges = np.diag(state.getPeriodicBoxVectors(asNumpy=True)._value)
    off = []
    for shift in ([1, 0, 0], [0, -1, 0], [2, -1, 3]):
        moved = x.copy()
        moved[:n_solute] += np.array(shift) * edges
        context.setPositions(moved)
        off.append(abs(context.getState(getEnergy=True).getPotentialEnergy()._value - before))
    context.setPositions(x)
    return max(off) / KCAL_MOL


def degrees(system: openmm.System) -> int:
    """Of freedom; the motion of the centre of mass is removed."""
    return 3 * system.getNumParticles() - system.getNumConstraints() - 3


def slope_of(times: np.ndarray, values: np.ndarray, blocks: int) -> tuple[float, float]:
    """Of a straight line, with its deviation from the scatter of blocks."""
    n = len(values) // blocks * blocks
    means, middles = (part[:n].reshape(blocks, -1).mean(1) for part in (values, times))
    coefficients, covariance = np.polyfit(middles, means, 1, cov=True)
    return float(coefficients[0]), float(np.sqrt(covariance[0, 0]))


if __name__ == "__main__":
    main()
