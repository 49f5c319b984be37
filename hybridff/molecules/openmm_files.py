"""Systems and structures that OpenMM has written."""

from pathlib import Path

import openmm
from openmm import app

from hybridff.errors import InputError
from hybridff.molecules.parsing import is_file


def read_system(path: str | Path) -> openmm.System:
    """A System from OpenMM's XML; raises ``InputError`` for anything else."""
    try:
        system = openmm.XmlSerializer.deserialize(Path(path).read_text(encoding="utf-8"))
    except (openmm.OpenMMException, OSError, ValueError) as error:
        raise InputError(f"OpenMM cannot read the System {path}: {error}; write it with XmlSerializer.") from None
    if not isinstance(system, openmm.System):
        raise InputError(f"{path} holds no OpenMM System but a {type(system).__name__}.")
    return system


def read_structure(path: str | Path) -> app.PDBFile | app.PDBxFile:
    """Topology and positions of a PDB or PDBx/mmCIF file; raises ``InputError`` for anything else."""
    path, readers = Path(path), {".pdb": app.PDBFile, ".cif": app.PDBxFile}
    if path.suffix.lower() not in readers or not path.is_file():
        raise InputError(f"the topology {path} has to be an existing .pdb or .cif file.")
    try:
        with path.open(encoding="utf-8") as file:  # given a name, OpenMM leaves a bad file open
            return readers[path.suffix.lower()](file)
    except Exception as error:  # what a wrong line leads to in OpenMM's readers, bare Exceptions among it
        raise InputError(f"OpenMM cannot read the topology {path}: {error}.") from error


def load_prmtop(path: str | Path) -> app.AmberPrmtopFile:
    """An AMBER prmtop file; raises ``InputError`` for anything else."""
    path = Path(path)
    if not is_file(path):
        raise InputError(f"{path}: there is no such file.")
    try:
        return app.AmberPrmtopFile(str(path))
    except Exception as error:  # what a wrong line leads to in OpenMM's reader, bare Exceptions among it
        raise InputError(f"{path}: this is not an AMBER prmtop file that OpenMM can read ({error}).") from error
