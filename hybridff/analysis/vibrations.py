"""Vibrational density of states from dynamics at constant energy, and where bands of bond stretches lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.signal import get_window

from hybridff.analysis.trajectories import Trajectory
from hybridff.molecules.molecule import Molecule

_LIGHT = 0.0299792458
"""Speed of light [cm/ps]."""
STRETCH_LIMIT = 2000.0
"""Below it, motion along a bond to hydrogen is not its stretch [1/cm]."""
_HYDROGEN = 1


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Densities over wave numbers, each with an area of one."""

    wavenumbers: Float[np.ndarray, " n"]
    """[1/cm]"""
    density: Float[np.ndarray, " n"]
    """Of all atoms, weighted by their masses [cm]."""
    stretches: Mapping[str, Float[np.ndarray, " n"]]
    """Of the velocity along bonds to hydrogen, by the element that it is bonded to, such as "O-H" [cm]."""

    def band(self, name: str) -> float:
        """Mean wave number of a stretch above 2000/cm, weighted by its density [1/cm]."""
        high = self.wavenumbers > STRETCH_LIMIT
        weights = self.stretches[name][high]
        return float((self.wavenumbers[high] * weights).sum() / weights.sum())


def spectrum(trajectory: Trajectory, molecule: Molecule, masses: Float[np.ndarray, " atoms"], step: float) -> Spectrum:
    """Power spectrum of velocities, which is the Fourier transform of their autocorrelation (Wiener, Khinchin).

    ``step`` is the time step [ps] of the leap-frog that made the trajectory, whose frequencies ω' are too high; they
    are put back to ω = 2/step sin(ω' step/2), exact for harmonic motion.

    Raises ``ValueError`` for a trajectory without velocities.
    """
    if trajectory.velocities is None:
        raise ValueError("a spectrum needs a trajectory at constant energy")
    n_frames = len(trajectory.velocities)
    angular = 2 * np.pi * np.fft.rfftfreq(2 * n_frames, trajectory.every)
    kept = angular * step < np.pi
    wavenumbers = (2 / step * np.sin(angular[kept] * step / 2)) / (2 * np.pi * _LIGHT)

    def density(signals: Float[np.ndarray, "frames signals"]) -> Float[np.ndarray, " n"]:
        window = get_window("hann", n_frames)[:, None]
        power = (np.abs(np.fft.rfft(signals * window, 2 * n_frames, axis=0)) ** 2).sum(1)[kept]
        return power / np.trapezoid(power, wavenumbers)

    weighted = trajectory.velocities * np.sqrt(masses)[:, None]
    stretches = {name: density(_along(trajectory, bonds)) for name, bonds in stretching_bonds(molecule).items()}
    return Spectrum(wavenumbers, density(weighted.reshape(n_frames, -1)), stretches)


def stretching_bonds(molecule: Molecule) -> dict[str, list[tuple[int, int]]]:
    """Bonds to hydrogen by the element at their other end."""
    found: dict[str, list[tuple[int, int]]] = {}
    for i, j in molecule.bonds.tolist():
        ends = sorted((i, j), key=lambda atom: int(molecule.numbers[atom]))
        if molecule.numbers[ends[0]] == _HYDROGEN:
            found.setdefault(f"{molecule.symbols[ends[1]]}-H", []).append((i, j))
    return found


def mean_spectrum(spectra: Sequence[Spectrum]) -> Spectrum:
    """Of runs that are alike."""
    first = spectra[0]
    stretches = {name: np.mean([own.stretches[name] for own in spectra], axis=0) for name in first.stretches}
    return Spectrum(first.wavenumbers, np.mean([own.density for own in spectra], axis=0), stretches)


def smooth(spectrum: Spectrum, width: float) -> Float[np.ndarray, " n"]:
    """The density of all atoms, folded with a Gaussian of standard deviation ``width`` [1/cm], for pictures."""
    spacing = float(np.median(np.diff(spectrum.wavenumbers)))
    places = np.arange(-4 * width, 4 * width + spacing / 2, spacing)
    kernel = np.exp(-0.5 * (places / width) ** 2)
    return np.convolve(spectrum.density, kernel / kernel.sum(), mode="same")


def _along(trajectory: Trajectory, bonds: Sequence[tuple[int, int]]) -> Float[np.ndarray, "frames bonds"]:
    """Relative velocity of two atoms along the line between them."""
    assert trajectory.velocities is not None
    i, j = np.array(bonds).T
    apart = trajectory.positions[:, j] - trajectory.positions[:, i]
    apart /= np.linalg.norm(apart, axis=-1, keepdims=True)
    return ((trajectory.velocities[:, j] - trajectory.velocities[:, i]) * apart).sum(-1)
