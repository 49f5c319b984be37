"""Normal modes: Hessians by central differences of forces, frequencies, and which mode is which."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy as np
from ase import units
from ase.build import minimize_rotation_and_translation
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii
from ase.optimize import BFGS
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from hybridff.analysis.minima import naming_alike
from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.units import EV, KCAL_MOL

STEP = 0.005
"""Displacement of the differences [Å]."""
LARGEST_FORCE = 1e-4
"""Of a relaxed geometry [eV/Å]."""
_MOST_STEPS = 2000
_SOFTEST, _STIFFEST = 200.0, 6000.0
"""The highest frequency of any molecule lies between [1/cm]."""
_LINEAR = 1e-3
"""Least moment of inertia of a molecule that turns about three axes, over the largest."""
_PER_CM = np.sqrt(units._e / units._amu) * 1e10 / (2 * np.pi * units._c * 100)
"""Wave number [1/cm] of the root of an eigenvalue in eV/(Å² dalton)."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Of a molecule at a minimum, without translations and rotations."""

    frequencies: Float[np.ndarray, " modes"]
    """Ascending [1/cm]; imaginary ones are negative."""
    vectors: Float[np.ndarray, "modes coordinates"]
    """Mass-weighted and orthonormal."""
    positions: Float[np.ndarray, "atoms 3"]
    """[Å]"""


def relaxed(atoms: ase.Atoms, calculator: BaseCalculator) -> ase.Atoms:
    """The minimum next to some atoms, laid upon them.

    Raises ``InputError`` where the search does not end.
    """
    found = atoms.copy()
    found.calc = calculator
    if not BFGS(found, logfile=None).run(fmax=LARGEST_FORCE, steps=_MOST_STEPS):
        raise InputError(f"no minimum was found in {_MOST_STEPS} steps; begin nearer to one.")
    minimize_rotation_and_translation(atoms, found)
    return found


def hessian(atoms: ase.Atoms, calculator: BaseCalculator, step: float = STEP) -> Float[np.ndarray, "n n"]:
    """Second derivatives of the energy [eV/Å²], by central differences of forces."""
    moved = atoms.copy()
    moved.calc = calculator
    flat = atoms.positions.ravel()
    rows = []
    for i in range(len(flat)):
        forces = []
        for sign in (1, -1):
            positions = flat.copy()
            positions[i] += sign * step
            moved.positions = positions.reshape(-1, 3)
            forces.append(moved.get_forces().ravel())
        rows.append((forces[1] - forces[0]) / (2 * step))
    found = np.array(rows)
    return (found + found.T) / 2


def modes(atoms: ase.Atoms, second: Float[np.ndarray, "n n"]) -> Modes:
    """Normal modes of a Hessian [eV/Å²], translations and rotations projected out."""
    roots = np.repeat(np.sqrt(atoms.get_masses()), 3)
    inner = _inner(atoms)
    values, vectors = np.linalg.eigh(inner @ (second / np.outer(roots, roots)) @ inner.T)
    frequencies = np.sign(values) * np.sqrt(np.abs(values)) * _PER_CM
    return Modes(frequencies, vectors.T @ inner, atoms.positions.copy())


def modes_of(atoms: ase.Atoms, calculator: BaseCalculator) -> Modes:
    """Of the minimum next to some atoms."""
    found = relaxed(atoms, calculator)
    return modes(found, hessian(found, calculator))


def matching(reference: Modes, other: Modes) -> Int[np.ndarray, " modes"]:
    """The mode of ``other`` that each of the reference's is, by the largest sum of squared overlaps."""
    overlap = (reference.vectors @ other.vectors.T) ** 2
    return linear_sum_assignment(-overlap)[1]


def _inner(atoms: ase.Atoms) -> Float[np.ndarray, "modes n"]:
    """Orthonormal mass-weighted directions that neither move nor turn the molecule."""
    masses = atoms.get_masses()
    centred = atoms.positions - atoms.get_center_of_mass()
    moments = atoms.get_moments_of_inertia()
    outer = [np.outer(np.sqrt(masses), axis).ravel() for axis in np.eye(3)]
    outer += [(np.sqrt(masses)[:, None] * np.cross(axis, centred)).ravel() for axis in np.eye(3)]
    n_outer = 3 if len(atoms) == 1 else 5 if moments.min() < _LINEAR * moments.max() else 6
    directions, _, _ = np.linalg.svd(np.array(outer).T, full_matrices=True)
    return directions[:, n_outer:].T


def read_reference(path: str | Path, molecule: Molecule) -> tuple[ase.Atoms, Float[np.ndarray, "n n"]]:
    """A minimum and its Hessian [eV/Å²], from an npz file with ``z``, ``R`` [Å] and ``hessian`` [kcal/mol/Å²].

    Equal atoms are named as in the molecule's own positions: see ``minima.handed_alike``.

    Raises ``InputError`` for anything else, and for another molecule or order of atoms.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}, which is to hold a minimum and its Hessian.")
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            numbers = np.asarray(file["z"]).astype(np.int64).ravel()
            positions, second = (np.asarray(file[key]).astype(np.float64) for key in ("R", "hessian"))
    except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no file with z, R and hessian ({error}).") from None
    n, finite = len(numbers), bool(np.isfinite(positions).all() and np.isfinite(second).all())
    if positions.shape != (n, 3) or second.shape != (3 * n, 3 * n) or not finite:
        raise InputError(
            f"{path}: R has the shape {positions.shape} and hessian {second.shape}; {n} atoms need ({n}, 3) and "
            f"({3 * n}, {3 * n}), of finite numbers."
        )
    check_same_elements(molecule, numbers, str(path))
    atoms, second = ase.Atoms(numbers, positions), (second + second.T) / 2 * (KCAL_MOL / EV)
    _check_bonds(atoms, molecule, path)
    found = modes(atoms, second).frequencies
    if found.min() < 0 or not _SOFTEST < found.max() < _STIFFEST:
        raise InputError(
            f"{path}: the frequencies of its Hessian are from {found.min():.0f} to {found.max():.0f} cm⁻¹, which no "
            "molecule has at a minimum; R has to be in Å and hessian in kcal/mol/Å²."
        )
    order = naming_alike(molecule, positions)
    blocks = second.reshape(n, 3, n, 3)[order][:, :, order]
    return atoms[order], blocks.reshape(3 * n, 3 * n)


def _check_bonds(atoms: ase.Atoms, molecule: Molecule, path: Path) -> None:
    for i, j in molecule.bonds.tolist():
        length, usual = atoms.get_distance(i, j), covalent_radii[atoms.numbers[[i, j]]].sum()
        if not 0.6 < length / usual < 1.6:
            raise InputError(
                f"{path}: {molecule.label(i)} and {molecule.label(j)} are bonded and {length:.2f} Å apart; R has to be "
                "in Å, its atoms in the order of the molecule."
            )
