import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.lines import displaced, energies_along, off_by, stretched
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
