"""ParameterTable: AMBER's parameter files, read and looked up.

Formats: https://ambermd.org/FileFormats.php (``parm.dat`` and ``frcmod``). Atom types stand in columns of two
characters, ``X`` matches any type. Everything is converted to OpenMM's units and conventions on reading.
"""

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from hybridff.errors import InputError, MissingProgramError
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

WILDCARD: Final = "X"

Types = tuple[str, ...]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Bond:
    """A harmonic bond, ``E = k/2 (r - r0)²``."""

    r0: float
    """Equilibrium length [nm]."""
    k: float
    """Force constant [kJ/mol/nm²]."""


@dataclass(frozen=True)
class Angle:
    """A harmonic angle, ``E = k/2 (theta - theta0)²``."""

    theta0: float
    """Equilibrium angle [rad]."""
    k: float
    """Force constant [kJ/mol/rad²]."""


@dataclass(frozen=True)
class FourierTerm:
    """A term of a torsion, ``E = k (1 + cos(n phi - phase))``."""

    periodicity: int
    phase: float
    """Phase [rad]."""
    k: float
    """Amplitude [kJ/mol]."""


@dataclass(frozen=True)
class Improper:
    """A Fourier term, and the atom types in the order of the file (the central type third)."""

    types: Types
    term: FourierTerm


@dataclass(frozen=True)
class LennardJones:
    """Lennard-Jones parameters of an atom, ``E = 4 epsilon ((sigma/r)¹² - (sigma/r)⁶)`` with its like."""

    sigma: float
    """Distance of zero energy [nm]."""
    epsilon: float
    """Depth [kJ/mol]."""


@dataclass(frozen=True)
class ParameterTable:
    """Parameters by atom types, in OpenMM's units.

    The keys of ``impropers`` have the central type third, as in AMBER's files, and the other three sorted.
    ``remarks`` holds what a ``frcmod`` file says about its rows: ``{"angle c3-c2-n2": "same as c3-c2-n ..."}``.
    """

    name: str
    bonds: Mapping[Types, Bond] = field(default_factory=dict)
    angles: Mapping[Types, Angle] = field(default_factory=dict)
    torsions: Mapping[Types, tuple[FourierTerm, ...]] = field(default_factory=dict)
    impropers: Mapping[Types, Improper] = field(default_factory=dict)
    lennard_jones: Mapping[str, LennardJones] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> "ParameterTable":
        """Read a ``.dat`` (complete force field) or ``frcmod`` (additions) file.

        Raises ``InputError`` naming file and line where it cannot be understood.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"{path}: the parameter table cannot be read ({error.strerror}).") from error
        return cls.parse(text, path.name)

    @classmethod
    def parse(cls, text: str, name: str) -> "ParameterTable":
        """Parse the text of a ``.dat`` or ``frcmod`` file."""
        lines = list(enumerate(text.splitlines(), start=1))
        heads = {line.strip().split()[0].upper()[:4] for _, line in lines[1:] if line.strip()}
        if heads & {"MASS", "DIHE", "NONB"}:
            rows = _rows(_frcmod_sections(lines), name)
            return replace(_table(rows, name), remarks=_remarks(rows))
        return _table(_rows(_dat_sections(lines, name), name), name)

    def merged(self, other: "ParameterTable") -> "ParameterTable":
        """This table with the rows of another added; where both have a row, the other's is kept."""
        return replace(
            self,
            bonds={**self.bonds, **other.bonds},
            angles={**self.angles, **other.angles},
            torsions={**self.torsions, **other.torsions},
            impropers={**self.impropers, **other.impropers},
            lennard_jones={**self.lennard_jones, **other.lennard_jones},
            remarks={**self.remarks, **other.remarks},
        )

    def bond(self, types: Types) -> Bond | None:
        """Look a bond up, in either direction."""
        return self.bonds.get(canonical(types))

    def angle(self, types: Types) -> Angle | None:
        """Look an angle up, in either direction."""
        return self.angles.get(canonical(types))

    def torsion(self, types: Types) -> tuple[FourierTerm, ...] | None:
        """Look a proper torsion up, in either direction; fewer wildcards come first."""
        return _most_specific(self.torsions, (canonical(key) for key in _with_wildcards(types, (0, 1, 2, 3))))

    def improper(self, outer: Types, centre: str) -> Improper | None:
        """Look an improper up by the types of the three outer atoms and of the central one."""
        keys = (_improper_key(key, centre) for key in _with_wildcards(tuple(sorted(outer)), (0, 1, 2)))
        return _most_specific(self.impropers, keys)


