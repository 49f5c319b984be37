"""OpenMM's own bonded forces: which there are, their energies, and how terms are read from and added to them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import openmm
from openmm import unit

from hybridff.gaff.features import FEATURES
from hybridff.gaff.nonbonded import PAIR_FEATURES

COEFFICIENT = "k"
"""Name of a feature's coefficient among the parameters of a force."""


@dataclass(frozen=True)
class NativeForce:
    """One of OpenMM's own forces, a sum of terms of one formula."""

    force: type[openmm.Force]
    custom: type[openmm.Force]
    """The class of forces on the same atoms that takes any formula."""
    term: str
    """Name of a term in the methods of both classes."""
    n_atoms: int
    variables: Mapping[str, str]
    """Variables of the coordinate, with the names that they have in a formula of ``custom``."""
    parameters: tuple[str, ...]
    """Parameters of a term, in the order of the methods."""
    energy: str
    """Energy of a term, as ``custom`` reads it."""

    def add(self, force: Any, atoms: Sequence[int], values: Sequence[float | int]) -> None:
        """Add a term to a force of the class, with its parameters in their order."""
        getattr(force, f"add{self.term}")(*atoms, *values)

    def add_custom(self, force: Any, atoms: Sequence[int], values: Sequence[float | int]) -> None:
        """Add a term to a force of the class ``custom``."""
        getattr(force, f"add{self.term}")(*atoms, values)

    def terms(self, force: Any) -> Iterator[tuple[list[int], tuple[float | int, ...]]]:
        """Atoms and parameters of each term of a force of the class, in OpenMM's units."""
        for i in range(getattr(force, f"getNum{self.term}s")()):
            values = getattr(force, f"get{self.term}Parameters")(i)
            yield list(values[: self.n_atoms]), numbers(values[self.n_atoms :])

    def custom_force(self, energy: str) -> Any:
        """An empty force of the class ``custom`` with the parameters of a term and some formula of them."""
        force = self.custom(energy)
        for name in self.parameters:
            getattr(force, f"addPer{self.term}Parameter")(name)
        return force


def numbers(values: Iterable[Any]) -> tuple[float | int, ...]:
    """Quantities without their units, in those of OpenMM; numbers stay what they are."""
    return tuple(
        value.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(value) else value for value in values
    )


def _energy(feature: str, names: Mapping[str, str]) -> str:
    """A coefficient times a feature, with other names of its variables and parameters."""
    return f"{COEFFICIENT}*{FEATURES[feature].expression.openmm(names)}"


_LENGTH, _ANGLE, _DIHEDRAL = {"r": "r"}, {"theta": "theta"}, {"phi": "theta"}
HARMONIC_BONDS = NativeForce(
    openmm.HarmonicBondForce,
    openmm.CustomBondForce,
    "Bond",
    2,
    _LENGTH,
    ("length", COEFFICIENT),
    _energy("harmonic_bond", {**_LENGTH, "r0": "length"}),
)
HARMONIC_ANGLES = NativeForce(
    openmm.HarmonicAngleForce,
    openmm.CustomAngleForce,
    "Angle",
    3,
    _ANGLE,
    ("angle", COEFFICIENT),
    _energy("harmonic_angle", {**_ANGLE, "theta0": "angle"}),
)
PERIODIC_TORSIONS = NativeForce(
    openmm.PeriodicTorsionForce,
    openmm.CustomTorsionForce,
    "Torsion",
    4,
    _DIHEDRAL,
    ("n", "phase", COEFFICIENT),
    _energy("fourier", _DIHEDRAL),
)
RYCKAERT_BELLEMANS = NativeForce(
    openmm.RBTorsionForce,
    openmm.CustomTorsionForce,
    "Torsion",
    4,
    _DIHEDRAL,
    tuple(f"c{i}" for i in range(6)),
    "+".join(f"c{i}*cos(theta-{np.pi!r})^{i}" for i in range(6)),
)

NATIVE_OF_FEATURE: Mapping[str, NativeForce] = MappingProxyType(
    {"harmonic_bond": HARMONIC_BONDS, "harmonic_angle": HARMONIC_ANGLES, "fourier": PERIODIC_TORSIONS}
)
"""Features that, alone in a term, become a term of one of OpenMM's own bonded forces."""
NATIVE_OF_FORCE: Mapping[type[openmm.Force], NativeForce] = MappingProxyType(
    {native.force: native for native in (HARMONIC_BONDS, HARMONIC_ANGLES, PERIODIC_TORSIONS, RYCKAERT_BELLEMANS)}
)
OPENMMS_OWN = frozenset({*NATIVE_OF_FEATURE, *PAIR_FEATURES})
"""Features that OpenMM computes by its own formula."""
NO_LENGTH = 0.1
"""Length of a bond that has no stiffness and only tells OpenMM what a molecule is [nm]."""


def add_feature(
    force: Any, feature: str, atoms: Sequence[int], coefficient: float, constants: Mapping[str, float]
) -> None:
    """Add a coefficient [kJ/mol] times a feature of ``NATIVE_OF_FEATURE`` to the force that computes it."""
    values = (round(constants[name]) if name == "n" else constants[name] for name in FEATURES[feature].parameters)
    NATIVE_OF_FEATURE[feature].add(force, atoms, (*values, coefficient))


def pair_energy() -> str:
    """Energy of a pair of atoms as a ``CustomBondForce`` reads it, by its charge product, sigma and epsilon."""
    coulomb, lennard_jones = (FEATURES[name].expression.openmm({}) for name in ("coulomb", "lennard_jones"))
    return f"charges*{coulomb}+epsilon*{lennard_jones}"
