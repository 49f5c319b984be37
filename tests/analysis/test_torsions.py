import numpy as np
import pytest
from models import distorted, molecule

from hybridff.analysis.torsions import angles_of, far_side, parse_torsion, torsion_name, wrapped
from hybridff.errors import InputError

HYDROXYL = (0, 1, 2, 8)


def test_what_is_no_torsion_is_refused() -> None:
    ethanol, benzene = molecule("ethanol"), molecule("benzene")
    assert parse_torsion("1,2,3,9", ethanol) == HYDROXYL
    for text, message in (
        ("1,2,3", "1,2,3 is no torsion of ethanol: give four numbers of atoms from 1 to 9"),
        ("1,2,3,10", "from 1 to 9"),
        ("a,b,c,d", "from 1 to 9"),
        ("1,2,3,3", "from 1 to 9"),
        ("1,3,2,9", "are not bonded in a chain"),
    ):
        with pytest.raises(InputError, match=message):
            parse_torsion(text, ethanol)
    with pytest.raises(InputError, match="the bond C2-C3 is in a ring"):
        parse_torsion("1,2,3,4", benzene)


def test_the_far_side_of_a_bond_moves() -> None:
    assert far_side(molecule("ethanol"), 1, 2) == [2, 8]
    assert far_side(molecule("ethanol"), 1, 0) == [0, 3, 4, 5]


def test_a_ring_has_one_side_only() -> None:
    assert far_side(molecule("benzene"), 0, 1) == list(range(12))


def test_angles_are_those_of_the_frames() -> None:
    x = distorted("ethanol", 3)
    found = angles_of(x, [(0, 1, 2, 8), (2, 1, 0, 3)])
    assert found.shape == (3, 2)
    assert np.abs(found[0, 0] - angles_of(x[:1], [(8, 2, 1, 0)])[0, 0]) < 1e-12


def test_angles_are_wrapped_to_a_turn_about_nothing() -> None:
    np.testing.assert_allclose(wrapped(np.radians([-190.0, 180.0, 350.0, 30.0])), np.radians([170, -180, -10, 30]))


def test_a_torsion_is_named_by_its_atoms() -> None:
    assert torsion_name(molecule("ethanol"), HYDROXYL) == "C1-C2-O3-H9"
