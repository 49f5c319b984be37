"""Any calculator of ASE as a level of theory: Psi4, ORCA, xTB, networks and what users have written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import ase
import numpy as np
from jaxtyping import Float

from hybridff.analysis.programs import calculator_of_class
from hybridff.reference.level import Labeller, Species
from hybridff.units import ANGSTROM, EV


@dataclass(frozen=True)
class ASELevel:
    """The level of a calculator ``module:Class``, made with options.

    Where these have the text ``{charge}``, it becomes the charge of the molecule, as a number where it stands alone.
    """

    name: str
    """The class, as ``module:Class``."""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Arguments that the calculator is made with."""

    @property
    def settings(self) -> str:
        """The class and its options; versions of programs behind it are not known here."""
        return (
            f"{self.name} {json.dumps(dict(self.options), sort_keys=True, default=str)}" if self.options else self.name
        )

    @property
    def theory(self) -> str:
        """The same."""
        return self.settings

    def prepared(self, species: Species) -> Labeller:
        """What labels geometries of a species; a careful attempt is one by a new calculator."""
        options = {key: _with_charge(value, species.charge) for key, value in self.options.items()}
        first = calculator_of_class(self.name, options)

        def label(
            positions: Float[np.ndarray, "atoms 3"], /, *, careful: bool = False
        ) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
            own = calculator_of_class(self.name, options) if careful else first
            atoms = ase.Atoms(species.numbers, positions / ANGSTROM, calculator=own)
            forces = np.asarray(atoms.get_forces()) * (EV / ANGSTROM)
            return float(np.asarray(atoms.get_potential_energy()).item()) * EV, forces

        return label


def _with_charge(value: Any, charge: int) -> Any:
    """An option's value with the charge in it, where it asks for that."""
    if value == "{charge}":
        return charge
    if isinstance(value, str):
        return value.replace("{charge}", str(charge))
    if isinstance(value, dict):
        return {key: _with_charge(own, charge) for key, own in value.items()}
    return value
