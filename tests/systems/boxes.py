"""Topologies and Systems with molecules in them."""

from collections.abc import Sequence

import numpy as np
import openmm
from jaxtyping import Float
from models import corrected, distorted, force_field
from openmm import app, unit

from hybridff.gaff.forcefield import ForceField

BOX = 2.0
"""Edge [nm]."""
FILES = "amber14-all.xml", "amber14/tip3p.xml"


def rich(name: str = "ethanol", seed: int = 0) -> ForceField:
    """Class II with other parameters than GAFF's and a kernel."""
    start = force_field(name, form="class2")
    values, random = start.parameter_table.values, np.random.default_rng(seed)
    return corrected(start.with_values(values * (1 + 0.1 * random.normal(size=len(values)))))


def energy(system: openmm.System, positions: Float[np.ndarray, "particles 3"], **parameters: float) -> float:
    """[kJ/mol]"""
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    for name, value in parameters.items():
        context.setParameter(name, value)
    context.setPositions(positions)
    return context.getState(getEnergy=True).getPotentialEnergy().value_in_unit_system(unit.md_unit_system)


def forces(
    system: openmm.System, positions: Float[np.ndarray, "particles 3"], **parameters: float
) -> Float[np.ndarray, "particles 3"]:
    """[kJ/mol/nm]"""
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    for name, value in parameters.items():
        context.setParameter(name, value)
    context.setPositions(positions)
    return context.getState(getForces=True).getForces(asNumpy=True).value_in_unit_system(unit.md_unit_system)


def topology_of(models: Sequence[ForceField], orders: Sequence[Sequence[int]]) -> app.Topology:
    """One residue for each model, its atoms in some order."""
    topology = app.Topology()
    chain = topology.addChain()
    for model, order in zip(models, orders, strict=True):
        residue = topology.addResidue("LIG", chain)
        molecule = model.molecule
        atoms = {
            atom: topology.addAtom(f"X{place}", app.Element.getByAtomicNumber(int(molecule.numbers[atom])), residue)
            for place, atom in enumerate(order)
        }
        for i, j in molecule.bonds.tolist():
            topology.addBond(atoms[i], atoms[j])
    return topology


def in_water(
    forcefield: app.ForceField, topology: app.Topology, positions: Float[np.ndarray, "particles 3"]
) -> tuple[app.Topology, Float[np.ndarray, "particles 3"]]:
    """Molecules in a box of TIP3P water."""
    modeller = app.Modeller(topology, positions * unit.nanometer)
    modeller.addSolvent(forcefield, boxSize=openmm.Vec3(BOX, BOX, BOX), neutralize=False)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer))


def geometry(name: str, seed: int = 0) -> Float[np.ndarray, "atoms 3"]:
    """Some geometry [nm]."""
    return distorted(name, 1, seed=seed)[0]
