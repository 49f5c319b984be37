"""Vibrational density of states from dynamics at constant energy, and where bands of bond stretches lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from scipy.signal import get_window

from hybridff.analysis.methods import leaving_out, running
from hybridff.analysis.minima import start_of
from hybridff.analysis.trajectories import STEP, Run, Trajectory, masses_of, system_of, trajectory
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.dynamics import parse_time
from hybridff.molecules.molecule import Molecule
from hybridff.plots.dynamics import Density, densities_of_states
from hybridff.progress import Progress, Say, part, quiet, silent

_LIGHT = 0.0299792458
"""Speed of light [cm/ps]."""
STRETCH_LIMIT = 2000.0
"""Wave number below which motion along a bond to hydrogen is not its stretch [1/cm]."""
_HYDROGEN = 1
_FRAME = 4 * STEP
"""Time from one frame of a trajectory to the next [ps]."""
_SMOOTH = 8.0
"""Width of the Gaussian that densities are folded with in pictures [1/cm]."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Densities over wave numbers, each with an area of one."""

    wavenumbers: Float[np.ndarray, " n"]
    """Wave numbers [1/cm]."""
    density: Float[np.ndarray, " n"]
    """Density of states of all atoms, weighted by their masses [cm]."""
    stretches: Mapping[str, Float[np.ndarray, " n"]]
    """Density of the velocity along bonds to hydrogen, by the bonded elements, such as "O-H" [cm]."""

    def band(self, name: str) -> float:
        """Mean wave number of a stretch above 2000/cm, weighted by its density [1/cm]."""
        high = self.wavenumbers > STRETCH_LIMIT
        weights = self.stretches[name][high]
        return float((self.wavenumbers[high] * weights).sum() / weights.sum())


@dataclass(frozen=True, kw_only=True)
class SpectrumOptions:
    """Which dynamics at constant energy spectra come from."""

    temperatures: tuple[float, ...] = (100.0, 200.0, 300.0, 400.0)
    """Temperatures of the dynamics [K]."""
    time: str = "20 ps"
    """Length of each run at constant energy."""
    runs: int = 4
    """Runs at each temperature, whose scatter gives the errors."""
    seed: int = 0
    """Seed of the first run at each temperature; the others count on."""

    def __post_init__(self) -> None:
        if self.runs < 1 or self.seed < 0:
            raise InputError("option runs has to be at least 1, and option seed at least 0.")
        self.plans()  # which checks temperatures and time

    def plans(self) -> list[Run]:
        """All runs, one temperature after the other."""
        time = parse_time(self.time, "the time")
        return [
            Run(temperature=kelvin, time=time, every=_FRAME, seed=self.seed + run, constant_energy=True)
            for kelvin in dict.fromkeys(self.temperatures)
            for run in range(self.runs)
        ]


@dataclass(frozen=True, eq=False)
class SpectrumComparison(Result):
    """Vibrational densities of states of several methods at several temperatures."""

    spectra: Mapping[str, Mapping[float, Sequence[Spectrum]]]
    """Spectra of runs by the names of methods and temperature [K]."""

    def means(self) -> dict[str, dict[float, Spectrum]]:
        """Mean spectra of all runs, by method and temperature [K]."""
        return {
            name: {kelvin: mean_spectrum(own) for kelvin, own in every.items()} for name, every in self.spectra.items()
        }

    def sentences(self) -> list[str]:
        """Where bands of bonds to hydrogen lie, with standard errors and the shift from the lowest temperature."""
        found = []
        for name, every in self.spectra.items():
            coldest = min(every)
            for kelvin, several in sorted(every.items()):
                cells = []
                for band in several[0].stretches:
                    here, cold = ([own.band(band) for own in every[key]] for key in (kelvin, coldest))
                    error = f" ± {np.std(here, ddof=1) / np.sqrt(len(here)):.1f}" if len(here) > 1 else ""
                    shift = "" if kelvin == coldest else f" ({np.mean(here) - np.mean(cold):+.1f})"
                    cells.append(f"{band} {np.mean(here):.1f}{error}{shift}")
                found.append(f"{name}, {kelvin:g} K: {', '.join(cells)} cm⁻¹")
        return found

    def table(self) -> Table:
        """A row for each wave number [1/cm]: density of states by each method at each temperature [cm]."""
        columns = {
            f"{name}, {kelvin:g} K [cm]": own for name, every in self.means().items() for kelvin, own in every.items()
        }
        axis = next(iter(columns.values())).wavenumbers
        densities = (own.density for own in columns.values())
        rows = (
            (f"{place:.2f}", *(f"{value:.4e}" for value in row)) for place, *row in zip(axis, *densities, strict=True)
        )
        return Table(("wave number [1/cm]", *columns), tuple(rows))

    def picture(self) -> bytes:
        """Densities of states, a panel for each method."""
        return densities_of_states(
            {
                name: {kelvin: Density(own.wavenumbers, smooth(own, _SMOOTH)) for kelvin, own in every.items()}
                for name, every in self.means().items()
            }
        )


