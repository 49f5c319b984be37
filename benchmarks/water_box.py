"""Time of a step in a water box: the molecule with class II against stock GAFF, run by turns.

Rigid TIP3P water, particle-mesh Ewald and a flexible solute; Langevin steps of 1 fs at 300 K. In every System, the
solute meets water by GAFF's charges and Lennard-Jones parameters. "native" are fused custom forces; "compiled" is one
``PythonForce`` on the solute's particles, which only Reference and CPU run fast. Before the timing, the energy that the
solute's own forces add in the box is compared with that of the isolated molecule.

Usage: python benchmarks/water_box.py [--platforms CPU OpenCL] [--edge 3.2] [--sizes medium] [set of frames …]
"""

import argparse
import time

import numpy as np
import openmm
import torch
from common import CELLS, cells, fitted, new_context, read_set, step_times
from jaxtyping import Float
from openmm import app, unit

from hybridff import FitOptions, ForceField, Molecule
from hybridff.export import Route, compiled_forces
from hybridff.simulate import platform_names
from hybridff.trials import TrialSet

SETS = ("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k")
SIZES = ("small", "medium", "full")
STEP = 0.001
"""[ps]"""
_CUTOFF = 0.9
"""[nm]"""
_CONTACT = 0.24
"""Water that is nearer to the solute is left out [nm]."""
_SETTLE = 2000
"""Steps that the box runs with GAFF before any timing."""
_NO_LENGTH = 0.1
"""Of a bond without stiffness [nm]."""
_TOLERANCE = 0.5
"""Largest deviation of the solute's energy in the box [kJ/mol]: its forces in single precision, and the rounding of a
total energy some hundred times larger."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, help="names of sets of frames")
    fast = [name for name in platform_names() if name != "Reference"]
    parser.add_argument("--platforms", nargs="*", default=fast, choices=platform_names())
    parser.add_argument("--edge", type=float, default=3.2, help="of the box [nm]")
    parser.add_argument("--sizes", nargs="*", default=("medium",), choices=SIZES, help="of class2")
    parser.add_argument("--frames", type=int, default=250, help="that the force fields are fitted to")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=21)
    options = parser.parse_args()
    print(f"{options.steps} Langevin steps of 1 fs, {options.repeats} runs by turns: median, ratio to stock GAFF")
    print("with half the distance of its quartiles")
    print(f"| set | atoms | platform | force field | terms | context | {CELLS} | solute's energy off by |")
    print("| --- " * 11 + "|")
    for name in options.sets:
        _one_set(read_set(name), options)


def _one_set(data: TrialSet, options: argparse.Namespace) -> None:
    solute = data.molecule.positions
    assert solute is not None
    water, positions = water_around(solute, options.edge)
    positions = settled(with_molecule(water, data.stock, "native"), positions)
    fits = {size: fitted(data, "class2", FitOptions(size=size), options.frames) for size in options.sizes}
    for platform in options.platforms:
        plans: dict[str, tuple[ForceField, Route]] = {"GAFF": (data.stock, "native")}
        for size, force_field in fits.items():
            for route in ("native", "compiled") if platform in ("CPU", "Reference") else ("native",):
                plans[f"class2, {size}, {route}"] = force_field, route
        contexts, built, off = {}, {}, {}
        for key, (force_field, route) in plans.items():
            system = with_molecule(water, force_field, route)
            begin = time.perf_counter()
            contexts[key] = new_context(system, positions, platform, STEP)
            contexts[key].getIntegrator().step(1)
            built[key] = time.perf_counter() - begin
            contexts[key].setPositions(positions)
            off[key] = "" if key == "GAFF" else f"{_deviation(contexts[key], water, force_field, positions):.3f} kJ/mol"
        times = step_times(contexts, options.steps, options.repeats)
        for key, values in times.items():
            print(
                f"| {data.name} | {len(positions)} | {platform} | {key} | {len(plans[key][0].table.products)} | "
                f"{built[key]:.1f} s | {cells(values, times['GAFF'])} | {off[key]} |",
                flush=True,
            )


def add_to_system(system: openmm.System, force_field: ForceField, route: Route) -> list[int]:
    """Append a molecule's particles and forces to a System that has a ``NonbondedForce``; returns its particles."""
    molecule = force_field.molecule
    particles = [system.addParticle(app.Element.getByAtomicNumber(number).mass) for number in molecule.numbers.tolist()]
    if route == "native":
        forces = force_field.openmm_forces()
    else:
        forces = [*compiled_forces(force_field, alone=False), _connections(molecule)]
    (target,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    for force in forces:
        if isinstance(force, openmm.NonbondedForce):
            _merge(target, force, particles)
            continue
        _move(force, particles)
        system.addForce(force)
    return particles


def _connections(molecule: Molecule) -> openmm.HarmonicBondForce:
    """Bonds without energy: a ``PythonForce`` does not tell OpenMM what a molecule is."""
    force = openmm.HarmonicBondForce()
    for i, j in molecule.bonds.tolist():
        force.addBond(i, j, _NO_LENGTH, 0.0)
    return force


def _merge(target: openmm.NonbondedForce, force: openmm.NonbondedForce, particles: list[int]) -> None:
    for i in range(force.getNumParticles()):
        target.addParticle(*force.getParticleParameters(i))
    for row in range(force.getNumExceptions()):
        i, j, *values = force.getExceptionParameters(row)
        target.addException(particles[i], particles[j], *values)


def _move(force: openmm.Force, particles: list[int]) -> None:
    """Let a force act on other particles than 0, 1, 2 …"""
    if isinstance(force, openmm.CustomCompoundBondForce):
        for row in range(force.getNumBonds()):
            atoms, values = force.getBondParameters(row)
            force.setBondParameters(row, [particles[i] for i in atoms], values)
        return
    if type(force).__name__ == "PythonForce":
        force.setParticles(particles)
        return
    kind, n_atoms = {
        openmm.HarmonicBondForce: ("Bond", 2),
        openmm.HarmonicAngleForce: ("Angle", 3),
        openmm.PeriodicTorsionForce: ("Torsion", 4),
    }[type(force)]
    for row in range(getattr(force, f"getNum{kind}s")()):
        values = getattr(force, f"get{kind}Parameters")(row)
        atoms = [particles[i] for i in values[:n_atoms]]
        getattr(force, f"set{kind}Parameters")(row, *atoms, *values[n_atoms:])


def water_around(
    solute: Float[np.ndarray, "solute 3"], edge: float
) -> tuple[openmm.System, Float[np.ndarray, "atoms 3"]]:
    """Water with a cavity for the solute in the middle of a cubic box, and positions with the solute last [nm]."""
    modeller = app.Modeller(app.Topology(), [])
    tip3p = app.ForceField("amber14/tip3p.xml")
    modeller.addSolvent(tip3p, boxSize=openmm.Vec3(edge, edge, edge) * unit.nanometer, neutralize=False)
    water = np.array(modeller.positions.value_in_unit(unit.nanometer))
    solute = solute - solute.mean(0) + edge / 2
    near = np.linalg.norm(water[:, None] - solute, axis=-1).min(1) < _CONTACT
    modeller.delete([w for w in modeller.topology.residues() if any(near[atom.index] for atom in w.atoms())])
    system = tip3p.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=_CUTOFF * unit.nanometer, rigidWater=True
    )
    return system, np.concatenate([modeller.positions.value_in_unit(unit.nanometer), solute])


