import numpy as np
import pytest
from ase.calculators.calculator import Calculator
from models import distorted, force_field, molecule

from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.accuracy import predict
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.sampling.dynamics import DynamicsOptions, dynamics
from hybridff.units import BOLTZMANN

COLD = DynamicsOptions(temperature=10.0)


def test_geometries_have_the_potential_energy_of_their_temperature_from_the_first_on() -> None:
    own, model = molecule("ethanol"), force_field("ethanol")
    calculator = HybridFFCalculator(model)
    starts = relaxed_conformers(own, calculator)
    found = dynamics(own, calculator, starts, 400, DynamicsOptions(temperature=200.0))
    assert found.positions.shape == (400, 9, 3)
    assert found.broken == ()
    energies, least = predict(model, found.positions)[0], predict(model, starts)[0].min()
    # 3n-6 = 21 vibrations with kT/2 each, all but harmonic at 200 K.
    assert energies.mean() - least == pytest.approx(21 / 2 * BOLTZMANN * 200, rel=0.08)
    again = dynamics(own, calculator, starts, 400, DynamicsOptions(temperature=200.0))
    np.testing.assert_array_equal(again.positions, found.positions)


def test_runs_begin_with_different_starts_and_share_the_geometries() -> None:
    own, starts = molecule("ethanol"), distorted("ethanol", 5, width=0.001) + 10 * np.arange(5)[:, None, None]
    found = dynamics(own, HybridFFCalculator(force_field("ethanol")), starts, 22, COLD).positions
    begun = np.round(found.mean((1, 2)) / 10).astype(int)
    assert np.bincount(begun).tolist() == [5, 5, 4, 4, 4]
    few = dynamics(own, HybridFFCalculator(force_field("ethanol")), starts, 9, COLD).positions
    assert np.bincount(np.round(few.mean((1, 2)) / 10).astype(int)).tolist() == [5, 0, 0, 0, 4]


@pytest.mark.usefixtures("broken_dynamics")
def test_runs_that_end_in_no_numbers_are_told() -> None:
    found = dynamics(molecule("ethanol"), HybridFFCalculator(force_field("ethanol")), distorted("ethanol", 3), 8, COLD)
    assert found.positions.shape == (0, 9, 3)
    assert found.broken == ("positions are no longer finite",) * 2


class _Failing(Calculator):
    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own way)

    def calculate(self, *given: object) -> None:
        raise RuntimeError("no convergence")


def test_a_program_that_fails_ends_a_run_and_not_the_next() -> None:
    found = dynamics(molecule("ethanol"), _Failing(), distorted("ethanol", 3), 8, COLD)
    assert len(found.broken) == 2
    assert "no convergence" in found.broken[0]
