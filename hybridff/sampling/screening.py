"""A force field whose charges are scaled inside the molecule, as a solvent screens them."""

from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.export.calculator import HybridFFCalculator, MoleculeCalculator
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.nonbonded import all_pairs
from hybridff.units import COULOMB


class ScreenedCalculator(MoleculeCalculator):
    """A force field in which all charges are multiplied by a factor below one, against the collapse of ions in vacuum.

    Each pair keeps the share of its Coulomb energy that the starting force field gives it, none between atoms one or
    two bonds apart. Whatever a fit has put into other terms stays as it is.
    """

    def __init__(self, force_field: ForceField, factor: float, **options: Any) -> None:
        super().__init__(**options)
        self._inner = HybridFFCalculator(force_field)
        pairs = all_pairs(force_field.nonbonded)
        kept = pairs.charge_product != 0
        self._first, self._second = pairs.atoms[kept].T
        self._strength = COULOMB * (factor**2 - 1) * pairs.charge_product[kept]

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        self._inner.atoms = self.atoms
        energy, forces = self._inner.energy_forces(positions)
        apart = positions[self._first] - positions[self._second]
        distances = np.linalg.norm(apart, axis=1)
        pulls = (self._strength / distances**3)[:, None] * apart
        np.add.at(forces, self._first, pulls)
        np.add.at(forces, self._second, -pulls)
        return energy + float((self._strength / distances).sum()), forces
