import numpy as np
import pytest
from ase.calculators.calculator import CalculationFailed
from models import force_field, molecule

from hybridff.analysis.modes import PER_CM, Modes, modes_of
from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.accuracy import predict
from hybridff.sampling.normal_modes import normal_mode_geometries, thermal_geometries
from hybridff.units import BOLTZMANN

DRAWN = 4000


def modes() -> Modes:
    own = molecule("ethanol")
    assert own.positions is not None
    return modes_of(own.numbers, own.positions, HybridFFCalculator(force_field("ethanol")))


def test_every_mode_has_the_variance_of_its_temperature_and_soft_ones_are_held_back() -> None:
    own, found = molecule("ethanol"), modes()
    drawn = thermal_geometries(found, own.numbers, DRAWN, 300.0, np.random.default_rng(0))
    masses = np.array([12.011, 12.011, 15.999, *[1.008] * 6])
    coordinates = ((drawn - found.positions) * np.sqrt(masses)[:, None]).reshape(DRAWN, -1) @ found.vectors.T
    angular = np.maximum(found.frequencies, 300.0) / PER_CM
    assert (found.frequencies < 300.0).sum() == 2  # methyl and hydroxyl groups turn
    # A variance of n numbers has the relative standard deviation √(2/n): 2 % here.
    np.testing.assert_allclose(coordinates.var(0), BOLTZMANN * 300.0 / angular**2, rtol=5 * np.sqrt(2 / DRAWN))


def test_energies_are_those_of_the_temperature_where_it_is_low() -> None:
    own, model, found = molecule("ethanol"), force_field("ethanol"), modes()
    drawn = thermal_geometries(found, own.numbers, 500, 2.0, np.random.default_rng(0))
    energies, least = predict(model, drawn)[0], predict(model, found.positions[None])[0][0]
    shares = np.minimum(1.0, (found.frequencies / 300.0) ** 2)
    assert energies.mean() - least == pytest.approx(shares.sum() / 2 * BOLTZMANN * 2.0, rel=0.05)


def test_minima_share_the_geometries_and_one_without_a_hessian_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    own, model = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    minima = np.stack([modes().positions + 10.0 * shift for shift in range(3)])
    found = normal_mode_geometries(own, model, minima, 32, 300.0)
    assert np.bincount(np.round(found.mean((1, 2)) / 10).astype(int)).tolist() == [11, 11, 10]
    np.testing.assert_array_equal(normal_mode_geometries(own, model, minima, 32, 300.0), found)

    def fail(*given: object) -> None:
        raise CalculationFailed("no convergence")

    monkeypatch.setattr("hybridff.sampling.normal_modes.hessian", fail)
    assert normal_mode_geometries(own, model, minima, 32, 300.0).shape == (0, 9, 3)
