"""Normal modes: Hessians by central differences of forces, frequencies, and which mode is which."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from hybridff.analysis.methods import running
from hybridff.analysis.minima import SAME_SHAPE, matching_atom_names, positions_of, rmsd
from hybridff.arrays import numbers_in, read_arrays
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import (
    FORCE_EV,
    Relaxation,
    atomic_weights,
    covalent_length,
    evaluator,
    relaxed_positions,
    superimposed,
)
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.plots.landscape import frequency_sticks
from hybridff.progress import Progress, silent
from hybridff.units import ANGSTROM, KCAL_MOL

STEP = 0.0005
"""Displacement of the differences [nm]."""
LARGEST_FORCE = 1e-4 * FORCE_EV
"""Largest force on an atom of a relaxed geometry [kJ/mol/nm]."""
HESSIAN_KCAL = KCAL_MOL / ANGSTROM**2
"""1 kcal/mol/Å² in kJ/mol/nm²."""
_MOST_STEPS = 2000
"""Steps of a relaxation, at most."""
_SOFTEST, _STIFFEST = 200.0, 6000.0
"""The highest frequency of any molecule lies between [1/cm]."""
_LINEAR = 1e-3
"""Least moment of inertia of a molecule that turns about three axes, over the largest."""
PER_CM = 1 / (2 * np.pi * 0.0299792458)
"""Wave number [1/cm] of an angular frequency of 1/ps, which is the root of 1 kJ/mol/(nm² Da); c is 0.02998 cm/ps."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Normal modes of a molecule at a minimum, without translations and rotations."""

    frequencies: Float[np.ndarray, " modes"]
    """Frequencies, ascending [1/cm]; imaginary ones are negative."""
    vectors: Float[np.ndarray, "modes coordinates"]
    """Mass-weighted directions, orthonormal."""
    positions: Float[np.ndarray, "atoms 3"]
    """Geometry of the minimum [nm]."""


@dataclass(frozen=True, eq=False)
class ModeComparison(Result):
    """Normal modes of several methods, each at its own minimum; those of the first tell which mode is which."""

    modes: Mapping[str, Modes]
    """Modes by the names of methods."""
    away: Mapping[str, float]
    """RMSD of each method's minimum from that of the first [nm]."""
    given: bool
    """Whether the first are those of a reference, which is no method here."""

    def columns(self) -> dict[str, Float[np.ndarray, " modes"]]:
        """Frequencies of each method [1/cm], each mode in the place of the first method's that it is."""
        first = next(iter(self.modes.values()))
        return {
            name: own.frequencies if own is first else own.frequencies[matching(first, own)]
            for name, own in self.modes.items()
        }

    def sentences(self) -> list[str]:
        """Notes on minima that differ, how far frequencies are off the first method's, and all of them [1/cm]."""
        columns = self.columns()
        first, *rest = columns
        found = []
        for name in rest if self.given else columns:
            away, lowest = self.away[name], self.modes[name].frequencies.min()
            if away > SAME_SHAPE:
                found.append(
                    f"Note: {name} relaxes to another conformer, {away / ANGSTROM:.2f} Å from that of {first}, with "
                    "other modes."
                )
            if lowest < 0:
                found.append(f"Note: {name} ends at no minimum; its lowest frequency is {-lowest:.0f}i cm⁻¹.")
        for name in rest:
            off = columns[name] - columns[first]
            worst = int(np.abs(off).argmax())
            found.append(
                f"{name}: frequencies off by {np.abs(off).mean():.1f} cm⁻¹ on average against {first}, at most by "
                f"{off[worst]:+.0f} (mode at {columns[first][worst]:.0f})"
            )
        short = [Path(name).name for name in ("mode", *columns)]
        width = max(10, *map(len, short))
        found.append(" ".join(f"{name:>{width}s}" for name in short))
        for number, row in enumerate(zip(*columns.values(), strict=True), start=1):
            found.append(" ".join([f"{number:{width}d}", *(f"{value:{width}.1f}" for value in row)]))
        return found

    def table(self) -> Table:
        """A row for each mode with its frequency by each method [1/cm]."""
        columns = self.columns()
        rows = enumerate(zip(*columns.values(), strict=True), start=1)
        return Table(
            ("mode", *columns), tuple((str(number), *(f"{value:.3f}" for value in row)) for number, row in rows)
        )

    def picture(self) -> bytes:
        """Frequencies as sticks, a row for each method."""
        return frequency_sticks(self.columns())


def compare_modes(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    *,
    reference: Mapping[str, Modes] | None = None,
    progress: Progress = silent,
) -> ModeComparison:
    """Normal modes of every method at its own minimum.

    All relax from the geometry of ``reference``, by its name; without one, the first from the molecule's own and the
    others from the first's minimum. Raises ``InputError`` where a method fails or finds no minimum.
    """
    found = dict(reference or {})
    begin = next(iter(found.values())).positions if found else positions_of(molecule)
    for number, (name, calculator) in enumerate(methods.items()):
        progress(number / len(methods), name)
        with running(name):
            found[name] = modes_of(molecule.numbers, begin, calculator)
        begin = next(iter(found.values())).positions
    first = next(iter(found.values()))
    away = {name: rmsd(molecule, own.positions, first.positions) for name, own in found.items()}
    return ModeComparison(found, away, bool(reference))


