"""Texts of molecules, SMILES and SDF, as RDKit molecules that are not sanitised."""

import contextlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from hybridff.errors import InputError
from hybridff.foreign import printable, read_text, reading
from hybridff.molecules.structure import is_drawing
from hybridff.units import ANGSTROM

SMILES_SUFFIXES = (".smi", ".smiles")
"""Endings of files with a SMILES on each line, and a name behind it."""
_RECORD = re.compile(r"(.+\.(?:sdf|mol|mol2|smi|smiles)):(\d{1,9})", re.IGNORECASE)


def parse_smiles(smiles: str) -> Chem.Mol:
    """Parse a SMILES without sanitising; hydrogens written in it stay. Raises ``InputError`` for what is none."""
    if not smiles:
        raise InputError("the SMILES is empty.")
    other = _other_than_smiles(smiles)
    if other:
        raise InputError(f"'{printable(smiles)}' is not a SMILES ({other}), and there is no file of that name.")
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


def _other_than_smiles(text: str) -> str:
    """What a text is that RDKit would not name, or would take in part; empty for what may be a SMILES."""
    foreign = next((letter for letter in text if not (letter.isascii() and letter.isprintable())), "")
    if text.lower().startswith("inchi="):
        return "it is an InChI: convert it, for instance by RDKit's MolFromInchi"
    if foreign:
        return f"'{printable(foreign)}' near character {text.index(foreign) + 1} is no letter of ASCII: type it again"
    if " " in text:
        return f"it ends at the space: leave '{text.split(maxsplit=1)[1]}' out"
    return "it is a reaction: give one molecule" if ">" in text else ""


def _smiles_problem(messages: str) -> str:
    """What RDKit says about a SMILES: the kind of error and the position."""
    kind = re.search(r"Parse Error: ([^:\n]*?)(?: while parsing| for input)?[:\n]", messages)
    position = re.search(r"around position (\d+)", messages)
    problem = kind.group(1) if kind else "it cannot be parsed"
    return f"{problem} near character {position.group(1)}" if position else problem


def sdf_records(text: str) -> list[str]:
    """The records of an SDF file."""
    return [record for record in re.split(r"^\$\$\$\$.*\n?", text, flags=re.MULTILINE) if record.strip()]


def path_and_record(text: str | Path) -> tuple[Path, int | None]:
    """A file, and the number of its molecule where the text names one behind a colon, as ``ligands.sdf:2`` does."""
    named = _RECORD.fullmatch(str(text))
    if named is None or is_file(Path(text)):
        return Path(text), None
    return Path(named.group(1)), int(named.group(2))


def chosen_record(records: Sequence[str], record: int | None, titles: Sequence[str], where: str) -> str:
    """The only molecule of a file, or that of a number from 1; raises ``InputError`` where that is none, or not clear.

    ``titles`` are those of all molecules, which may be empty.
    """
    if not records:
        raise InputError(f"{where}: the file is empty.")
    if record is None and len(records) == 1:
        return records[0]
    named = [f"{number}: {printable(line)[:40] or 'untitled'}" for number, line in enumerate(titles[:3], start=1)]
    listed = ", ".join([*named, *(["..."] if len(titles) > 3 else [])])
    if record is None:
        raise InputError(
            f"{where}: the file holds {len(records)} molecules ({listed}); say which one, such as {where}:1, or give a "
            "file with one."
        )
    if not 1 <= record <= len(records):
        raise InputError(f"{where}: there is no molecule {record} in the file, which holds {len(records)} ({listed}).")
    return records[record - 1]


def parse_sdf(text: str, where: str, record: int | None = None) -> Chem.Mol:
    """Parse the only molecule of a file, or a numbered one, without sanitising; a drawing gives no positions."""
    records = sdf_records(text)
    titles = [own.split("\n", 1)[0].strip() for own in records]
    return _parse_record(chosen_record(records, record, titles, where), where)


def _parse_record(record: str, where: str) -> Chem.Mol:
    with reading(where, "a readable SDF file", "write it again"), rdkit_messages() as messages:
        mol = Chem.MolFromMolBlock(record, sanitize=False, removeHs=False)
    if mol is None:
        reason = messages.getvalue().strip().splitlines()
        detail = re.sub(r"^\[[\d:]+\] ", "", reason[0]) if reason else "RDKit gives no reason"
        raise InputError(f"{where}: this is not a readable SDF file ({detail}).")
    header = record.splitlines()[1] if record.count("\n") > 1 else ""
    if header[20:22] == "3D" and mol.GetNumConformers() and _is_drawing(mol):
        flat = record.replace(header, f"{header[:20]}2D{header[22:]}", 1)  # so that wedges count, not positions
        return _parse_record(flat, where)
    if mol.GetNumConformers() and header[20:22] != "3D" and not mol.GetConformer().Is3D():
        mol.RemoveAllConformers()
    return mol


def _is_drawing(mol: Chem.Mol) -> bool:
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    positions = mol.GetConformer().GetPositions()
    return bool(np.isfinite(positions).all()) and is_drawing(np.array(pairs, int).reshape(-1, 2), positions * ANGSTROM)


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


def smiles_entries(path: Path) -> list[str]:
    """The lines of a file of SMILES that have a molecule: neither empty, nor a comment, nor RDKit's header."""
    return [line.strip() for line in read_text(path).splitlines() if _is_entry(line)]


def _is_entry(line: str) -> bool:
    first = line.split(maxsplit=1)[:1]
    return bool(first) and not first[0].startswith("#") and first[0].lower() != "smiles"


def is_file(path: Path) -> bool:
    """Whether there is a file of this name, whatever the name is."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
