"""A force field as an ``openmm.System``, its XML, and a structure file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.nonbonded import nonbonded_force
from hybridff.gaff.openmm_forces import OPENMMS_OWN
from hybridff.model import CORRECTION_GROUP, Adds
from hybridff.molecules.graph import spanning_tree
from hybridff.molecules.images import make_whole
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_file

_STRUCTURES = {".pdb": app.PDBFile.writeFile, ".cif": app.PDBxFile.writeFile}


Route = Literal["native", "compiled"]
"""How OpenMM gets a force field: as forces of its own, or as a compiled function that it calls in every step."""
RouteOption = Literal["auto", "native", "compiled"]
"""A route, or the choice between them left to ``best_route``."""


def to_openmm(force_field: ForceField, route: Route = "native") -> openmm.System:
    """The isolated molecule as a System without constraints and without cutoff.

    The route "native" uses OpenMM's native forces where it has the form, and custom forces elsewhere; "compiled" has
    one ``PythonForce``, far faster for rich forms on the platforms Reference and CPU, but bound to this process.
    """
    system = openmm.System()
    for number in force_field.molecule.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    for force in force_field.openmm_forces() if route == "native" else compiled_forces(force_field):
        system.addForce(force)
    return system


def compiled_forces(
    force_field: ForceField, *, alone: bool = True, periodic: bool = False, separate: bool = False
) -> list[openmm.Force]:
    """All energy inside the molecule as one ``PythonForce``.

    For a molecule that is not ``alone`` there is also the ``NonbondedForce`` by which its atoms meet others, with all
    pairs of its own switched off. In a ``periodic`` box the molecule is made whole first, so that its atoms may be in
    any image of the box. With ``separate`` the corrections are a force of their own, in the group
    ``CORRECTION_GROUP``, for integrators with several time steps; that takes one more call of Python for each.
    """
    if not hasattr(openmm, "PythonForce"):
        raise InputError(
            f"the compiled route needs OpenMM 8.5 or newer, and this is {openmm.version.short_version}; "
            "update OpenMM or use the native route."
        )
    table, values = force_field.table, force_field.parameter_table.values
    terms, molecule = CompiledEnergy(table, values).into, force_field.molecule
    corrections = [correction.compiled() for correction in force_field.corrections]
    found: list[openmm.Force] = [_python_force(terms, () if separate else corrections, molecule, periodic=periodic)]
    if separate and corrections:
        found.append(_python_force(_nothing, corrections, molecule, periodic=periodic))
        found[-1].setForceGroup(CORRECTION_GROUP)
    if not alone:
        nothing = replace(
            table,
            products=table.products[:0],
            multipliers=table.multipliers[:0],
            coefficients=table.coefficients[:0],
            groups=(),
        )
        found.append(nonbonded_force(nothing, values, force_field.nonbonded))
    return found


def _python_force(first: Adds, rest: Sequence[Adds], molecule: Molecule, *, periodic: bool) -> openmm.Force:
    """A force that is a sum; ``first`` overwrites the forces that it is given, the others add to them."""
    positions, forces = np.empty((2, len(molecule.numbers), 3))
    parents = spanning_tree(molecule) if periodic else None

    def compute(state: openmm.State) -> tuple[float, np.ndarray]:
        state._getVectorAsNumpy(openmm.State.Positions, positions)  # getPositions with its units takes 8 µs
        if parents is not None:
            make_whole(positions, parents, np.array(state.getPeriodicBoxVectors()._value))
        energy = first(positions, forces)
        for add in rest:
            energy += add(positions, forces)
        return energy, forces

    force = openmm.PythonForce(compute)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force


def _nothing(_: Float[np.ndarray, "atoms 3"], forces: Float[np.ndarray, "atoms 3"]) -> float:
    forces[:] = 0.0
    return 0.0


def best_route(force_field: ForceField, platform: str) -> Route:
    """The faster route on a platform: compiled on Reference and CPU where anything needs custom forces."""
    slow = platform.lower() in ("reference", "cpu") and bool(custom_terms(force_field) or force_field.corrections)
    return "compiled" if slow and hasattr(openmm, "PythonForce") else "native"


def custom_terms(force_field: ForceField) -> list[str]:
    """Names of features that OpenMM has no formula for, and "couplings" where it has, but not for their products."""
    names = {rows.feature.name for rows in force_field.table.features}
    several = bool(((force_field.table.products >= 0).sum(1) > 1).any())
    return sorted(names - OPENMMS_OWN) or (["couplings"] if several else [])


def write_system(system: openmm.System, path: str | Path) -> None:
    """Write a System as OpenMM's XML."""
    if any(type(force).__name__ == "PythonForce" for force in system.getForces()):
        raise InputError(
            f"cannot write {path}: a System of the compiled route holds code of this process; export the native route."
        )
    with new_file(path) as temporary:
        temporary.write_text(openmm.XmlSerializer.serialize(system))


def write_structure(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], path: str | Path) -> None:
    """Write a PDB or PDBx/mmCIF file; ``positions`` in nm."""
    suffix = Path(path).suffix.lower()
    if suffix not in _STRUCTURES:
        raise InputError(f"cannot write a structure as {path}: its name has to end in {' or '.join(_STRUCTURES)}.")
    with new_file(path) as temporary, temporary.open("w") as file:
        _STRUCTURES[suffix](molecule.to_openmm_topology(), positions * unit.nanometer, file, keepIds=True)
