"""Reader of ``prmtop_reference.npz`` (from ``make_prmtop_reference.py``), and an OpenMM System to compare."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from hybridff.gaff.classone import ClassOneParameters

ARCHIVE = Path(__file__).with_name("prmtop_reference.npz")
GRID = 1e-5
"""Unit of the stored positions [nm]."""
TERMS = ("bond", "angle", "torsion", "nonbonded")
"""Columns of the energies."""


@dataclass(frozen=True, eq=False)
class Reference:
    """One molecule with one version of GAFF, by antechamber, parmchk2 and tleap."""

    name: str
    smiles: str
    version: str
    types: tuple[str, ...]
    charges: np.ndarray
    positions: np.ndarray
    """(geometries, atoms, 3) [nm]"""
    energies: np.ndarray
    """(geometries, terms) [kJ/mol]"""
    forces: np.ndarray
    """(geometries, atoms, 3) [kJ/mol/nm]"""

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"


@cache
def references() -> tuple[Reference, ...]:
    with np.load(ARCHIVE, allow_pickle=False) as archive:
        data = dict(archive)
    atoms, geometries = data["atoms"], data["geometries"]
    per_atom = np.cumsum(atoms)[:-1]
    per_geometry = np.cumsum(geometries)[:-1]
    per_both = np.cumsum(atoms * geometries)[:-1]
    columns = zip(
        data["names"].tolist(),
        data["smiles"].tolist(),
        data["versions"].tolist(),
        [tuple(types.tolist()) for types in np.split(data["types"], per_atom)],
        np.split(data["charges"], per_atom),
        np.split(data["positions"] * GRID, per_both),
        np.split(data["energies"], per_geometry),
        np.split(data["forces"], per_both),
        strict=True,
    )
    return tuple(
        Reference(
            name, smiles, version, types, charges, xyz.reshape(-1, len(types), 3), e, f.reshape(-1, len(types), 3)
        )
        for name, smiles, version, types, charges, xyz, e, f in columns
    )


def reference(name: str, version: str = "gaff-2.2.20") -> Reference:
    return next(entry for entry in references() if (entry.name, entry.version) == (name, version))


def class_one_system(parameters: ClassOneParameters) -> openmm.System:
    """An OpenMM System straight from the arrays; the terms are force groups 0 to 3."""
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    torsions, nonbonded = openmm.PeriodicTorsionForce(), openmm.NonbondedForce()
    p, q, t, n = parameters.bonds, parameters.angles, parameters.torsions, parameters.nonbonded
    for bond in zip(*p.atoms.T.tolist(), p.r0, p.k, strict=True):
        bonds.addBond(*bond)
    for angle in zip(*q.atoms.T.tolist(), q.theta0, q.k, strict=True):
        angles.addAngle(*angle)
    for torsion in zip(*t.atoms.T.tolist(), t.periodicity.tolist(), t.phase, t.k, strict=True):
        torsions.addTorsion(*torsion)
    for atom in zip(n.charge, n.sigma, n.epsilon, strict=True):
        nonbonded.addParticle(*atom)
    for pair in zip(
        *n.exceptions.T.tolist(), n.exception_charge_product, n.exception_sigma, n.exception_epsilon, strict=True
    ):
        nonbonded.addException(*pair)
    system = openmm.System()
    for _ in parameters.types:
        system.addParticle(1.0)
    for group, force in enumerate((bonds, angles, torsions, nonbonded)):
        force.setForceGroup(group)
        system.addForce(force)
    return system


def openmm_energies_forces(system: openmm.System, geometries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies of force groups 0 to 3 [kJ/mol] and total forces [kJ/mol/nm] on the Reference platform."""
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    energies, forces = [], []
    for positions in geometries:
        context.setPositions(positions)
        states = [context.getState(getEnergy=True, groups={group}) for group in range(len(TERMS))]
        energies.append([state.getPotentialEnergy().value_in_unit_system(unit.md_unit_system) for state in states])
        forces.append(
            context.getState(getForces=True).getForces(asNumpy=True).value_in_unit_system(unit.md_unit_system)
        )
    return np.array(energies), np.array(forces)
