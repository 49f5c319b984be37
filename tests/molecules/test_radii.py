import numpy as np
import pytest

from hybridff.molecules.radii import covalent_sums, van_der_waals_sums


def test_sums_of_covalent_radii_are_those_of_the_literature() -> None:
    # H 0.31, C 0.76, O 0.66 Å: Cordero et al. 2008
    found = covalent_sums(np.array([1, 6, 8]))
    expected = np.array([[0.62, 1.07, 0.97], [1.07, 1.52, 1.42], [0.97, 1.42, 1.32]]) / 10
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_atoms_without_a_bond_are_wider_than_bonded_ones() -> None:
    numbers = np.array([1, 6, 7, 8, 9, 15, 16, 17, 35])
    assert (van_der_waals_sums(numbers) > 1.4 * covalent_sums(numbers)).all()


@pytest.mark.parametrize("sums", [covalent_sums, van_der_waals_sums])
def test_no_atoms_have_no_sums(sums) -> None:
    assert sums(np.array([], dtype=int)).shape == (0, 0)
