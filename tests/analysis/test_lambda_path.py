import numpy as np
import openmm
import pytest
from models import force_field

import hybridff as hf
from hybridff.analysis.lambda_path import NAME, Windows, end_deviation, windows
from hybridff.analysis.water_box import in_vacuum, nudged
from hybridff.gaff.start import stock_of


@pytest.fixture(scope="module")
def systems() -> tuple[openmm.System, openmm.System, openmm.System]:
    """Stock GAFF, a model, and what lies between."""
    model = force_field("ethanol", form="morse")
    start = stock_of(model)
    box = in_vacuum(start)
    old = box.system(start)
    mixed = hf.add_hybrid(old, box.topology, model, interpolate=NAME)
    return old, hf.add_hybrid(old, box.topology, model), mixed


def test_the_ends_are_the_two_systems_and_nothing_else(systems) -> None:
    old, new, mixed = systems
    x = nudged(in_vacuum(force_field("ethanol")), 1)
    assert max(end_deviation(mixed, old, 0.0, x)) < 1e-9
    assert max(end_deviation(mixed, new, 1.0, x)) < 1e-9
    assert min(end_deviation(mixed, new, 0.0, x)) > 1e-6


def test_means_are_those_of_the_difference_of_the_ends(systems) -> None:
    *_, mixed = systems
    positions = in_vacuum(force_field("ethanol")).positions
    found = windows(mixed, positions, np.array([0.0, 1.0]), time=1.0)
    again = windows(mixed, positions, np.array([0.0, 1.0]), time=1.0)
    np.testing.assert_array_equal(found.means, again.means)
    assert (found.errors > 0).all()
    # <dU/dλ> falls with λ: the second derivative of the free energy is minus a variance
    assert found.means[1] - found.means[0] < 5 * np.linalg.norm(found.errors)


def test_the_trapezoidal_rule_and_its_error() -> None:
    found = Windows(np.array([0.0, 0.5, 1.0]), np.array([4.0, 2.0, 0.0]), np.array([0.2, 0.1, 0.2]))
    free, error = found.free_energy()
    assert free == pytest.approx(2.0)
    assert error == pytest.approx(0.5 * np.sqrt(0.1**2 + 2 * 0.1**2))
