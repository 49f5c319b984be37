"""Systems, structures and AMBER prmtop files, read by OpenMM once what would end the process has been refused."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Final

import openmm
from openmm import app

from hybridff.errors import InputError
from hybridff.foreign import check_file, nesting, read_text, reading
from hybridff.molecules.prmtop import check_prmtop

_DEEPEST_ELEMENT: Final = 40
"""Elements of a System inside each other, at most; OpenMM's parser calls itself for each."""
_LONGEST_EXPRESSION: Final = 100_000
_DEEPEST_EXPRESSION: Final = 200
"""Brackets of an expression inside each other, at most; Lepton calls itself for each."""
_LARGEST_NUMBER: Final = 2**31 - 1
_STRUCTURES = {".pdb": app.PDBFile, ".cif": app.PDBxFile}
_INTEGER = re.compile(r"[+-]?\d{10,}")


def read_system(path: str | Path) -> openmm.System:
    """A System from OpenMM's XML; raises ``InputError`` for anything else."""
    text = read_text(path)
    _check_system(path, text)
    with reading(path, "an OpenMM System", "write it with XmlSerializer"):
        system = openmm.XmlSerializer.deserialize(text)
    if not isinstance(system, openmm.System):
        raise InputError(f"{path} holds no OpenMM System but a {type(system).__name__}.")
    return system


def read_structure(path: str | Path) -> app.PDBFile | app.PDBxFile:
    """Topology and positions of a PDB or PDBx/mmCIF file; raises ``InputError`` for anything else."""
    path = Path(path)
    if path.suffix.lower() not in _STRUCTURES or not path.is_file():
        raise InputError(f"the topology {path} has to be an existing .pdb or .cif file.")
    check_file(path)
    with reading(path, "a topology", "write it with OpenMM's PDBFile or PDBxFile"), path.open(encoding="utf-8") as file:
        found = _STRUCTURES[path.suffix.lower()](file)  # given a name, OpenMM leaves a bad file open
        if found.topology.getNumAtoms() != len(found.getPositions(asNumpy=True)):
            raise InputError(f"{path}: it does not have one position for each atom; write it again.")
        return found


def load_prmtop(path: str | Path) -> app.AmberPrmtopFile:
    """An AMBER prmtop file; raises ``InputError`` for anything else."""
    check_prmtop(path, read_text(path, any_encoding=True))
    with reading(path, "an AMBER prmtop file", "make it again by tleap"):
        return app.AmberPrmtopFile(str(path))


def _check_system(path: str | Path, text: str) -> None:
    """Refuse what OpenMM's parser does not survive; the rest is for OpenMM to say."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{path}: an OpenMM System has no DOCTYPE or ENTITY; write it with XmlSerializer.")
    root: ET.Element | None = None
    parser: ET.XMLPullParser = ET.XMLPullParser(("start", "end"))
    with reading(path, "an OpenMM System", "write it with XmlSerializer"):
        parser.feed(text)
        parser.close()
        events: list[Any] = list(parser.read_events())  # a mistake in the text is raised here
    depth = 0
    for event, element in events:
        depth += 1 if event == "start" else -1
        root = element if root is None else root
        if depth > _DEEPEST_ELEMENT:
            raise InputError(f"{path}: its elements are nested more than {_DEEPEST_ELEMENT} deep.")
    if root is None or root.tag not in ("System", "State", "Integrator", "Force"):
        raise InputError(f"{path} holds no OpenMM System; write it with XmlSerializer.")
    for element in root.iter():
        for name, value in element.items():
            _check_value(path, f"{element.tag} {name}", value)


def _check_value(path: str | Path, name: str, value: str) -> None:
    if len(value) > _LONGEST_EXPRESSION or nesting(value, "(", ")") > _DEEPEST_EXPRESSION:
        raise InputError(f"{path}: its {name} is too long or has brackets nested too deeply.")
    if _INTEGER.fullmatch(value) and abs(int(value[:30])) > _LARGEST_NUMBER and "seed" not in name.lower():
        raise InputError(f"{path}: its {name} is {value[:30]}, which is no number of anything.")
