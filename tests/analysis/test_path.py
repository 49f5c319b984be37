import numpy as np
import pytest
from models import force_field, molecule

from hybridff.analysis.minima import nearest_copy, rmsd, search
from hybridff.analysis.path import minimum_energy_path
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
