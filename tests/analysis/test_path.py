import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.minima import Minimum, nearest_copy, rmsd, search
from hybridff.analysis.path import Path, PathComparison, minimum_energy_path, path_ends
from hybridff.analysis.scan import relaxed_scan
from hybridff.errors import InputError
from hybridff.export.ase_atoms import energies_at
from hybridff.export.calculator import HybridFFCalculator


def test_the_barrier_is_that_of_a_relaxed_scan() -> None:
    calculator, own = HybridFFCalculator(force_field("ethanol")), molecule("ethanol")
    first, last = (minimum.positions for minimum in search(own, calculator, wanted=15)[:2])
    last = nearest_copy(own, last, first)
    found = minimum_energy_path(own.numbers, first, last, calculator, n_images=9)
    assert found.settled
    assert found.energies[0] == 0
    assert np.all(np.diff(found.way) > 0)
    angles = np.radians(np.arange(90.0, 150.0, 5.0))
    turned = relaxed_scan(own, calculator, [(0, 1, 2, 8)], [angles], begin=first)
    lowest, *energies = energies_at(own.numbers, np.array([first, *turned.positions]), calculator)
    # kJ/mol: the highest point of a scan in steps of five degrees is within 0.08 of the saddle
    assert found.barrier == pytest.approx(max(energies) - lowest, abs=0.12)


def test_equal_atoms_are_exchanged_and_mirror_images_taken_to_be_near() -> None:
    own = molecule("ethanol")
    assert own.positions is not None
    x = own.positions
    order = [0, 1, 2, 4, 5, 3, 7, 6, 8]
    moved = -x[order] + 0.3
    back = nearest_copy(own, moved, x)
    assert np.abs(back - x).max() < 1e-7
    assert rmsd(own, moved, x) < 1e-7


def test_ends_in_one_minimum_are_refused() -> None:
    calculator, own = HybridFFCalculator(force_field("ethanol")), molecule("ethanol")
    assert own.positions is not None
    x = own.positions
    with pytest.raises(InputError, match="both ends relax to the same minimum"):
        minimum_energy_path(own.numbers, x, x + np.random.default_rng(0).normal(0, 0.002, x.shape), calculator)


def test_a_comparison_says_barriers_in_kcal_per_mol() -> None:
    one = Path(np.array([0.0, 0.05, 0.1]), np.array([0.0, 8.368, -4.184]), np.zeros((3, 1, 3)), settled=True)
    other = Path(np.array([0.0, 0.1, 0.2]), np.array([0.0, 4.184, 4.184]), np.zeros((3, 1, 3)), settled=False)
    found = PathComparison({"one": one, "other": other})
    assert found.sentences() == [
        "one: barrier 2.00 kcal/mol, end at -1.00, 1.00 Å long",
        "other: barrier 1.00 kcal/mol, end at +1.00, 2.00 Å long; the search for it did not end",
    ]
    assert found.table().header[:3] == ("image", "one way [Å]", "one energy [kcal/mol]")
    assert found.table().rows[1] == ("2", "0.5000", "2.0000", "1.0000", "1.0000")
    assert found.picture().startswith(b"\x89PNG")


def test_ends_are_named_by_their_numbers() -> None:
    own = molecule("ethanol")
    assert own.positions is not None
    minima = [Minimum(0.0, own.positions), Minimum(1.0, -own.positions + 0.3)]
    first, last = path_ends(own, minima, (1, 2))
    # the mirror image is turned over, and lies upon the other
    np.testing.assert_allclose(last, first, atol=1e-7)
    for between in ((1, 3), (0, 1), (2, 2)):
        with pytest.raises(InputError, match="option between has to name two of 2 minima, not"):
            path_ends(own, minima, between)
