"""Molecule: elements, bonds, formal charges; from SMILES, SDF, MOL2, RDKit, OpenFF, AMBER prmtop, OpenMM."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Molecule:
    """One molecule in a fixed atom order.

    ``bond_orders`` are RDKit's kekulised orders (1, 2, 3), or 0 where the source does not know them (prmtop, System).
    ``positions`` are one plausible geometry [nm] or None.
    """

    name: str
    numbers: Int[np.ndarray, " atoms"]
    bonds: Int[np.ndarray, "bonds 2"]
    bond_orders: Int[np.ndarray, " bonds"]
    formal_charges: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"] | None = None
