"""Lowest minima of a molecule by a level of theory, and the file that keeps them while they are found."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from jaxtyping import Float, Int
from openmm import unit

from hybridff.analysis.minima import matching_chirality
from hybridff.analysis.populations import basins_of, distinguishing_rotors, nearest
from hybridff.analysis.torsions import Torsion, angles_of
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atoms_at
from hybridff.export.context import new_context
from hybridff.export.routes import best_route, to_openmm
from hybridff.foreign import read_json, reading
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule
from hybridff.output import new_file
from hybridff.progress import Say, quiet
from hybridff.units import ANGSTROM, EV, FORCE_KCAL, KCAL_MOL

LARGEST_FORCE = 0.2 * FORCE_KCAL
"""Largest force of a relaxed geometry [kJ/mol/nm]."""
_STEPS = 100
"""Steps of a relaxation, at most."""


@dataclass(frozen=True, eq=False)
class ReferenceMinima:
    """Minima of a level of theory, lowest first."""

    molecule: Molecule
    """The molecule, by whose names of equal atoms the minima are given."""
    theory: str
    """The level in words."""
    positions: Float[np.ndarray, "minima atoms 3"]
    """Positions [nm]."""
    heights: Float[np.ndarray, " minima"]
    """Energies above the lowest [kJ/mol]."""

    @property
    def rotors(self) -> list[Torsion]:
        """Torsions that tell the minima apart."""
        return distinguishing_rotors(self.molecule)

    def nearest(self, torsions: Float[np.ndarray, "frames rotors"]) -> Int[np.ndarray, " frames"]:
        """The minimum that each frame belongs to, by its torsions [rad]."""
        return nearest(torsions, basins_of(self.molecule, self.positions, self.rotors))

    def shares(self, torsions: Float[np.ndarray, "frames rotors"]) -> Float[np.ndarray, " minima"]:
        """Which share of frames belongs to each minimum."""
        return np.bincount(self.nearest(torsions), minlength=len(self.heights)) / max(1, len(torsions))

    def relaxed(self, force_field: ForceField) -> Iterator[tuple[float, int]]:
        """Energy of the minimum that a force field has near each of these [kJ/mol], and which one of them that is."""
        context = new_context(
            to_openmm(force_field, best_route(force_field, "Reference")), openmm.VerletIntegrator(0.001)
        )
        for positions in self.positions:
            context.setPositions(positions)
            openmm.LocalEnergyMinimizer.minimize(context, 0.1, 10000)
            state = context.getState(getEnergy=True, getPositions=True)
            frame = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
            place = int(self.nearest(angles_of(frame[None], self.rotors))[0])
            yield state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), place


def read_minima(molecule: Molecule, path: Path, most: int) -> ReferenceMinima:
    """The lowest minima of a file of ``write_minima``, at most so many.

    Raises ``InputError`` where there is no such file.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path} of minima; scripts/make_minima.py makes it.")
    content = read_json(path, "a file of minima", "make it again by scripts/make_minima.py")
    with reading(path, "a file of minima", "make it again by scripts/make_minima.py"):
        chosen, theory = content["minima"][:most], str(content["theory"])
        energies = np.array([float(minimum["energy"]) for minimum in chosen]) * KCAL_MOL
        shape = (len(molecule.numbers), 3)
        raw = [np.array(own["positions"], dtype=float).reshape(shape) * ANGSTROM for own in chosen]
        energies -= energies[0]
    positions = np.array([matching_chirality(molecule, one) for one in raw])
    return ReferenceMinima(molecule, theory, positions, energies)


def write_minima(path: Path, name: str, theory: str, minima: list[dict[str, Any]]) -> None:
    """Write minima of a set of frames: energies [kcal/mol] and positions [Å], in the file's units, lowest first."""
    whole = {"set": name, "theory": theory, "minima": minima}
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as part:
        part.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def relaxed_minimum(
    numbers: np.ndarray,
    guess: Float[np.ndarray, "atoms 3"],
    calculator: BaseCalculator,
    curvature: Float[np.ndarray, "n n"],
    *,
    name: str = "the minimum",
    say: Say = quiet,
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kJ/mol] and positions [nm] of the minimum of a calculator of ASE next to a guess [nm].

    The relaxation begins with a ``curvature`` [kJ/mol/nm²], so that it takes few steps, and says each under a ``name``.
    Raises ``InputError`` where it does not end.
    """
    atoms = atoms_at(numbers, guess, calculator)
    optimiser = BFGS(atoms, logfile=None, maxstep=0.1)
    optimiser.H0 = curvature / (EV / ANGSTROM**2)
    force = np.inf
    for _ in optimiser.irun(fmax=LARGEST_FORCE / (EV / ANGSTROM), steps=_STEPS):
        force = float(np.linalg.norm(atoms.get_forces(), axis=1).max()) * (EV / ANGSTROM)
        energy = atoms.get_potential_energy() * EV / KCAL_MOL
        say(f"{name}: {energy:.4f} kcal/mol, {force / FORCE_KCAL:.2f} kcal/mol/Å")
    if force > LARGEST_FORCE:
        raise InputError(f"{name} is not relaxed after {_STEPS} steps.")
    return atoms.get_potential_energy() * EV, atoms.positions * ANGSTROM