def compare_spectra(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    options: SpectrumOptions,
    *,
    say: Say = quiet,
    progress: Progress = silent,
) -> SpectrumComparison:
    """Spectra of every method; one whose dynamics blow up is left out, and ``say`` says so.

    Raises ``InputError`` where no method comes to an end.
    """
    found: dict[str, dict[float, list[Spectrum]]] = {}
    for number, (name, calculator) in enumerate(methods.items()):
        tell = part(progress, number / len(methods), (number + 1) / len(methods), name)
        with running(name), leaving_out(name, say):
            found[name] = _spectra(molecule, calculator, options.plans(), tell)
    if not found:
        raise InputError("no method came to an end.")
    return SpectrumComparison(found)


def _spectra(
    molecule: Molecule, calculator: BaseCalculator, plans: Sequence[Run], progress: Progress
) -> dict[float, list[Spectrum]]:
    """Spectra of runs at each temperature [K]."""
    system, start = system_of(calculator, molecule), start_of(calculator, molecule)
    found: dict[float, list[Spectrum]] = {}
    for number, run in enumerate(plans):
        moved = trajectory(system, start, run, part(progress, number / len(plans), (number + 1) / len(plans)))
        found.setdefault(run.temperature, []).append(spectrum(moved, molecule, masses_of(system), run.step))
    return found


def spectrum(moved: Trajectory, molecule: Molecule, masses: Float[np.ndarray, " atoms"], step: float) -> Spectrum:
    """Power spectrum of velocities, which is the Fourier transform of their autocorrelation (Wiener, Khinchin).

    ``step`` is the time step [ps] of the leap-frog that made the trajectory, whose frequencies ω' are too high; they
    are put back to ω = 2/step sin(ω' step/2), exact for harmonic motion.

    Raises ``ValueError`` for a trajectory without velocities.
    """
    if moved.velocities is None:
        raise ValueError("a spectrum needs a trajectory at constant energy")
    n_frames = len(moved.velocities)
    angular = 2 * np.pi * np.fft.rfftfreq(2 * n_frames, moved.every)
    kept = angular * step < np.pi
    wavenumbers = (2 / step * np.sin(angular[kept] * step / 2)) / (2 * np.pi * _LIGHT)

    def density(signals: Float[np.ndarray, "frames signals"]) -> Float[np.ndarray, " n"]:
        window = get_window("hann", n_frames)[:, None]
        power = (np.abs(np.fft.rfft(signals * window, 2 * n_frames, axis=0)) ** 2).sum(1)[kept]
        return power / np.trapezoid(power, wavenumbers)

    weighted = moved.velocities * np.sqrt(masses)[:, None]
    stretches = {name: density(_along(moved, bonds)) for name, bonds in stretching_bonds(molecule).items()}
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
    """Mean of the spectra of runs that are alike."""
    first = spectra[0]
    stretches = {name: np.mean([own.stretches[name] for own in spectra], axis=0) for name in first.stretches}
    return Spectrum(first.wavenumbers, np.mean([own.density for own in spectra], axis=0), stretches)


def smooth(own: Spectrum, width: float) -> Float[np.ndarray, " n"]:
    """The density of all atoms, folded with a Gaussian of standard deviation ``width`` [1/cm], for pictures."""
    spacing = float(np.median(np.diff(own.wavenumbers)))
    places = np.arange(-4 * width, 4 * width + spacing / 2, spacing)
    kernel = np.exp(-0.5 * (places / width) ** 2)
    return np.convolve(own.density, kernel / kernel.sum(), mode="same")


def _along(moved: Trajectory, bonds: Sequence[tuple[int, int]]) -> Float[np.ndarray, "frames bonds"]:
    """Relative velocity of two atoms along the line between them."""
    assert moved.velocities is not None
    i, j = np.array(bonds).T
    apart = moved.positions[:, j] - moved.positions[:, i]
    apart /= np.linalg.norm(apart, axis=-1, keepdims=True)
    return ((moved.velocities[:, j] - moved.velocities[:, i]) * apart).sum(-1)
