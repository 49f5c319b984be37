"""What an AMBER prmtop file must have before OpenMM reads it: all sections, as long as its pointers say."""

import re
from pathlib import Path
from typing import Final

from hybridff.errors import InputError
from hybridff.foreign import printable

_POINTERS: Final = {
    "NATOM": 0, "NTYPES": 1, "NBONH": 2, "MBONA": 3, "NTHETH": 4, "MTHETA": 5, "NPHIH": 6, "MPHIA": 7, "NRES": 11,
    "NUMBND": 15, "NUMANG": 16, "NPTRA": 17,
}  # fmt: skip
"""Places of the counts in the section POINTERS (https://ambermd.org/FileFormats.php)."""
_TEXTS: Final = {"ATOM_NAME": "NATOM", "AMBER_ATOM_TYPE": "NATOM", "RESIDUE_LABEL": "NRES"}
_REALS: Final = {
    "CHARGE": "NATOM",
    "MASS": "NATOM",
    "BOND_FORCE_CONSTANT": "NUMBND",
    "BOND_EQUIL_VALUE": "NUMBND",
    "ANGLE_FORCE_CONSTANT": "NUMANG",
    "ANGLE_EQUIL_VALUE": "NUMANG",
    "DIHEDRAL_FORCE_CONSTANT": "NPTRA",
    "DIHEDRAL_PERIODICITY": "NPTRA",
    "DIHEDRAL_PHASE": "NPTRA",
}
_ROWS: Final = {
    "BONDS_INC_HYDROGEN": ("NBONH", 2, "NUMBND"),
    "BONDS_WITHOUT_HYDROGEN": ("MBONA", 2, "NUMBND"),
    "ANGLES_INC_HYDROGEN": ("NTHETH", 3, "NUMANG"),
    "ANGLES_WITHOUT_HYDROGEN": ("MTHETA", 3, "NUMANG"),
    "DIHEDRALS_INC_HYDROGEN": ("NPHIH", 4, "NPTRA"),
    "DIHEDRALS_WITHOUT_HYDROGEN": ("MPHIA", 4, "NPTRA"),
}
"""Number of rows of a section, atoms in a row, and the number of its parameters."""
_MOST: Final = 10_000_000
_FORMAT = re.compile(r"%FORMAT\((\d{0,4})([aAiIeEfF])(\d{1,3})(\.\d{1,3})?\)")


def check_prmtop(path: str | Path, text: str) -> None:
    """Raise ``InputError`` that names the section where a prmtop file is not complete or contradicts itself."""
    sections = _sections(path, text)
    counts = _counts(path, sections)
    for name, count in {**_TEXTS, **_REALS}.items():
        values = _section(path, sections, name)
        if len(values) < counts[count]:
            raise InputError(
                f"{path}: the section {name} has {len(values)} entries, of {counts[count]} that POINTERS announces."
            )
        if name in _REALS:
            _reals(path, name, values)
    for name, (count, atoms, parameters) in _ROWS.items():
        _check_rows(
            path, name, _integers(path, name, _section(path, sections, name)), counts, (count, atoms, parameters)
        )
    _check_pairs(path, sections, counts)
    first = _integers(path, "RESIDUE_POINTER", _section(path, sections, "RESIDUE_POINTER"))
    if len(first) != counts["NRES"] or not first or first[0] != 1 or first != sorted(set(first)):
        raise InputError(f"{path}: the section RESIDUE_POINTER does not say where each residue begins.")
    if first[-1] > counts["NATOM"]:
        raise InputError(f"{path}: the section RESIDUE_POINTER names an atom that is not there.")


def _sections(path: str | Path, text: str) -> dict[str, list[str]]:
    """Entries of all sections; raises ``InputError`` where a section has no width of its entries."""
    found: dict[str, list[str]] = {}
    name, width = "", 0
    for line in text.splitlines():
        if line.startswith("%FLAG"):
            name, width = printable(line[5:].strip()), 0
            if name in found:
                raise InputError(f"{path}: the section {name} is there twice.")
            found[name] = []
        elif line.startswith("%FORMAT"):
            given = _FORMAT.match(line.strip())
            width = int(given.group(3)) if given else 80
            if width == 0:
                raise InputError(f"{path}: the section {name} has entries of no width ({printable(line.strip())}).")
        elif not line.startswith("%") and name not in ("", "TITLE", "CTITLE"):
            if not width:
                raise InputError(f"{path}: the section {name} has no FORMAT.")
            line = line.rstrip()
            found[name].extend(line[i : i + width].strip() for i in range(0, len(line), width))
        elif not line.startswith("%") and not name and line.strip():
            raise InputError(f"{path}: this is not an AMBER prmtop file (it does not begin with a section, %FLAG).")
    if not found:
        raise InputError(f"{path}: this is not an AMBER prmtop file (it has no sections, %FLAG).")
    return found


