"""Reference data of one molecule: positions, energies and forces; split, written, and joined to its molecule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.errors import InputError
from hybridff.frames.file_units import FileUnits
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.output import new_file
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

_FEWEST = 2
"""Frames that can be split."""


class Split(NamedTuple):
    """Disjoint rows of a data set; together they are all of it."""

    train: Int[np.ndarray, " train"]
    """Rows to fit to."""
    validation: Int[np.ndarray, " validation"]
    """Rows that choose between fits."""
    test: Int[np.ndarray, " test"]
    """Rows that nothing was fitted to."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Reference data of one molecule, in internal units.

    ``positions`` [nm], ``energies`` [kJ/mol], ``forces`` [kJ/mol/nm] or None where the file has energies only.
    ``file_units`` are those that the file's numbers were taken to be in, for messages; None where several files differ.
    """

    numbers: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "frames atoms 3"]
    energies: Float[np.ndarray, " frames"]
    forces: Float[np.ndarray, "frames atoms 3"] | None
    name: str = ""
    smiles: str | None = None
    theory: str = ""
    source: str = ""
    weights: Float[np.ndarray, " frames"] | None = None
    """How much the squared residuals of each frame count in a fit in closed form; None for all alike. Not written."""
    file_units: FileUnits | None = None
    notes: tuple[str, ...] = ()
    """What its reader has to say about the file, in sentences."""

    @property
    def roots_of_weights(self) -> Float[np.ndarray, " frames"] | None:
        """What residuals are multiplied by where they are squared; None for all alike."""
        return None if self.weights is None else np.sqrt(self.weights)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.energies)

    def subset(self, rows: Int[np.ndarray, " rows"] | Bool[np.ndarray, " frames"]) -> "Frames":
        """Frames of the given rows (indices or a mask), in that order."""
        return replace(
            self,
            positions=self.positions[rows],
            energies=self.energies[rows],
            forces=None if self.forces is None else self.forces[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def split(self, train: int, validation: int = 0, seed: int = 0) -> Split:
        """Random rows for training and validation, the rest for testing; the same for the same numbers and seed."""
        if train < 1 or validation < 0:
            raise InputError(f"a split needs at least 1 training frame, not {train} (and {validation} for validation).")
        if len(self) < _FEWEST:
            raise InputError(
                f"{self.name or 'the data'} has only {len(self)} usable frame{'s' if len(self) != 1 else ''}; a fit "
                "needs at least two, and some tens to be of use."
            )
        if train + validation > len(self):
            raise InputError(
                f"{train} training and {validation} validation frames are wanted but {self.name or 'the data'} has "
                f"only {len(self)} usable frames; ask for fewer."
            )
        order = np.random.default_rng(seed).permutation(len(self))
        return Split(order[:train], order[train : train + validation], order[train + validation :])

    def molecule(self, where: str = "") -> Molecule:
        """The molecule of the file's atom-mapped SMILES; messages name the data as ``where``."""
        where = where or self.name or "the data"
        if self.smiles is None:
            raise InputError(f"{where} carries no SMILES; give the molecule (SDF, MOL2 or SMILES).")
        if ":" not in self.smiles:
            raise InputError(
                f"the SMILES '{self.smiles}' of {where} has no atom map, so the order of its atoms is unknown; "
                "give the molecule as SDF, MOL2 or atom-mapped SMILES."
            )
        molecule = Molecule.from_smiles(self.smiles, self.name or None)
        check_same_elements(molecule, self.numbers, f"the atomic numbers of {where}")
        return molecule

    def write(self, path: str | Path) -> None:
        """Write an npz file that ``read_frames`` and sGDML's tools read; an old one is replaced when it is complete."""
        with new_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **self.arrays())

    def arrays(self) -> dict[str, Any]:
        """What a file holds: Å, kcal/mol and kcal/mol/Å, in sGDML's layout."""
        no_forces = np.empty((0, len(self.numbers), 3))
        arrays: dict[str, Any] = {
            "type": "d",
            "z": self.numbers.astype(np.int16),
            "R": self.positions / ANGSTROM,
            "E": self.energies / KCAL_MOL,
            "F": no_forces if self.forces is None else self.forces / FORCE_KCAL,
            "r_unit": "Ang",
            "e_unit": "kcal/mol",
            "name": self.name,
            "theory": self.theory,
            "source": self.source,
        }
        if self.smiles is not None:
            arrays["smiles"] = self.smiles
        return arrays


def joined(parts: Sequence[Frames]) -> Frames:
    """Frames of one molecule at one level, one after another; the rest is as in the first. Weights are left out."""
    first = parts[0]
    forces = [part.forces for part in parts if part.forces is not None]
    return replace(
        first,
        positions=np.concatenate([part.positions for part in parts]),
        energies=np.concatenate([part.energies for part in parts]),
        forces=np.concatenate(forces) if len(forces) == len(parts) else None,
        weights=None,
    )
