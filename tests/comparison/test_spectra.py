import numpy as np
import pytest
from models import force_field

from hybridff.analysis.trajectories import Run
from hybridff.analysis.vibrations import Spectrum
from hybridff.comparison.spectra import band_cell, spectrum_arrays, spectrum_of
from hybridff.export.calculator import HybridFFCalculator

GRID = np.linspace(0.0, 4000.0, 401)


def peaked(at: float) -> Spectrum:
    density = np.exp(-(((GRID - at) / 20) ** 2))
    return Spectrum(GRID, density, {"O-H": density})


def test_a_spectrum_comes_back_from_its_arrays() -> None:
    model = force_field("ethanol")
    run = Run(temperature=200.0, time=0.5, every=0.002, seed=0, constant_energy=True)
    arrays = spectrum_arrays(HybridFFCalculator(model), model.molecule, run)
    found = spectrum_of(arrays)
    np.testing.assert_array_equal(found.wavenumbers, arrays["wavenumbers"])
    assert set(found.stretches) == set(arrays) - {"wavenumbers", "density"}
    assert 3000 < found.band("O-H") < 4200


def test_shifts_are_from_the_coldest_with_errors_of_both() -> None:
    cold, hot = [peaked(3000.0), peaked(3010.0)], [peaked(2900.0), peaked(2920.0)]
    assert band_cell(cold, None, "O-H") == "3005 ± 5"
    assert band_cell(hot, cold, "O-H") == f"2910 ± 10 (-95 ± {np.hypot(10, 5):.0f})"


@pytest.mark.parametrize("band", ["C-H"])
def test_other_bands_are_asked_for_by_name(band: str) -> None:
    with pytest.raises(KeyError):
        band_cell([peaked(3000.0)] * 2, None, band)