def canonical(types: Types) -> Types:
    """One order for a chain of types and its reverse."""
    return min(types, types[::-1])


def outer_types(improper: Types) -> Types:
    """The types of an improper without the central one."""
    return (*improper[:2], improper[3])


def gaff_versions() -> tuple[str, ...]:
    """The versions of GAFF that openmmforcefields carries, oldest first."""
    return tuple(sorted(path.stem for path in _gaff_folder().glob("gaff-*.dat")))


def gaff_file(version: str) -> Path:
    """The parameter file of a version, ``"gaff-2.2.20"`` say."""
    if version not in gaff_versions():
        raise InputError(f"unknown GAFF version {version!r}; known are {', '.join(gaff_versions())}.")
    return _gaff_folder() / f"{version}.dat"


@cache
def gaff_table(version: str) -> ParameterTable:
    """The parameter table of a version of GAFF; read once per process."""
    return ParameterTable.read(gaff_file(version))


@cache
def _gaff_folder() -> Path:
    """Folder of openmmforcefields with GAFF's files; the package itself, slow to import, is not imported."""
    package = importlib.util.find_spec("openmmforcefields")
    if package is None or not package.submodule_search_locations:
        raise MissingProgramError("GAFF's parameter tables are missing; install them: pip install openmmforcefields")
    return Path(package.submodule_search_locations[0]) / "ffxml" / "amber" / "gaff" / "dat"


def _most_specific(table: Mapping[Types, Found], keys: Iterable[Types]) -> Found | None:
    return next((table[key] for key in keys if key in table), None)


def _with_wildcards(types: Types, places: Sequence[int]) -> list[Types]:
    """All ways to replace types by ``X``, those with fewest wildcards first."""
    choices = [(types[i], WILDCARD) if i in places else (types[i],) for i in range(len(types))]
    return sorted(dict.fromkeys(product(*choices)), key=lambda key: key.count(WILDCARD))


def _improper_key(outer: Types, centre: str) -> Types:
    first, second, fourth = sorted(outer)
    return first, second, centre, fourth


@dataclass(frozen=True)
class _Line:
    """One row of a file: where it stands, its types, its numbers and the rest."""

    number: int
    types: Types
    values: tuple[float, ...]
    remark: str


_NUMBERS: Final = {count: re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))" * count) for count in (2, 3, 4)}
"""So many numbers; GAFF's files do not always leave a space between the last one and the text behind it."""

_SECTIONS: Final = MappingProxyType({"BOND": (2, 2), "ANGL": (3, 2), "DIHE": (4, 4), "IMPR": (4, 3), "NONB": (1, 2)})
"""Atom types and numbers in a row of each section."""

Numbered = list[tuple[int, str]]


def _blocks(lines: Numbered) -> list[Numbered]:
    """Split at blank lines; empty blocks are kept because ``.dat`` files count them."""
    blocks: list[Numbered] = [[]]
    for number, line in lines:
        if line.strip():
            blocks[-1].append((number, line))
        else:
            blocks.append([])
    return blocks


def _dat_sections(lines: Numbered, name: str) -> dict[str, Numbered]:
    """Title and masses, hydrophilic types and bonds, angles, torsions, impropers, 10-12 pairs, equivalences, LJ."""
    blocks = _blocks(lines[1:])
    if len(blocks) < 8:
        raise InputError(f"{name}: this is neither an AMBER .dat nor an frcmod file.")
    bonds, angles, torsions, impropers, lennard_jones = blocks[1][1:], blocks[2], blocks[3], blocks[4], blocks[7]
    if not lennard_jones or lennard_jones[0][1].split()[:2] != ["MOD4", "RE"]:
        raise InputError(f"{name}: the Lennard-Jones section does not start with 'MOD4 RE' where it should.")
    return {"BOND": bonds, "ANGL": angles, "DIHE": torsions, "IMPR": impropers, "NONB": lennard_jones[1:]}


