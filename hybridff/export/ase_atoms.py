"""ASE's atoms, calculators and searches in our units: nm, kJ/mol and rad go in and come out, whatever ASE counts in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from ase.build import minimize_rotation_and_translation
from ase.calculators.calculator import BaseCalculator, CalculationFailed
from ase.constraints import FixInternals
from ase.data import atomic_masses, covalent_radii
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from jaxtyping import Float

from hybridff.export.calculator import MoleculeCalculator, energy_of
from hybridff.progress import Progress, silent
from hybridff.units import ANGSTROM, DEGREE, EV

FORCE_EV = EV / ANGSTROM
"""1 eV/Å in kJ/mol/nm."""
Evaluator = Callable[[Float[np.ndarray, "atoms 3"]], tuple[float, Float[np.ndarray, "atoms 3"]]]
"""Gives the energy [kJ/mol] and the forces [kJ/mol/nm] at positions [nm]."""
Turn = Sequence[tuple[tuple[int, int, int, int], float]]
"""Torsions and the angle of each [rad]."""


@dataclass(frozen=True)
class Relaxation:
    """How far and how fast a search for a minimum goes."""

    largest_force: float
    """Largest force on an atom at the end [kJ/mol/nm]."""
    most_steps: int
    """Steps after which the search is given up."""
    longest_step: float = 0.02
    """How far an atom moves in a step, at most [nm]."""


@dataclass(frozen=True, eq=False)
class Band:
    """Geometries between two others, where the forces across their path have vanished or not."""

    positions: Float[np.ndarray, "images atoms 3"]
    """Geometries in order, with both ends [nm]."""
    energies: Float[np.ndarray, " images"]
    """Their energies [kJ/mol]."""
    settled: bool
    """Whether the search came to its end."""


def atoms_at(
    numbers: np.ndarray, positions: Float[np.ndarray, "atoms 3"], calculator: BaseCalculator | None = None
) -> ase.Atoms:
    """ASE's atoms at positions [nm]."""
    return ase.Atoms(numbers, positions / ANGSTROM, calculator=calculator)


def atomic_weights(numbers: np.ndarray) -> Float[np.ndarray, " atoms"]:
    """Standard atomic masses of elements [Da]."""
    return atomic_masses[numbers]


def covalent_length(one: int, other: int) -> float:
    """Sum of the covalent radii of two elements [nm]."""
    return float(covalent_radii[[one, other]].sum()) * ANGSTROM


def evaluator(numbers: np.ndarray, calculator: BaseCalculator) -> Evaluator:
    """A calculator of ASE as a function in our units; calculators of ours compute in these anyway."""
    atoms = atoms_at(numbers, np.zeros((len(numbers), 3)))
    atoms.calc = calculator

    def evaluate(positions: Float[np.ndarray, "atoms 3"]) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
        atoms.positions = positions / ANGSTROM
        if isinstance(calculator, MoleculeCalculator):
            calculator.atoms, calculator.results = atoms, {}  # what ASE has of it belongs to other positions
            return calculator.energy_forces(np.ascontiguousarray(positions))
        forces = atoms.get_forces() * FORCE_EV
        return energy_of(atoms), forces

    return evaluate


def energies_at(
    numbers: np.ndarray, frames: Float[np.ndarray, "frames atoms 3"], calculator: BaseCalculator
) -> Float[np.ndarray, " frames"]:
    """Energies [kJ/mol] of frames [nm]; no forces are asked for."""
    atoms = atoms_at(numbers, frames[0])
    atoms.calc = calculator
    found = []
    for positions in frames:
        atoms.positions = positions / ANGSTROM
        found.append(energy_of(atoms))
    return np.array(found)


def relaxed_positions(
    numbers: np.ndarray, begin: Float[np.ndarray, "atoms 3"], calculator: BaseCalculator, how: Relaxation
) -> tuple[Float[np.ndarray, "atoms 3"], float] | None:
    """The minimum next to some positions [nm] and its energy [kJ/mol]; None where the search does not end.

    By ASE's BFGS, whose steps are short: OpenMM's minimiser begins with one so long that quantum chemistry fails.
    """
    return _ended(atoms_at(numbers, begin, calculator), how)


def relaxed_but_torsions(
    numbers: np.ndarray,
    begin: Float[np.ndarray, "atoms 3"],
    calculator: BaseCalculator,
    how: Relaxation,
    held: Turn,
) -> tuple[Float[np.ndarray, "atoms 3"], float] | None:
    """As ``relaxed_positions``, with torsions held at the angles that they have; None where they cannot be held."""
    atoms = atoms_at(numbers, begin, calculator)
    dihedrals = [[angle / DEGREE, list(torsion)] for torsion, angle in held]
    atoms.set_constraint(FixInternals(dihedrals_deg=dihedrals, epsilon=1e-6))
    try:
        return _ended(atoms, how)
    except (ValueError, ZeroDivisionError):  # of ASE, where the angles can no longer be held
        return None


def _ended(atoms: ase.Atoms, how: Relaxation) -> tuple[Float[np.ndarray, "atoms 3"], float] | None:
    search = BFGS(atoms, logfile=None, maxstep=how.longest_step / ANGSTROM)
    try:
        if not search.run(fmax=how.largest_force / FORCE_EV, steps=how.most_steps):
            return None
    except CalculationFailed:
        return None
    return atoms.positions * ANGSTROM, energy_of(atoms)


def superimposed(
    positions: Float[np.ndarray, "atoms 3"], target: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """A geometry moved and turned so that it is nearest to another, atom by atom [nm]."""
    atoms, other = (atoms_at(np.ones(len(own)), own) for own in (positions, target))
    minimize_rotation_and_translation(other, atoms)
    return atoms.positions * ANGSTROM


def turned(
    positions: Float[np.ndarray, "atoms 3"], torsion: tuple[int, int, int, int], angle: float, moved: Sequence[int]
) -> Float[np.ndarray, "atoms 3"]:
    """A geometry [nm] whose torsion has an angle [rad], only the atoms ``moved`` being turned."""
    atoms = atoms_at(np.ones(len(positions)), positions)
    atoms.set_dihedral(*torsion, angle / DEGREE, indices=list(moved))
    return atoms.positions * ANGSTROM


def elastic_band(
    ends: Sequence[Float[np.ndarray, "atoms 3"]],
    numbers: np.ndarray,
    calculator: BaseCalculator,
    n_images: int,
    how: Relaxation,
    progress: Progress = silent,
) -> Band:
    """The path between two minima [nm] by a nudged elastic band whose highest image climbs.

    G. Henkelman, B. P. Uberuaga, H. Jónsson, J. Chem. Phys. 113, 9901 (2000), as ASE has it; begun with an image
    dependent pair potential, S. Smidstrup et al., J. Chem. Phys. 140, 214106 (2014).
    """
    first, last = (atoms_at(numbers, own) for own in ends)
    images = [first, *(first.copy() for _ in range(n_images - 2)), last]
    options: dict[str, Any] = {"climb": True, "method": "improvedtangent", "remove_rotation_and_translation": True}
    band = NEB(images, allow_shared_calculator=True, **options)
    band.interpolate(method="idpp")
    for image in images:
        image.calc = calculator
    search, settled = FIRE(band, logfile=None), False
    for number, settled in enumerate(search.irun(fmax=how.largest_force / FORCE_EV, steps=how.most_steps)):  # noqa: B007 (the last counts)
        progress(min(1.0, number / how.most_steps))
    energies = np.array([energy_of(image) for image in images])
    return Band(np.array([image.positions for image in images]) * ANGSTROM, energies, bool(settled))
