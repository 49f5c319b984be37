"""A level of theory as a calculator of ASE, for searches and dynamics."""

from typing import Any

import numpy as np
from ase.calculators.calculator import CalculationFailed
from jaxtyping import Float

from hybridff.errors import MissingProgramError
from hybridff.export.calculator import MoleculeCalculator
from hybridff.molecules.molecule import Molecule
from hybridff.reference.level import Level, Species, labeller_of


class LevelCalculator(MoleculeCalculator):
    """Energy [eV] and forces [eV/Å] of a molecule, its atoms in their order, at any level; cells are ignored.

    What fails is tried once more with care, and then raises ASE's ``CalculationFailed``. Made, it raises as
    ``labeller_of`` does.
    """

    def __init__(self, level: Level, molecule: Molecule, **options: Any) -> None:
        super().__init__(**options)
        self._label = labeller_of(level, Species.of(molecule))

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]."""
        failure = None
        for careful in (False, True):
            try:
                energy, forces = self._label(positions, careful=careful)
            except MissingProgramError:
                raise
            except Exception as error:  # noqa: BLE001 (programs raise what they like)
                failure = error
                continue
            if np.isfinite(energy) and np.isfinite(forces).all():
                return energy, forces
        words = "the energy or a force is no number" if failure is None else " ".join(str(failure).split())
        raise CalculationFailed(words) from failure