def nearest_minimum(
    numbers: np.ndarray, begin: Float[np.ndarray, "atoms 3"], calculator: BaseCalculator
) -> Float[np.ndarray, "atoms 3"]:
    """The minimum next to some positions, laid upon them [nm].

    Raises ``InputError`` where the search does not end.
    """
    found = relaxed_positions(numbers, begin, calculator, Relaxation(LARGEST_FORCE, _MOST_STEPS))
    if found is None:
        raise InputError(f"no minimum was found in {_MOST_STEPS} steps; begin nearer to one.")
    return superimposed(found[0], begin)


def hessian(
    numbers: np.ndarray, positions: Float[np.ndarray, "atoms 3"], calculator: BaseCalculator, step: float = STEP
) -> Float[np.ndarray, "n n"]:
    """Second derivatives of the energy [kJ/mol/nm²], by central differences of forces with a ``step`` [nm]."""
    evaluate, flat = evaluator(numbers, calculator), positions.ravel()
    rows = []
    for i in range(len(flat)):
        forces = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[i] += sign * step
            forces.append(evaluate(moved.reshape(-1, 3))[1].ravel())
        rows.append((forces[1] - forces[0]) / (2 * step))
    found = np.array(rows)
    return (found + found.T) / 2


def normal_modes(
    numbers: np.ndarray, positions: Float[np.ndarray, "atoms 3"], second: Float[np.ndarray, "n n"]
) -> Modes:
    """Normal modes of a Hessian [kJ/mol/nm²] at positions [nm], translations and rotations projected out."""
    roots = np.repeat(np.sqrt(atomic_weights(numbers)), 3)
    inner = _inner(atomic_weights(numbers), positions)
    values, vectors = np.linalg.eigh(inner @ (second / np.outer(roots, roots)) @ inner.T)
    frequencies = np.sign(values) * np.sqrt(np.abs(values)) * PER_CM
    return Modes(frequencies, vectors.T @ inner, positions.copy())


def modes_of(numbers: np.ndarray, begin: Float[np.ndarray, "atoms 3"], calculator: BaseCalculator) -> Modes:
    """Normal modes of a method at its minimum next to some positions [nm]."""
    found = nearest_minimum(numbers, begin, calculator)
    return normal_modes(numbers, found, hessian(numbers, found, calculator))


def matching(reference: Modes, other: Modes) -> Int[np.ndarray, " modes"]:
    """The mode of ``other`` that each of the reference's is, by the largest sum of squared overlaps."""
    overlap = (reference.vectors @ other.vectors.T) ** 2
    return linear_sum_assignment(-overlap)[1]


def _inner(
    masses: Float[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "modes n"]:
    """Orthonormal mass-weighted directions that neither move nor turn the molecule."""
    centred = positions - masses @ positions / masses.sum()
    inertia = (masses * (centred**2).sum(1)).sum() * np.eye(3) - (masses[:, None] * centred).T @ centred
    moments = np.linalg.eigvalsh(inertia)
    outer = [np.outer(np.sqrt(masses), axis).ravel() for axis in np.eye(3)]
    outer += [(np.sqrt(masses)[:, None] * np.cross(axis, centred)).ravel() for axis in np.eye(3)]
    n_outer = 3 if len(masses) == 1 else 5 if moments.min() < _LINEAR * moments.max() else 6
    directions, _, _ = np.linalg.svd(np.array(outer).T, full_matrices=True)
    return directions[:, n_outer:].T


def read_reference(
    path: str | Path, molecule: Molecule
) -> tuple[Float[np.ndarray, "atoms 3"], Float[np.ndarray, "n n"]]:
    """A minimum [nm] and its Hessian [kJ/mol/nm²] from an npz file: ``z``, ``R`` [Å] and ``hessian`` [kcal/mol/Å²].

    Equal atoms are named as in the molecule's own positions: see ``minima.matching_chirality``.

    Raises ``InputError`` for anything else, and for another molecule or order of atoms.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}, which is to hold a minimum and its Hessian.")
    arrays = read_arrays(path, ("z", "R", "hessian"))
    if missing := [key for key in ("z", "R", "hessian") if key not in arrays]:
        raise InputError(f"{path} is no file with z, R and hessian: it has no '{missing[0]}'.")
    numbers = numbers_in(path, {"z": arrays["z"].ravel()}, "z", (None,)).astype(np.int64)
    n = len(numbers)
    positions = numbers_in(path, arrays, "R", (n, 3)).astype(float)
    second = numbers_in(path, arrays, "hessian", (3 * n, 3 * n)).astype(float)
    check_same_elements(molecule, numbers, str(path))
    positions, second = positions * ANGSTROM, (second + second.T) / 2 * HESSIAN_KCAL
    _check_bonds(molecule, positions, path)
    found = normal_modes(numbers, positions, second).frequencies
    if found.min() < 0 or not _SOFTEST < found.max() < _STIFFEST:
        raise InputError(
            f"{path}: the frequencies of its Hessian are from {found.min():.0f} to {found.max():.0f} cm⁻¹, which no "
            "molecule has at a minimum; R has to be in Å and hessian in kcal/mol/Å²."
        )
    order = matching_atom_names(molecule, positions)
    blocks = second.reshape(n, 3, n, 3)[order][:, :, order]
    return positions[order], blocks.reshape(3 * n, 3 * n)


def _check_bonds(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], path: Path) -> None:
    for i, j in molecule.bonds.tolist():
        length = float(np.linalg.norm(positions[i] - positions[j]))
        if not 0.6 < length / covalent_length(*molecule.numbers[[i, j]].tolist()) < 1.6:
            raise InputError(
                f"{path}: {molecule.label(i)} and {molecule.label(j)} are bonded and {length / ANGSTROM:.2f} Å apart; "
                "R has to be in Å, its atoms in the order of the molecule."
            )
