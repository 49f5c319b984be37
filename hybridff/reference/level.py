"""What a level of theory is: one protocol for quantum chemistry, tight binding and calculators of ASE.

A level is made ready for a molecule once, and then labels geometry after geometry. What computes may see the molecule
in one orientation only: integration grids make an energy depend on how a molecule lies, by some 0.01 kcal/mol.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule, element_symbol
from hybridff.reference.standard_frame import standard_frame


@dataclass(frozen=True, eq=False)
class Species:
    """What a level has to know of a molecule."""

    numbers: Int[np.ndarray, " atoms"]
    """Atomic numbers."""
    charge: int = 0
    """Total charge [e]."""
    name: str = "the molecule"
    """Name for messages."""

    @classmethod
    def of(cls, molecule: Molecule) -> "Species":
        """The species that a molecule is."""
        return cls(molecule.numbers, molecule.charge, molecule.name)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbols."""
        return tuple(element_symbol(number) for number in self.numbers.tolist())


@runtime_checkable
class Labeller(Protocol):
    """Labels geometries of one species."""

    def __call__(
        self, positions: Float[np.ndarray, "atoms 3"], /, *, careful: bool = False
    ) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm].

        ``careful`` is a second attempt: the same equations, solved in a slower and safer way. Any exception but
        ``MissingProgramError`` means that this geometry has no label.
        """


@runtime_checkable
class Level(Protocol):
    """A level of theory."""

    @property
    def settings(self) -> str:
        """The level in words, with all that its energies depend on but the version of the program."""

    @property
    def theory(self) -> str:
        """The same with the version."""

    def prepared(self, species: Species) -> Labeller:
        """What labels geometries of a species, in any orientation.

        Raises ``InputError`` where the level cannot describe it, ``MissingProgramError`` without the level's program.
        """


def labeller_of(level: Level, species: Species) -> Labeller:
    """What labels geometries of a species in the standard frame: the same numbers for a molecule moved or turned.

    Raises ``InputError`` for an odd number of electrons, and as the level does.
    """
    electrons = int(species.numbers.sum()) - species.charge
    if electrons % 2:
        raise InputError(
            f"{species.name} with the charge {species.charge} has {electrons} electrons, and levels are of closed "
            "shells; correct the charge."
        )
    inner = level.prepared(species)

    def label(
        positions: Float[np.ndarray, "atoms 3"], /, *, careful: bool = False
    ) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        frame = standard_frame(species.numbers, positions)
        energy, forces = inner(frame.into(positions), careful=careful)
        return energy, frame.turned_back(forces)

    return label


def with_version(settings: str, program: str) -> str:
    """A level in words, with the program and its version at the end."""
    return f"{settings[:-1]}; {program})" if settings.endswith(")") else f"{settings} ({program})"
