"""Units of data files: those that a file names, and those that its reader is told."""

from collections.abc import Mapping
from typing import NamedTuple

from hybridff.errors import InputError
from hybridff.units import ENERGIES, LENGTHS

_ALIASES = {
    "ang": "angstrom",
    "a": "angstrom",
    "å": "angstrom",
    "angstroms": "angstrom",
    "nanometer": "nm",
    "nanometre": "nm",
    "a0": "bohr",
    "kcal": "kcal/mol",
    "kj": "kj/mol",
    "ha": "hartree",
    "eh": "hartree",
    "electronvolt": "ev",
}


class FileUnits(NamedTuple):
    """Names of a file's units, keys of ``units.LENGTHS`` and ``units.ENERGIES``; forces are energy per length."""

    length: str
    energy: str
    force_energy: str
    force_length: str

    @property
    def force(self) -> float:
        """Size of the unit of force [kJ/mol/nm]."""
        return ENERGIES[self.force_energy] / LENGTHS[self.force_length]


class WantedUnits(NamedTuple):
    """Units that the caller names; they stand in where a file has none."""

    length: str | None
    energy: str | None
    force: str | None

    def units(self, length: str, energy: str) -> FileUnits:
        """Units with defaults for what the caller leaves open; forces are energy/length unless named."""
        length, energy = self.length or length, self.energy or energy
        return FileUnits(length, energy, *(force_unit(self.force) if self.force else (energy, length)))


def unit_name(text: str, sizes: Mapping[str, float], kind: str, where: str = "the options") -> str:
    """The key of ``sizes`` that a text means; raises ``InputError``, which begins with ``where``, where it is none."""
    name = text.strip().lower()
    name = _ALIASES.get(name, name)
    if name not in sizes:
        raise InputError(f"{where}: '{text}' is not a known unit of {kind}; use one of {', '.join(sizes)}.")
    return name


def force_unit(text: str) -> tuple[str, str]:
    """The units of energy and length of a text such as ``hartree/bohr``; raises ``InputError`` for anything else."""
    energy, _, length = text.rpartition("/")
    if not energy:
        raise InputError(f"'{text}' is not a unit of force; write energy/length, for instance hartree/bohr.")
    return unit_name(energy, ENERGIES, "energy"), unit_name(length, LENGTHS, "length")
