"""Geometries drawn along normal modes with the amplitudes of a temperature."""

import numpy as np
from ase.calculators.calculator import BaseCalculator, CalculationFailed
from jaxtyping import Float

from hybridff.analysis.modes import PER_CM, Modes, hessian, normal_modes
from hybridff.export.ase_atoms import atomic_weights
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent
from hybridff.units import BOLTZMANN

_SOFTEST = 300.0
"""Wave number of the softest mode [1/cm]; softer ones, torsions, which no straight line follows, move as far as it."""
_EACH = 10
"""Geometries from the modes of one minimum, at least, where as many are wanted."""


def normal_mode_geometries(
    molecule: Molecule,
    calculator: BaseCalculator,
    minima: Float[np.ndarray, "minima atoms 3"],
    wanted: int,
    temperature: float,
    seed: int = 0,
    *,
    progress: Progress = silent,
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] with every normal mode of a minimum as far out as at a temperature [K]; deterministic for a seed.

    They are spread evenly over some of the minima [nm] of the method, whose Hessians are made by differences: that of n
    atoms takes 6n evaluations of energy and forces. A minimum where one of these fails is left out.
    """
    n_minima = min(len(minima), max(1, wanted // _EACH))
    found, random = [], np.random.default_rng(seed)
    for number, row in enumerate(np.linspace(0, len(minima) - 1, n_minima).astype(int)):
        try:
            second = hessian(molecule.numbers, minima[row], calculator)
        except CalculationFailed:
            continue
        modes = normal_modes(molecule.numbers, minima[row], second)
        count = wanted // n_minima + (1 if number < wanted % n_minima else 0)
        found.append(thermal_geometries(modes, molecule.numbers, count, temperature, random))
        progress((number + 1) / n_minima)
    return np.concatenate(found) if found else minima[:0]


def thermal_geometries(
    modes: Modes, numbers: np.ndarray, wanted: int, temperature: float, random: np.random.Generator
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] of classical harmonic vibrations at a temperature [K].

    The mass-weighted coordinate of a mode of angular frequency ω has the variance kT/ω², where ω is at least that of
    300/cm, and so is that of modes with imaginary frequencies.
    """
    angular = np.maximum(modes.frequencies, _SOFTEST) / PER_CM
    coordinates = random.normal(size=(wanted, len(angular))) * np.sqrt(BOLTZMANN * temperature) / angular
    shifts = (coordinates @ modes.vectors).reshape(wanted, -1, 3) / np.sqrt(atomic_weights(numbers))[:, None]
    return modes.positions + shifts