def _frcmod_sections(lines: Numbered) -> dict[str, Numbered]:
    sections: dict[str, Numbered] = {key: [] for key in _SECTIONS}
    current = ""
    for number, line in lines[1:]:
        head = line.strip().upper()[:4]
        if head in _SECTIONS or head == "MASS":
            current = head
        elif not line.strip():
            current = ""
        elif current in sections:
            sections[current].append((number, line))
    return sections


def _parse_line(numbered: tuple[int, str], section: str, name: str) -> _Line:
    number, line = numbered
    n_types, n_values = _SECTIONS[section]
    width = len(line.split()[0]) + line.index(line.split()[0]) if section == "NONB" else 3 * n_types - 1
    types = tuple(part.strip() for part in line[:width].split("-"))
    match = _NUMBERS[n_values].match(line, width)
    if len(types) != n_types or not all(types) or match is None:
        raise InputError(f"{name}, line {number}: expected {n_types} atom types and {n_values} numbers: {line.strip()}")
    values = tuple(float(value) for value in match.groups())
    return _Line(number, types, values, " ".join(line[match.end() :].split()))


Rows = Mapping[str, Sequence[_Line]]


def _rows(sections: Mapping[str, Numbered], name: str) -> Rows:
    return {key: [_parse_line(line, key, name) for line in sections[key]] for key in _SECTIONS}


def _table(rows: Rows, name: str) -> ParameterTable:
    return ParameterTable(
        name,
        bonds={canonical(row.types): _bond(row) for row in rows["BOND"]},
        angles={canonical(row.types): _angle(row) for row in rows["ANGL"]},
        torsions=_torsions(rows["DIHE"], name),
        impropers={_improper_key(outer_types(row.types), row.types[2]): _improper(row) for row in rows["IMPR"]},
        lennard_jones={row.types[0]: _lennard_jones(row) for row in rows["NONB"]},
    )


def _bond(row: _Line) -> Bond:
    k, r0 = row.values
    return Bond(r0 * ANGSTROM, 2 * k * KCAL_MOL / ANGSTROM**2)


def _angle(row: _Line) -> Angle:
    k, theta0 = row.values
    return Angle(theta0 * DEGREE, 2 * k * KCAL_MOL)


def _lennard_jones(row: _Line) -> LennardJones:
    """Lennard-Jones parameters, from half the distance of the minimum [Å] and the depth [kcal/mol]."""
    radius, depth = row.values
    # GAFF 1's hydroxyl hydrogen has no LJ term at all; OpenMM's own filler keeps soft-core potentials finite.
    sigma = 2 * radius * ANGSTROM / 2 ** (1 / 6) if radius > 0 else 1.0
    return LennardJones(sigma, depth * KCAL_MOL)


def _improper(row: _Line) -> Improper:
    k, phase, periodicity = row.values
    return Improper(row.types, FourierTerm(abs(round(periodicity)), phase * DEGREE, k * KCAL_MOL))


def _torsions(rows: Sequence[_Line], name: str) -> dict[Types, tuple[FourierTerm, ...]]:
    """Collect the Fourier terms of each torsion; a negative periodicity announces a further term."""
    torsions: dict[Types, tuple[FourierTerm, ...]] = {}
    open_terms: list[FourierTerm] = []
    for row in rows:
        divisor, k, phase, periodicity = row.values
        if divisor <= 0 or periodicity == 0:
            raise InputError(f"{name}, line {row.number}: the divisor or periodicity of a torsion is zero.")
        open_terms.append(FourierTerm(abs(round(periodicity)), phase * DEGREE, k / divisor * KCAL_MOL))
        if periodicity > 0:
            torsions[canonical(row.types)] = tuple(open_terms)
            open_terms = []
    return torsions


_TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {"BOND": "bond", "ANGL": "angle", "DIHE": "torsion", "IMPR": "improper", "NONB": "Lennard-Jones"}
)


def _remarks(rows: Rows) -> dict[str, str]:
    return {
        f"{_TITLES[key]} {'-'.join(row.types)}": row.remark
        for key, lines in rows.items()
        for row in lines
        if row.remark
    }
