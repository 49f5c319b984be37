import numpy as np
import pytest
from models import force_field

from hybridff.analysis.populations import FreeEnergy
from hybridff.comparison.torsion_tasks import TASKS, free_energy_deviation, grid, scan_pictures, scan_table
from hybridff.export.calculator import HybridFFCalculator
from hybridff.frames.dataset import Frames
from hybridff.units import DEGREE

ETHANOL = TASKS["ethanol"]


def test_a_full_turn_has_no_angle_twice() -> None:
    first, second = grid(120.0)
    np.testing.assert_allclose(first, np.array([-180, -60, 60]) * DEGREE)
    np.testing.assert_array_equal(first, second)


def test_frames_count_at_all_angles_that_symmetry_makes_equal() -> None:
    found = ETHANOL.everywhere(np.array([[1.0, 0.2]]))
    assert found.shape == (6, 2)
    assert sorted(np.unique(found[:, 0]).tolist()) == [-1.0, 1.0]
    thirds = np.sort(np.mod(found[found[:, 0] > 0, 1] - 0.2, 2 * np.pi))
    np.testing.assert_allclose(thirds, [0, 2 * np.pi / 3, 4 * np.pi / 3], atol=1e-12)
    swapped = TASKS["malonaldehyde"].everywhere(np.array([[1.0, 0.2]]))
    assert {tuple(np.round(own, 3)) for own in swapped} == {(1.0, 0.2), (0.2, 1.0), (-1.0, -0.2), (-0.2, -1.0)}


def test_torsions_are_named_by_their_atoms() -> None:
    assert ETHANOL.labels(force_field("ethanol").molecule)[0].count("-") == 3


def test_a_scan_by_a_method_is_the_surface_of_its_own_frames() -> None:
    model = force_field("ethanol")
    calculator = HybridFFCalculator(model)
    found = ETHANOL.scan(calculator, model.molecule, 120.0)
    assert found.energies.shape == (3, 3)
    positions = found.positions.reshape(-1, 9, 3)
    frames = Frames(model.molecule.numbers, positions, found.energies.ravel(), None)
    own = ETHANOL.surface(frames, 120.0)
    np.testing.assert_allclose(own.energies, found.energies, atol=1e-9)
    at_them = ETHANOL.surface(frames, 120.0, calculator)
    np.testing.assert_allclose(at_them.energies, found.energies, atol=0.05)  # kJ/mol: torsions give way a little
    table = scan_table({"reference": found, "again": own})
    assert table.rows[0][2:] == ("", "")
    assert table.rows[1][2:] == ("0.00", "0.00")
    pictures = scan_pictures({"reference": found, "again": own}, ["one", "other"])
    assert all(content.startswith(b"\x89PNG") for content in pictures)


def test_free_energies_are_compared_where_both_are_low() -> None:
    angles = (np.arange(4.0),)
    one = FreeEnergy(angles, np.array([0.0, 1.0, 2.0, 9.0]), np.array([0.1, 0.2, 0.3, 5.0]))
    other = FreeEnergy(angles, np.array([0.0, 1.3, 2.0, np.inf]), np.full(4, 0.1))
    error, mean, largest = free_energy_deviation(one, other, 3.0)
    assert error == pytest.approx(0.2)
    assert (mean, largest) == pytest.approx((0.4 / 3, 0.2))