def with_molecule(water: openmm.System, force_field: ForceField, route: Route) -> openmm.System:
    """A copy of the water with a molecule."""
    system = openmm.XmlSerializer.clone(water)
    add_to_system(system, force_field, route)
    return system


def settled(system: openmm.System, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """Positions after some dynamics on the CPU."""
    context = new_context(system, positions, "CPU", STEP)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0, 200)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(_SETTLE)
    return context.getState(getPositions=True).getPositions(asNumpy=True)._value


def _deviation(
    context: openmm.Context, water: openmm.System, force_field: ForceField, positions: Float[np.ndarray, "atoms 3"]
) -> float:
    """What the solute's forces add in the box against its energy in vacuum [kJ/mol]; fails where they differ."""
    system = openmm.XmlSerializer.clone(water)
    (target,) = [force for force in system.getForces() if isinstance(force, openmm.NonbondedForce)]
    _, nonbonded = compiled_forces(force_field, alone=False)
    n_solute = len(force_field.molecule.numbers)
    particles = [system.addParticle(1.0) for _ in range(n_solute)]
    _merge(target, nonbonded, particles)
    without = openmm.Context(system, openmm.VerletIntegrator(STEP), context.getPlatform())
    without.setPositions(positions)
    added = _energy(context) - _energy(without)
    alone = float(force_field.energy(torch.as_tensor(positions[-n_solute:])))
    if abs(added - alone) > _TOLERANCE:
        raise SystemExit(f"the solute has {added:.3f} kJ/mol in the box but {alone:.3f} kJ/mol in vacuum")
    return added - alone


def _energy(context: openmm.Context) -> float:
    return context.getState(getEnergy=True).getPotentialEnergy()._value


if __name__ == "__main__":
    main()
