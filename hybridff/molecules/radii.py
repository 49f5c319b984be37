"""Sums of atomic radii: the yardstick of bonds and contacts."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from rdkit import Chem

from hybridff.units import ANGSTROM


def covalent_sums(numbers: Int[np.ndarray, " atoms"]) -> Float[np.ndarray, "atoms atoms"]:
    """Sums of the covalent radii of every two atoms [nm], from atomic numbers.

    B. Cordero et al., Dalton Trans. 2832 (2008), as in RDKit.
    """
    return _sums(numbers, Chem.GetPeriodicTable().GetRcovalent)


def van_der_waals_sums(numbers: Int[np.ndarray, " atoms"]) -> Float[np.ndarray, "atoms atoms"]:
    """Sums of the van der Waals radii of every two atoms [nm], from atomic numbers; RDKit's values."""
    return _sums(numbers, Chem.GetPeriodicTable().GetRvdw)


def _sums(numbers: Int[np.ndarray, " atoms"], radius: Callable[[int], float]) -> Float[np.ndarray, "atoms atoms"]:
    radii = np.array([radius(number) for number in numbers.tolist()]) * ANGSTROM
    return radii[:, None] + radii
