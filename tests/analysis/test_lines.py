import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.lines import (
    Line,
    LineComparison,
    bond_line,
    compare_along,
    displaced,
    energies_along,
    frames_line,
    mode_line,
    off_by,
    stretched,
)
from hybridff.analysis.modes import modes_of
from hybridff.errors import InputError
from hybridff.export.ase_atoms import atomic_weights
from hybridff.export.calculator import HybridFFCalculator


def positions(name: str = "ethanol") -> np.ndarray:
    own = molecule(name).positions
    assert own is not None
    return own


def test_a_stretched_bond_has_the_lengths_and_nothing_else_changes() -> None:
    lengths = np.array([0.08, 0.1, 0.25])
    line = stretched(molecule("ethanol"), positions(), (1, 2), lengths)
    for length, frame in zip(lengths, line.positions, strict=True):
        assert np.linalg.norm(frame[1] - frame[2]) == pytest.approx(length)
        # what is beyond the bond moves as one
        assert np.linalg.norm(frame[2] - frame[8]) == pytest.approx(np.linalg.norm(positions()[2] - positions()[8]))
        np.testing.assert_allclose(np.delete(frame, [2, 8], 0), np.delete(positions(), [2, 8], 0))
    label, places = line.axis()
    assert label == "C2-O3 [Å]"
    np.testing.assert_allclose(places, [0.8, 1.0, 2.5])


def test_energies_along_a_mode_are_half_its_frequency_squared() -> None:
    calculator = HybridFFCalculator(force_field("ethanol"))
    numbers = molecule("ethanol").numbers
    found = modes_of(numbers, positions(), calculator)
    number, masses = len(found.frequencies) - 1, atomic_weights(numbers)
    line = displaced(found, number, 0.001, 5, masses)
    energies = energies_along(line, numbers, calculator)
    moved = line.positions[-1] - found.positions
    assert np.linalg.norm(moved, axis=1).max() == pytest.approx(0.001)
    # E = ω²Q²/2; 1/cm to 1/ps by 2πc, Da nm²/ps² is 1 kJ/mol
    omega = 2 * np.pi * 0.0299792458 * found.frequencies[number]
    expected = 0.5 * omega**2 * (masses[:, None] * moved**2).sum()
    assert (energies[-1] + energies[0]) / 2 - energies[2] == pytest.approx(expected, rel=1e-3)


def test_deviations_are_from_where_the_reference_is_lowest() -> None:
    reference, own = np.array([3.0, 1.0, 2.0]), np.array([10.0, 5.0, 7.0])
    # from 1.0 and 5.0: 2, 0, 1 and 5, 0, 2
    assert off_by(own, reference) == (pytest.approx(4 / 3), 3)


def test_what_cannot_be_stretched_is_refused() -> None:
    with pytest.raises(InputError, match="C1 and O3 are not bonded; give two atoms that are"):
        stretched(molecule("ethanol"), positions(), (0, 2), np.array([1.0]))
    with pytest.raises(InputError, match="the bond C1-C2 is in a ring, which does not come apart"):
        stretched(molecule("benzene"), positions("benzene"), (0, 1), np.array([1.0]))


def test_a_comparison_is_from_where_the_first_is_lowest() -> None:
    line = Line("A-B", np.array([0.1, 0.2, 0.3]), np.zeros((3, 2, 3)))
    found = LineComparison(line, {"one": np.array([8.368, 0.0, 4.184]) + 100, "other": np.array([8.368, 4.184, 4.184])})
    assert found.sentences() == [
        "A-B [Å]: 3 geometries; one rises by up to 2.00 kcal/mol",
        "other: off one by 0.667 kcal/mol on average, 1.000 at most",
    ]
    assert found.table().header == ("A-B [Å]", "one [kcal/mol]", "other [kcal/mol]")
    assert found.table().rows[0] == ("1", "2.00000", "1.00000")
    assert found.table().rows[1] == ("2", "0.00000", "0.00000")
    assert found.picture().startswith(b"\x89PNG")


def test_frames_are_a_line_counted_from_one() -> None:
    line = frames_line(np.zeros((3, 2, 3)), "folder/file.npz")
    label, places = line.axis()
    assert label == "frame of file.npz"
    assert places.tolist() == [1, 2, 3]
    with pytest.raises(InputError, match=r"folder/file\.npz has one geometry; a line needs at least two"):
        frames_line(np.zeros((1, 2, 3)), "folder/file.npz")


def test_lines_begin_at_the_minimum_of_the_method() -> None:
    own, calculator = molecule("ethanol"), HybridFFCalculator(force_field("ethanol"))
    line = bond_line(own, calculator, (2, 8), np.array([0.9, 1.0, 1.1]))
    found = compare_along(line, own, {"own": calculator}, reference={"flat": np.zeros(3)})
    assert list(found.energies) == ["flat", "own"]
    assert found.energies["own"].argmin() == 1
    assert line.places[1] == pytest.approx(np.linalg.norm(line.positions[1, 2] - line.positions[1, 8]))
    along = energies_along(mode_line(own, calculator, 21, 0.005, 3), own.numbers, calculator)
    assert along.argmin() == 1
    with pytest.raises(InputError, match="option mode has to be from 1 to 21, not 22"):
        mode_line(own, calculator, 22, 0.005, 3)
