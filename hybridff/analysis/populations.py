"""Populations of basins and free energies along torsions, from thermal samples, with errors from independent runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hybridff.analysis.minima import Minimum, reached
from hybridff.analysis.sampling import Runs, mean_and_error
from hybridff.analysis.torsions import Torsion, angles_of
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.molecules.graph import chain_name
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import find_rotors
from hybridff.plots.dynamics import population_bars
from hybridff.plots.torsions import TorsionGrid, free_energies
from hybridff.units import BOLTZMANN, DEGREE, KCAL_MOL

Basin = Float[np.ndarray, "_ torsions"]
"""Torsions [rad] of a minimum: a row for each way to name equal atoms, and of its mirror image if dynamics reach it."""
_SAME = 6
"""Decimals of torsions [rad] that are equal where two rows are one."""


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Free energy along one torsion or over two of them."""

    angles: tuple[Float[np.ndarray, " _"], ...]
    """Middles of the bins of each torsion [rad]."""
    values: Float[np.ndarray, "*grid"]
    """Free energies above the lowest [kJ/mol]; infinite where no frame is."""
    errors: Float[np.ndarray, "*grid"]
    """Standard errors [kJ/mol]; not numbers where there are none."""


@dataclass(frozen=True, eq=False)
class FreeEnergyComparison(Result):
    """Free energies along the same torsions by several methods, or at several temperatures."""

    profiles: Mapping[str, FreeEnergy]
    """Free energies by the names of methods, all with the same bins."""
    labels: tuple[str, ...]
    """Names of the torsions."""

    def sentences(self) -> list[str]:
        """How high the free energy of each method rises, and how much of it was visited."""
        found = []
        for name, own in self.profiles.items():
            seen = np.isfinite(own.values)
            typical, highest = np.median(own.errors[seen]) / KCAL_MOL, own.values[seen].max() / KCAL_MOL
            error = f", median standard error {typical:.2f} kcal/mol" if np.isfinite(typical) else ""
            found.append(f"{name}: up to {highest:.2f} kcal/mol, {seen.mean():.0%} of the bins visited{error}")
        return found

    def table(self) -> Table:
        """A row for each bin [degrees]: free energy and standard error by each method [kcal/mol]."""
        several = list(self.profiles.values())
        header = [f"{label} [degrees]" for label in self.labels]
        header += [title for name in self.profiles for title in (f"{name} [kcal/mol]", f"{name} standard error")]
        rows = (
            (
                *(f"{own[i] / DEGREE:g}" for own, i in zip(several[0].angles, place, strict=True)),
                *(f"{value[place] / KCAL_MOL:.4f}" for own in several for value in (own.values, own.errors)),
            )
            for place in np.ndindex(*several[0].values.shape)
        )
        return Table(tuple(header), tuple(rows))

    def picture(self) -> bytes:
        """Curves with bands of their errors along one torsion, maps over two."""
        grids = {name: TorsionGrid(own.angles, own.values, own.errors) for name, own in self.profiles.items()}
        return free_energies(grids, self.labels)


@dataclass(frozen=True, eq=False)
class PopulationComparison(Result):
    """How often dynamics by several methods visit the same minima."""

    populations: Mapping[str, Mapping[float, tuple[Float[np.ndarray, " minima"], Float[np.ndarray, " minima"]]]]
    """Shares of the minima and their standard errors by the names of methods and temperature [K]."""
    heights: tuple[float, ...]
    """Energies of the minima above the first [kJ/mol]."""

    def sentences(self) -> list[str]:
        """Heights of the minima, and the populations of each method at each temperature [%]."""
        found = [f"minima at {' / '.join(f'{height / KCAL_MOL:.2f}' for height in self.heights)} kcal/mol"]
        for name, every in self.populations.items():
            for kelvin, (shares, errors) in sorted(every.items()):
                cells = [
                    f"{100 * share:.1f}" + (f" ± {100 * error:.1f}" if np.isfinite(error) else "")
                    for share, error in zip(shares, errors, strict=True)
                ]
                found.append(f"{name}, {kelvin:g} K: {' / '.join(cells)} %")
        return found

    def table(self) -> Table:
        """A row for each method, temperature [K] and minimum: its energy [kcal/mol] and its population."""
        rows = [
            (name, f"{kelvin:g}", str(i + 1), f"{height / KCAL_MOL:.3f}", f"{shares[i]:.4f}", f"{errors[i]:.4f}")
            for name, every in self.populations.items()
            for kelvin, (shares, errors) in sorted(every.items())
            for i, height in enumerate(self.heights)
        ]
        header = ("method", "temperature [K]", "minimum", "energy [kcal/mol]", "population", "standard error")
        return Table(header, tuple(rows))

    def picture(self) -> bytes:
        """Bars of the populations, a panel for each temperature."""
        labels = [f"minimum {i + 1} ({height / KCAL_MOL:.2f} kcal/mol)" for i, height in enumerate(self.heights)]
        return population_bars(self.populations, labels)


