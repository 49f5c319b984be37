"""A model as a calculator of ASE, and so for whatever talks to ASE, such as i-PI."""

import abc
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.export.compiled import compile_model
from hybridff.export.modelfile import Model, force_field_of
from hybridff.units import ANGSTROM, EV


def energy_of(atoms: ase.Atoms) -> float:
    """Their energy by their calculator [kJ/mol]; some calculators, such as sgdml's, give an array of one."""
    return float(np.asarray(atoms.get_potential_energy()).item()) * EV


class MoleculeCalculator(Calculator, abc.ABC):  # type: ignore[misc]
    """Energy [eV] and forces [eV/Å] of an isolated molecule in our own units; cells are ignored."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ASE's own way)

    @abc.abstractmethod
    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm] at positions [nm]; ``self.atoms`` are ASE's."""

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: tuple[str, ...] | list[str] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """What ASE calls."""
        super().calculate(atoms, properties, system_changes)
        energy, forces = self.energy_forces(np.ascontiguousarray(self.atoms.positions * ANGSTROM))
        self.results = {
            "energy": energy / EV,
            "free_energy": energy / EV,
            "forces": forces / (EV / ANGSTROM),
        }


class HybridFFCalculator(MoleculeCalculator):
    """Energy [eV] and forces [eV/Å] of the isolated molecule, its atoms in the order of the model's; cells are ignored.

    Where there are kernels, equal atoms have to be named as in the training frames: a methyl group's hydrogens in the
    same sense of rotation. ``hybridff.analysis.minima.matching_chirality`` exchanges them so.

    Raises ``InputError`` for atoms of another molecule.
    """

    def __init__(self, model: Model, **options: Any) -> None:
        super().__init__(**options)
        self.model = model = force_field_of(model)
        self._compiled = compile_model(model)

    def energy_forces(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        """Energy [kJ/mol] and forces [kJ/mol/nm]."""
        if not np.array_equal(self.atoms.numbers, self.model.molecule.numbers):
            raise InputError(
                f"the model is of {self.model.molecule.name}, and the atoms are {self.atoms.get_chemical_formula()} in "
                "another order or of another molecule; give them in the order of the model."
            )
        forces = np.empty_like(positions)
        return self._compiled.evaluate(positions, forces), forces
