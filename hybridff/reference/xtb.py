"""Energies and forces by GFN1-xTB and GFN2-xTB, from the program tblite.

S. Grimme, C. Bannwarth, P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017); C. Bannwarth, S. Ehlert, S. Grimme, ibid.
15, 1652 (2019). Needs the extra ``hybridff[reference]``.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from hybridff.analysis.methods import XTB_NAMES
from hybridff.cache import cached_arrays
from hybridff.errors import InputError, MissingProgramError
from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent
from hybridff.units import BOHR, HARTREE

_TOGETHER = 25
"""Frames that are kept in one file of the cache, so that what was stopped goes on."""


def xtb_is_there() -> bool:
    """Whether the program is installed."""
    return find_spec("tblite") is not None


@dataclass(frozen=True)
class XTBLevel:
    """GFN1-xTB or GFN2-xTB for closed shells; ``name`` is a key of ``XTB_NAMES``.

    Raises ``MissingProgramError`` without tblite.
    """

    name: str

    def __post_init__(self) -> None:
        if not xtb_is_there():
            raise MissingProgramError(f"{self.name} needs tblite: pip install hybridff[reference].")

    @property
    def theory(self) -> str:
        """The level in words, with the version of the program."""
        return f"{XTB_NAMES[self.name]} (tblite {version('tblite')})"

    def frames(
        self, molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"], progress: Progress = silent
    ) -> Frames:
        """Positions [nm] with their energies and forces; those whose equations do not converge are left out.

        What is computed is kept in the cache as it is done. Raises ``InputError`` for elements that the level lacks.
        """
        parts = []
        for first in range(0, len(positions), _TOGETHER):
            some = positions[first : first + _TOGETHER]
            key = {
                "method": self.theory,
                "numbers": molecule.numbers.tolist(),
                "charge": molecule.charge,
                "positions": hashlib.sha256(np.ascontiguousarray(some).data).hexdigest(),
                "units": "kJ/mol, nm",
            }
            parts.append(cached_arrays(key, partial(self._labels, molecule, some)))
            progress(min(1.0, (first + len(some)) / len(positions)))
        energies = np.concatenate([part["energies"] for part in parts]) if parts else np.zeros(0)
        forces = np.concatenate([part["forces"] for part in parts]) if parts else np.zeros_like(positions)
        done = np.isfinite(energies)
        found = Frames(molecule.numbers, positions, energies, forces, name=molecule.name, theory=self.theory)
        return found.subset(done)

    def _labels(self, molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> dict[str, np.ndarray]:
        """Energies [kJ/mol] and forces [kJ/mol/nm]; not a number where the equations do not converge."""
        from tblite.interface import Calculator

        energies, forces = np.full(len(positions), np.nan), np.full(positions.shape, np.nan)
        try:
            calculator = Calculator(XTB_NAMES[self.name], molecule.numbers, positions[0] / BOHR, molecule.charge)
        except RuntimeError as error:
            raise InputError(f"{self.name} cannot compute {molecule.name}: {error} Take another level.") from None
        calculator.set("verbosity", 0)
        for i, own in enumerate(positions):
            try:
                calculator.update(own / BOHR)
                found = calculator.singlepoint()
            except RuntimeError:
                continue
            energies[i], forces[i] = found.get("energy") * HARTREE, -found.get("gradient") * (HARTREE / BOHR)
        return {"energies": energies, "forces": forces}
