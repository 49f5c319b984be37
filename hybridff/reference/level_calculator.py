"""A level of theory as a calculator of ASE, for searches and dynamics."""

from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from hybridff.errors import MissingProgramError
from hybridff.molecules.molecule import Molecule
from hybridff.reference.level import Level, Species, labeller_of
from hybridff.units import ANGSTROM, EV


class LevelCalculator(Calculator):  # type: ignore[misc]
    """Energy [eV] and forces [eV/Å] of a molecule, its atoms in their order, at any level; cells are ignored.

    What fails is tried once more with care, and then raises ASE's ``CalculationFailed``. Made, it raises as
    ``labeller_of`` does.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE's own way)

    def __init__(self, level: Level, molecule: Molecule, **options: Any) -> None:
        super().__init__(**options)
        self._label = labeller_of(level, Species.of(molecule))

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: tuple[str, ...] | list[str] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """What ASE calls."""
        super().calculate(atoms, properties, system_changes)
        positions, failure = self.atoms.positions * ANGSTROM, None
        for careful in (False, True):
            try:
                energy, forces = self._label(positions, careful=careful)
            except MissingProgramError:
                raise
            except Exception as error:  # noqa: BLE001 (programs raise what they like)
                failure = error
                continue
            if np.isfinite(energy) and np.isfinite(forces).all():
                self.results = {"energy": energy / EV, "free_energy": energy / EV, "forces": forces / (EV / ANGSTROM)}
                return
        words = "the energy or a force is no number" if failure is None else " ".join(str(failure).split())
        raise CalculationFailed(words) from failure
