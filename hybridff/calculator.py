"""A model as a calculator of ASE, and so for whatever talks to ASE, such as i-PI."""

from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from hybridff.errors import InputError
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.modelfile import Model, force_field_of
from hybridff.units import ANGSTROM, EV


class HybridFFCalculator(Calculator):  # type: ignore[misc]
    """Energy [eV] and forces [eV/Å] of the isolated molecule, its atoms in the order of the model's; cells are ignored.

    Raises ``InputError`` for atoms of another molecule.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE's own way)

    def __init__(self, model: Model, **options: Any) -> None:
        super().__init__(**options)
        model = force_field_of(model)
        self._numbers, self._name = model.molecule.numbers, model.molecule.name
        self._terms = CompiledEnergy(model.table, model.parameter_table.values).into
        self._corrections = [correction.compiled() for correction in model.corrections]

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: tuple[str, ...] | list[str] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """What ASE calls."""
        super().calculate(atoms, properties, system_changes)
        if not np.array_equal(self.atoms.numbers, self._numbers):
            raise InputError(
                f"the model is of {self._name}, and the atoms are {self.atoms.get_chemical_formula()} in another order "
                "or of another molecule; give them in the order of the model."
            )
        positions = np.ascontiguousarray(self.atoms.positions * ANGSTROM)
        forces = np.empty_like(positions)
        energy = self._terms(positions, forces)
        for add in self._corrections:
            energy += add(positions, forces)
        self.results = {
            "energy": energy / EV,
            "free_energy": energy / EV,
            "forces": forces / (EV / ANGSTROM),
        }