def _section(path: str | Path, sections: dict[str, list[str]], name: str) -> list[str]:
    if name not in sections:
        raise InputError(
            f"{path}: the section {name} is missing, so this prmtop file is damaged; make it again by tleap."
        )
    return sections[name]


def _counts(path: str | Path, sections: dict[str, list[str]]) -> dict[str, int]:
    values = _integers(path, "POINTERS", _section(path, sections, "POINTERS"))
    if len(values) < 30:
        raise InputError(f"{path}: the section POINTERS has {len(values)} entries, not 30 or more.")
    counts = {name: values[place] for name, place in _POINTERS.items()}
    for name, count in counts.items():
        if not 0 <= count < _MOST:
            raise InputError(f"{path}: the section POINTERS has {name} = {count}, which cannot be.")
    if not counts["NATOM"] or not counts["NTYPES"] or counts["NTYPES"] > counts["NATOM"]:
        raise InputError(f"{path}: it has {counts['NATOM']} atoms of {counts['NTYPES']} types, which cannot be.")
    return counts


def _check_rows(
    path: str | Path, name: str, values: list[int], counts: dict[str, int], row: tuple[str, int, str]
) -> None:
    count, atoms, parameters = row
    width = atoms + 1
    if len(values) != counts[count] * width:
        raise InputError(
            f"{path}: the section {name} has {len(values)} entries, not the {counts[count] * width} that POINTERS "
            "announces."
        )
    for begin in range(0, len(values), width):
        pointers, parameter = values[begin : begin + atoms], values[begin + atoms]
        if any(abs(pointer) // 3 >= counts["NATOM"] for pointer in pointers) or min(pointers[:2]) < 0:
            raise InputError(f"{path}: row {begin // width + 1} of the section {name} names an atom that is not there.")
        if len({abs(pointer) // 3 for pointer in pointers}) != atoms:
            raise InputError(f"{path}: row {begin // width + 1} of the section {name} names an atom twice.")
        if not 1 <= parameter <= counts[parameters]:
            raise InputError(
                f"{path}: row {begin // width + 1} of the section {name} names parameter {parameter} of "
                f"{counts[parameters]}."
            )


def _check_pairs(path: str | Path, sections: dict[str, list[str]], counts: dict[str, int]) -> None:
    """Types and coefficients of Lennard-Jones pairs."""
    kinds = counts["NTYPES"]
    types = _integers(path, "ATOM_TYPE_INDEX", _section(path, sections, "ATOM_TYPE_INDEX"))
    if len(types) < counts["NATOM"] or any(not 1 <= kind <= kinds for kind in types):
        raise InputError(f"{path}: the section ATOM_TYPE_INDEX does not give one of {kinds} types to each atom.")
    places = _integers(path, "NONBONDED_PARM_INDEX", _section(path, sections, "NONBONDED_PARM_INDEX"))
    lengths = [
        len(_reals(path, name, _section(path, sections, name)))
        for name in ("LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF")
    ]
    if len(places) != kinds * kinds or any(place == 0 or place > min(lengths) for place in places):
        raise InputError(f"{path}: the section NONBONDED_PARM_INDEX does not give coefficients to each pair of types.")


def _integers(path: str | Path, name: str, values: list[str]) -> list[int]:
    try:
        return [int(value) for value in values]
    except ValueError as error:
        raise InputError(
            f"{path}: the section {name} has an entry that is no integer ({printable(str(error))})."
        ) from None


def _reals(path: str | Path, name: str, values: list[str]) -> list[float]:
    try:
        found = [float(value) for value in values]
    except ValueError as error:
        raise InputError(
            f"{path}: the section {name} has an entry that is no number ({printable(str(error))})."
        ) from None
    if any(not abs(value) < 1e30 for value in found):
        raise InputError(f"{path}: the section {name} has an entry that is no finite number.")
    return found