def compare_populations(
    molecule: Molecule, runs: Mapping[str, Runs], minima: Sequence[Minimum], rotors: Sequence[Torsion]
) -> PopulationComparison:
    """How often frames of each method are nearest to each minimum, told by some torsions: see ``basins_of``."""
    basins = basins_of(molecule, np.array([own.positions for own in minima]), rotors)
    found = {
        name: {
            kelvin: populations([angles_of(own, rotors) for own in several], basins)
            for kelvin, several in every.items()
        }
        for name, every in runs.items()
    }
    return PopulationComparison(found, tuple(own.energy - minima[0].energy for own in minima))


def compare_free_energies(
    molecule: Molecule, runs: Mapping[str, Runs], torsions: Sequence[Torsion], bins: int = 36
) -> FreeEnergyComparison:
    """Free energies along one or two torsions by each method at each temperature, from frames of its runs."""
    found = {
        name if len(every) == 1 else f"{name}, {kelvin:g} K": free_energy(
            [angles_of(own, torsions) for own in several], kelvin, bins
        )
        for name, every in runs.items()
        for kelvin, several in every.items()
    }
    return FreeEnergyComparison(found, tuple(chain_name(molecule, own) for own in torsions))


def distinguishing_rotors(molecule: Molecule) -> list[Torsion]:
    """Torsions about the bonds that turn one conformer into another: not those of methyl groups."""
    neighbours, kinds = molecule.neighbours, molecule.equivalent_atoms()

    def tells(rotor: Torsion) -> bool:
        ends = ((rotor[1], rotor[2]), (rotor[2], rotor[1]))
        return all(len({kinds[n] for n in neighbours[a] if n != b}) > 1 or len(neighbours[a]) == 2 for a, b in ends)

    return [rotor for rotor in find_rotors(molecule) if tells(rotor)]


def basins_of(
    molecule: Molecule, minima: Float[np.ndarray, "minima atoms 3"], rotors: Sequence[Torsion]
) -> list[Basin]:
    """The torsions that tell each minimum [nm] in dynamics, by any name of equal atoms: see ``minima.reached``."""
    return [np.unique(angles_of(own, rotors).round(_SAME), axis=0) for own in reached(molecule, minima)]


def nearest(found: Float[np.ndarray, "frames torsions"], basins: Sequence[Basin]) -> Int[np.ndarray, " frames"]:
    """The basin that each frame belongs to, by its torsions [rad]."""
    off = np.full((len(basins), len(found)), np.inf)
    for own, basin in zip(off, basins, strict=True):
        for copy in basin:
            np.minimum(own, (np.abs(np.exp(1j * found) - np.exp(1j * copy)) ** 2).sum(-1), out=own)
    return off.argmin(0)


def populations(
    runs: Sequence[Float[np.ndarray, "_ torsions"]], basins: Sequence[Basin]
) -> tuple[Float[np.ndarray, " basins"], Float[np.ndarray, " basins"]]:
    """Shares of basins and their standard errors, from the torsions [rad] of frames of independent runs."""
    shares = [np.bincount(nearest(own, basins), minlength=len(basins)) / max(1, len(own)) for own in runs]
    return mean_and_error(shares)


def free_energy(runs: Sequence[Float[np.ndarray, "_ torsions"]], temperature: float, bins: int = 36) -> FreeEnergy:
    """-kT ln p of one or two torsions [rad], with errors that follow from those of p; ``temperature`` in K."""
    n_torsions = runs[0].shape[1]
    edges = np.linspace(-180, 180, bins + 1) * DEGREE
    counted = [np.histogramdd(own, [edges] * n_torsions)[0] / max(1, len(own)) for own in runs]
    density, error = mean_and_error(counted)
    thermal = BOLTZMANN * temperature
    with np.errstate(divide="ignore", invalid="ignore"):
        values, errors = -thermal * np.log(density), thermal * error / density
    middles = (edges[:-1] + edges[1:]) / 2
    return FreeEnergy((middles,) * n_torsions, values - values[np.isfinite(values)].min(), errors)
