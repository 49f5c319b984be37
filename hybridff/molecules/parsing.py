"""Texts of molecules, SMILES and SDF, as RDKit molecules that are not sanitised."""

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from hybridff.errors import InputError
from hybridff.foreign import printable, reading
from hybridff.molecules.structure import is_drawing
from hybridff.units import ANGSTROM


def parse_smiles(smiles: str) -> Chem.Mol:
    """Parse a SMILES without sanitising; hydrogens written in it stay. Raises ``InputError`` for what is none."""
    if not smiles:
        raise InputError("the SMILES is empty.")
    parameters: Any = Chem.SmilesParserParams()
    parameters.sanitize = False
    parameters.removeHs = False
    parameters.allowCXSMILES = False
    parameters.parseName = False
    with rdkit_messages() as messages:
        mol = Chem.MolFromSmiles(smiles, parameters)
    if mol is None:
        problem = _smiles_problem(messages.getvalue())
        raise InputError(f"'{printable(smiles)}' is not a SMILES ({problem}), and there is no file of that name.")
    return mol


def _smiles_problem(messages: str) -> str:
    """What RDKit says about a SMILES: the kind of error and the position."""
    kind = re.search(r"Parse Error: ([^:\n]*?)(?: while parsing| for input)?[:\n]", messages)
    position = re.search(r"around position (\d+)", messages)
    problem = kind.group(1) if kind else "it cannot be parsed"
    return f"{problem} near character {position.group(1)}" if position else problem


def sdf_records(text: str) -> list[str]:
    """The records of an SDF file."""
    return [record for record in re.split(r"^\$\$\$\$.*\n?", text, flags=re.MULTILINE) if record.strip()]


def parse_sdf(text: str, where: str) -> Chem.Mol:
    """Parse a file with one molecule without sanitising; a drawing in the plane gives no positions."""
    records = sdf_records(text)
    if not records:
        raise InputError(f"{where}: the file is empty.")
    if len(records) > 1:
        raise InputError(
            f"{where}: the file holds {len(records)} molecules ({_titles(records)}); give a file with one."
        )
    record = records[0]
    with reading(where, "a readable SDF file", "write it again"), rdkit_messages() as messages:
        mol = Chem.MolFromMolBlock(record, sanitize=False, removeHs=False)
    if mol is None:
        reason = messages.getvalue().strip().splitlines()
        detail = re.sub(r"^\[[\d:]+\] ", "", reason[0]) if reason else "RDKit gives no reason"
        raise InputError(f"{where}: this is not a readable SDF file ({detail}).")
    header = record.splitlines()[1] if record.count("\n") > 1 else ""
    if header[20:22] == "3D" and mol.GetNumConformers() and _is_drawing(mol):
        flat = record.replace(header, f"{header[:20]}2D{header[22:]}", 1)  # so that wedges count, not positions
        return parse_sdf(flat, where)
    if mol.GetNumConformers() and header[20:22] != "3D" and not mol.GetConformer().Is3D():
        mol.RemoveAllConformers()
    return mol


def _is_drawing(mol: Chem.Mol) -> bool:
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    positions = mol.GetConformer().GetPositions()
    return bool(np.isfinite(positions).all()) and is_drawing(np.array(pairs, int).reshape(-1, 2), positions * ANGSTROM)


def _titles(records: list[str]) -> str:
    """Numbers and titles of the first records; a title is the first line."""
    lines = [record.removeprefix("\n").split("\n", 1)[0].strip() for record in records[:3]]
    named = [f"{number}: {printable(line)[:40] or 'untitled'}" for number, line in enumerate(lines, start=1)]
    return ", ".join([*named, *(["..."] if len(records) > 3 else [])])


@contextlib.contextmanager
def rdkit_messages() -> Iterator[io.StringIO]:
    """Collect RDKit's log, which it would write to the terminal."""
    stream = io.StringIO()
    terminal = sys.stderr
    rdBase.LogToPythonStderr()
    sys.stderr = stream
    try:
        yield stream
    finally:
        sys.stderr = terminal
        rdBase.LogToCppStreams()


def is_file(path: Path) -> bool:
    """Whether there is a file of this name, whatever the name is."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
