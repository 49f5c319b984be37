"""Spectra of a model's runs as arrays that a file can hold, and shifts of their bands."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.calculators.calculator import BaseCalculator

from hybridff.analysis.trajectories import Run, masses_of, system_of, trajectory
from hybridff.analysis.vibrations import Spectrum, spectrum
from hybridff.molecules.molecule import Molecule

_OWN = ("wavenumbers", "density")


def spectrum_arrays(calculator: BaseCalculator, molecule: Molecule, run: Run) -> dict[str, np.ndarray]:
    """The spectrum of one run from the molecule's positions, for ``spectrum_of``.

    Raises ``DynamicsError`` where the run blows up.
    """
    assert molecule.positions is not None
    system = system_of(calculator, molecule)
    moved = trajectory(system, molecule.positions, run)
    own = spectrum(moved, molecule, masses_of(system), run.step)
    return {"wavenumbers": own.wavenumbers, "density": own.density, **own.stretches}


def spectrum_of(arrays: Mapping[str, np.ndarray]) -> Spectrum:
    """The spectrum that ``spectrum_arrays`` made these of."""
    stretches = {key: own for key, own in arrays.items() if key not in _OWN}
    return Spectrum(arrays["wavenumbers"], arrays["density"], stretches)


def band_cell(several: Sequence[Spectrum], coldest: Sequence[Spectrum] | None, band: str) -> str:
    """Mean wave number of a band over runs [1/cm] with its standard error, and the shift from colder ones with its."""
    here = np.array([own.band(band) for own in several])
    error = here.std(ddof=1) / np.sqrt(len(here))
    if coldest is None:
        return f"{here.mean():.0f} ± {error:.0f}"
    start = np.array([own.band(band) for own in coldest])
    zero = start.std(ddof=1) / np.sqrt(len(start))
    return f"{here.mean():.0f} ± {error:.0f} ({here.mean() - start.mean():+.0f} ± {np.hypot(error, zero):.0f})"
