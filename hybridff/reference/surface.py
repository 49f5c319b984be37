"""Geometries of a surface: which of them are one, and what relaxing them by another method would change."""

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float, Int

from hybridff.analysis.modes import hessian
from hybridff.export.ase_atoms import evaluator
from hybridff.units import ANGSTROM, FORCE_KCAL

SAME = 0.02 * ANGSTROM
"""Largest difference of sorted distances between atoms of the same elements that are one geometry [nm]."""
_STIFF = 5.0 * FORCE_KCAL / ANGSTROM
"""Least curvature that a step relaxes [kJ/mol/nm²]; softer modes are torsions, and the molecule as a whole."""


def first_alike(
    numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "frames atoms 3"]
) -> Int[np.ndarray, " frames"]:
    """The first of the frames that each is one with, but for equal atoms exchanged or a mirror image; in nm."""
    prints = np.array([fingerprint(numbers, frame) for frame in positions])
    return np.array([np.flatnonzero(np.abs(prints - own).max(1) < SAME)[0] for own in prints])


def fingerprint(
    numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, " pairs"]:
    """Distances [nm], sorted within each pair of elements: the same for mirror images and for equal atoms exchanged."""
    i, j = np.triu_indices(len(numbers), 1)
    distances = np.linalg.norm(positions[i] - positions[j], axis=-1)
    low, high = np.minimum(numbers[i], numbers[j]), np.maximum(numbers[i], numbers[j])
    return distances[np.lexsort((distances, high, low))]


def relaxation_gain(
    numbers: Int[np.ndarray, " atoms"],
    positions: Float[np.ndarray, "atoms 3"],
    forces: Float[np.ndarray, "atoms 3"],
    calculator: BaseCalculator,
) -> tuple[float, float]:
    """What a Newton step with a model's Hessian gains [kJ/mol], and the root mean square force before it [kJ/mol/nm].

    ``forces`` [kJ/mol/nm] are those of the method that would relax the ``positions`` [nm], which the model has relaxed.
    Along the direction of the model's own force, which is that of the torsions that are held, and along soft ones,
    nothing moves.
    """
    held = evaluator(numbers, calculator)(positions)[1].ravel()
    held /= max(np.linalg.norm(held), 1e-12)
    slope = forces.ravel() - held * (held @ forces.ravel())
    values, vectors = np.linalg.eigh(hessian(numbers, positions, calculator))
    stiff = values > _STIFF
    parts = vectors[:, stiff].T @ slope
    return float(0.5 * (parts**2 / values[stiff]).sum()), float(np.sqrt(np.mean(slope**2)))
