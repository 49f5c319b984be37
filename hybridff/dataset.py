"""Frames: reference positions, energies and forces; read, check, split, write."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Frames:
    """Reference data of one molecule, in internal units.

    ``positions`` [nm], ``energies`` [kJ/mol], ``forces`` [kJ/mol/nm] or None where the file has energies only.
    """

    numbers: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "frames atoms 3"]
    energies: Float[np.ndarray, " frames"]
    forces: Float[np.ndarray, "frames atoms 3"] | None
    name: str = ""
    smiles: str | None = None
    theory: str = ""
    source: str = ""
