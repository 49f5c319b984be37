import random
from dataclasses import replace

import numpy as np
import openmm
import pytest
from scipy.integrate import quad

from hybridff.analysis.sampling import SamplingOptions, _drawing, mean_and_error, sample
from hybridff.errors import DynamicsError, InputError
from hybridff.molecules.molecule import Molecule
from hybridff.units import BOLTZMANN

BARRIER, TILT, MIDDLE = 12.0, 60.0, 0.2
"""[kJ/mol], [kJ/mol/nm], [nm]"""
OPTIONS = SamplingOptions(temperatures=(300.0, 500.0), time=0.2, runs=8)


def hydrogen() -> Molecule:
    return Molecule.from_smiles("[H][H]").with_embedded_positions()


def double_well() -> openmm.System:
    """Two atoms whose distance has minima 0.05 nm to either side of the middle."""
    system = openmm.System()
    force = openmm.CustomBondForce(f"{BARRIER}*(((r-{MIDDLE})/0.05)^2-1)^2+{TILT}*(r-{MIDDLE})")
    force.addBond(0, 1)
    system.addForce(force)
    for _ in range(2):
        system.addParticle(12.0)
    return system


def nowhere_beyond(r: float) -> openmm.System:
    """Two atoms without an energy at longer distances."""
    system = openmm.System()
    force = openmm.CustomBondForce(f"sqrt({r}-r)")
    force.addBond(0, 1)
    system.addForce(force)
    for _ in range(2):
        system.addParticle(12.0)
    return system


def share_of_the_first(kelvin: float) -> float:
    """By quadrature."""

    def weight(r: float) -> float:
        energy = BARRIER * (((r - MIDDLE) / 0.05) ** 2 - 1) ** 2 + TILT * (r - MIDDLE)
        return float(r**2 * np.exp(-energy / (BOLTZMANN * kelvin)))

    return quad(weight, 0, MIDDLE)[0] / quad(weight, 0, 0.4)[0]


@pytest.mark.slow
def test_two_wells_are_visited_as_often_as_statistical_mechanics_says() -> None:
    start = np.array([[0.0, 0.0, 0.0], [0.15, 0.0, 0.0]])
    runs = [sample(double_well(), hydrogen(), start, OPTIONS, run) for run in range(OPTIONS.runs)]
    for kelvin in OPTIONS.temperatures:
        first = [np.mean(np.linalg.norm(own[kelvin][:, 0] - own[kelvin][:, 1], axis=1) < MIDDLE) for own in runs]
        mean, error = mean_and_error([np.array([share]) for share in first])
        # four standard errors, and never less than one per cent
        assert abs(mean[0] - share_of_the_first(kelvin)) < max(4 * error[0], 0.01)
        assert error[0] < 0.06


def test_a_run_is_the_same_for_a_seed_and_leaves_pythons_own_numbers_alone() -> None:
    start = np.array([[0.0, 0.0, 0.0], [0.15, 0.0, 0.0]])
    few = replace(OPTIONS, time=0.01)
    state = random.getstate()
    with _drawing(1):
        first = random.random()
    assert random.getstate() == state
    with _drawing(1):
        assert random.random() == first
    one, again, other = (sample(double_well(), hydrogen(), start, few, run) for run in (0, 0, 1))
    np.testing.assert_array_equal(one[300.0], again[300.0])
    assert one[300.0].shape != other[300.0].shape or np.abs(one[300.0] - other[300.0]).max() > 1e-3


def test_one_temperature_is_sampled_without_a_ladder() -> None:
    plain = SamplingOptions(temperatures=(400.0,), hottest=300.0, time=0.01)
    assert plain.ladder() == [400.0]
    start = np.array([[0.0, 0.0, 0.0], [0.15, 0.0, 0.0]])
    assert sample(double_well(), hydrogen(), start, plain)[400.0].shape == (90, 2, 3)
    ladder = OPTIONS.ladder()
    assert ladder[0] == 300
    assert 500.0 in ladder
    assert ladder[-1] == 800
    assert np.diff(np.log(ladder)).max() < 0.15


def test_what_blows_up_is_said_in_a_sentence() -> None:
    start = np.array([[0.0, 0.0, 0.0], [0.15, 0.0, 0.0]])
    with pytest.raises(DynamicsError, match="the sampling blew up: the energy is no longer finite"):
        sample(nowhere_beyond(0.16), hydrogen(), start, OPTIONS)


def test_options_that_mean_nothing_are_refused() -> None:
    for wrong, message in (
        ({"temperatures": (300.0, -1.0)}, "option temperatures has to be of positive numbers"),
        ({"temperatures": (300.0, 300.0)}, "option temperatures names one twice"),
        ({"time": 0.0}, "option time has to be a positive number, not 0"),
        ({"runs": 0}, "option runs has to be at least 1, not 0"),
        ({"seed": -1}, "option seed has to be at least 0, not -1"),
    ):
        with pytest.raises(InputError, match=message):
            SamplingOptions(**wrong)  # type: ignore[arg-type]


def test_errors_are_those_of_a_mean() -> None:
    mean, error = mean_and_error([np.array([1.0, 5.0]), np.array([3.0, 5.0])])
    np.testing.assert_allclose(mean, [2, 5])
    np.testing.assert_allclose(error, [1, 0])
    assert np.isnan(mean_and_error([np.array([1.0])])[1]).all()
