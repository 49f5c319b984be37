"""Class I parameters of one molecule: the interchange between parameter sources and the force field.

Whatever the source (GAFF tables, an AMBER prmtop, an OpenMM ``System``), a starting force field is one
``ClassOneParameters``: plain arrays in OpenMM's units and conventions.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class BondParameters:
    """Harmonic bonds, ``E = k/2 (r - r0)²``."""

    atoms: Int[np.ndarray, "bonds 2"]
    r0: Float[np.ndarray, " bonds"]
    """Equilibrium length [nm]."""
    k: Float[np.ndarray, " bonds"]
    """Force constant [kJ/mol/nm²]."""


@dataclass(frozen=True, eq=False)
class AngleParameters:
    """Harmonic angles, ``E = k/2 (theta - theta0)²``; the middle atom is the vertex."""

    atoms: Int[np.ndarray, "angles 3"]
    theta0: Float[np.ndarray, " angles"]
    """Equilibrium angle [rad]."""
    k: Float[np.ndarray, " angles"]
    """Force constant [kJ/mol/rad²]."""


@dataclass(frozen=True, eq=False)
class TorsionParameters:
    """Periodic torsions, ``E = k (1 + cos(n phi - phase))``, one row per Fourier term.

    Impropers use the same function on AMBER's order of atoms (the central atom third).
    """

    atoms: Int[np.ndarray, "torsions 4"]
    periodicity: Int[np.ndarray, " torsions"]
    phase: Float[np.ndarray, " torsions"]
    """Phase [rad]."""
    k: Float[np.ndarray, " torsions"]
    """Amplitude [kJ/mol]."""
    improper: np.ndarray
    """True where the row is an improper, shape (torsions,), bool."""


@dataclass(frozen=True, eq=False)
class NonbondedParameters:
    """Point charges and 12-6 Lennard-Jones with Lorentz-Berthelot rules, and the pairs treated apart.

    ``exceptions`` lists every pair that does not follow the combination rules (1-2 and 1-3 pairs with zeros, 1-4 pairs
    scaled), exactly as ``openmm.NonbondedForce`` keeps them.
    """

    charge: Float[np.ndarray, " atoms"]
    """Charge [e]."""
    sigma: Float[np.ndarray, " atoms"]
    """LJ distance [nm]."""
    epsilon: Float[np.ndarray, " atoms"]
    """LJ depth [kJ/mol]."""
    exceptions: Int[np.ndarray, "exceptions 2"]
    """Atoms of each exception."""
    exception_charge_product: Float[np.ndarray, " exceptions"]
    """Charge products of the exceptions [e²]."""
    exception_sigma: Float[np.ndarray, " exceptions"]
    """LJ distances of the exceptions [nm]."""
    exception_epsilon: Float[np.ndarray, " exceptions"]
    """LJ depths of the exceptions [kJ/mol]."""


@dataclass(frozen=True, eq=False)
class ClassOneParameters:
    """A complete class I force field of one molecule.

    ``types`` are the atom types (GAFF's, or the source's own). ``estimated`` names every parameter that was not in the
    table but estimated (by ``parmchk2``, say), one sentence each. ``source`` says where all this comes from.
    """

    types: tuple[str, ...]
    bonds: BondParameters
    angles: AngleParameters
    torsions: TorsionParameters
    nonbonded: NonbondedParameters
    source: str
    estimated: tuple[str, ...] = ()
