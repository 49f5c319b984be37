"""Energies and forces by GFN1-xTB and GFN2-xTB, from the program tblite.

S. Grimme, C. Bannwarth, P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017); C. Bannwarth, S. Ehlert, S. Grimme, ibid.
15, 1652 (2019); ALPB: S. Ehlert, M. Stahn, S. Spicher, S. Grimme, ibid. 17, 4250 (2021). Needs the extra
``hybridff[reference]``.
"""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float

from hybridff.analysis.programs import XTB_NAMES
from hybridff.errors import InputError, MissingProgramError
from hybridff.reference.level import Labeller, Species, with_version
from hybridff.units import BOHR, HARTREE

_CAREFUL = {"max-iter": 2000, "mixer-damping": 0.1}
"""How the equations are solved in a second attempt: in many small steps; the electronic temperature stays."""


def xtb_is_there() -> bool:
    """Whether the program is installed."""
    return find_spec("tblite") is not None


@dataclass(frozen=True)
class XTBLevel:
    """GFN1-xTB or GFN2-xTB for closed shells; ``name`` is a key of ``XTB_NAMES``.

    Raises ``MissingProgramError`` without tblite.
    """

    name: str
    solvent: str = ""
    """Solvent of the ALPB model, by tblite's name; nothing for the gas phase."""

    def __post_init__(self) -> None:
        if not xtb_is_there():
            raise MissingProgramError(f"{self.name} needs tblite: pip install hybridff[reference].")

    @property
    def settings(self) -> str:
        """The level in words."""
        return XTB_NAMES[self.name] + (f" in {self.solvent} by ALPB" if self.solvent else "")

    @property
    def theory(self) -> str:
        """The level in words, with the version of the program."""
        return with_version(self.settings, f"tblite {version('tblite')}")

    def prepared(self, species: Species) -> Labeller:
        """What labels geometries of a species; raises ``InputError`` for elements or a solvent that the level lacks."""
        far = np.arange(3.0 * len(species.numbers)).reshape(-1, 3)  # nm; only elements are looked at
        first = self._calculator(species, far)

        def label(
            positions: Float[np.ndarray, "atoms 3"], /, *, careful: bool = False
        ) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
            calculator = self._calculator(species, positions) if careful else first
            for name, value in _CAREFUL.items() if careful else ():
                calculator.set(name, value)
            calculator.update(positions / BOHR)
            found = calculator.singlepoint()
            return float(found.get("energy")) * HARTREE, -found.get("gradient") * (HARTREE / BOHR)

        return label

    def _calculator(self, species: Species, positions: Float[np.ndarray, "atoms 3"]) -> Any:
        """The program's own calculator."""
        from tblite.interface import Calculator

        try:
            made = Calculator(XTB_NAMES[self.name], species.numbers, positions / BOHR, species.charge)
            if self.solvent:
                made.add("alpb-solvation", self.solvent)
        except RuntimeError as error:
            raise InputError(f"{self.name} cannot compute {species.name}: {error} Take another level.") from None
        made.set("verbosity", 0)
        return made
