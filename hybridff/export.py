"""A force field as an ordinary ``openmm.System``, its XML, and a structure file."""

from pathlib import Path

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.molecule import Molecule
from hybridff.output import new_file

_STRUCTURES = {".pdb": app.PDBFile.writeFile, ".cif": app.PDBxFile.writeFile}


def to_openmm(force_field: ForceField) -> openmm.System:
    """The isolated molecule as a System: native forces where OpenMM has the form, no constraints, no cutoff."""
    system = openmm.System()
    for number in force_field.molecule.numbers.tolist():
        system.addParticle(app.Element.getByAtomicNumber(number).mass)
    for force in force_field.openmm_forces():
        system.addForce(force)
    return system


def write_system(system: openmm.System, path: str | Path) -> None:
    """Write a System as OpenMM's XML."""
    with new_file(path) as temporary:
        temporary.write_text(openmm.XmlSerializer.serialize(system))


def write_structure(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], path: str | Path) -> None:
    """Write a PDB or PDBx/mmCIF file; ``positions`` in nm."""
    suffix = Path(path).suffix.lower()
    if suffix not in _STRUCTURES:
        raise InputError(f"cannot write a structure as {path}: its name has to end in {' or '.join(_STRUCTURES)}.")
    with new_file(path) as temporary, temporary.open("w") as file:
        _STRUCTURES[suffix](molecule.to_openmm_topology(), positions * unit.nanometer, file, keepIds=True)
