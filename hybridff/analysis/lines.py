"""Energies along geometries that are the same for every method: a bond stretched, a normal mode, any frames."""

from dataclasses import dataclass

import ase
import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.modes import Modes
from hybridff.errors import InputError
from hybridff.export.calculator import energy_of
from hybridff.molecules.graph import far_side
from hybridff.molecules.molecule import Molecule
from hybridff.units import KCAL_MOL


@dataclass(frozen=True, eq=False)
class Line:
    """Geometries in order."""

    label: str
    """What changes, with its unit."""
    places: Float[np.ndarray, " frames"]
    """Its values."""
    positions: Float[np.ndarray, "frames atoms 3"]
    """[Å]"""


def stretched(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], bond: tuple[int, int], lengths: Float[np.ndarray, " n"]
) -> Line:
    """A bond at some lengths [Å], what is on the side of its second atom moved along as it is; ``positions`` in Å.

    Raises ``InputError`` for what is no bond, and for one in a ring.
    """
    i, j = bond
    bonds = {frozenset(pair) for pair in molecule.bonds.tolist()}
    if frozenset(bond) not in bonds:
        raise InputError(f"{molecule.label(i)} and {molecule.label(j)} are not bonded; give two atoms that are.")
    side = far_side(molecule, i, j)
    if i in side:
        raise InputError(f"the bond {molecule.label(i)}-{molecule.label(j)} is in a ring, which does not come apart.")
    way = positions[j] - positions[i]
    length = np.linalg.norm(way)
    frames = np.repeat(positions[None], len(lengths), axis=0)
    frames[:, side] += ((lengths - length)[:, None] * (way / length))[:, None]
    return Line(f"{molecule.label(i)}-{molecule.label(j)} [Å]", lengths, frames)


def displaced(modes: Modes, number: int, reach: float, points: int, masses: Float[np.ndarray, " atoms"]) -> Line:
    """Along a normal mode, counted from 0, to where the farthest atom has moved by ``reach`` [Å] either way."""
    way = (modes.vectors[number].reshape(-1, 3).T / np.sqrt(masses)).T
    way /= np.linalg.norm(way, axis=1).max()
    places = np.linspace(-reach, reach, points)
    label = f"mode {number + 1} at {modes.frequencies[number]:.0f} cm⁻¹, farthest atom [Å]"
    return Line(label, places, modes.positions + places[:, None, None] * way)


def energies_along(line: Line, numbers: np.ndarray, calculator: BaseCalculator) -> Float[np.ndarray, " frames"]:
    """Energies [kcal/mol] of a method at the geometries of a line."""
    atoms = ase.Atoms(numbers, line.positions[0])
    atoms.calc = calculator
    found = []
    for positions in line.positions:
        atoms.positions = positions
        found.append(energy_of(atoms) / KCAL_MOL)
    return np.array(found)


def off_by(energies: Float[np.ndarray, " frames"], reference: Float[np.ndarray, " frames"]) -> tuple[float, float]:
    """Mean and largest absolute difference, each less its value where the reference is lowest."""
    lowest = int(np.argmin(reference))
    off = np.abs((energies - energies[lowest]) - (reference - reference[lowest]))
    return float(off.mean()), float(off.max())
