import numpy as np
import pytest
from models import distorted, molecule
from scipy.spatial.transform import Rotation

from hybridff.molecules.limits import (
    Fault,
    Limits,
    bond_angles,
    chain_key,
    hot_limits,
    pair_distances,
    pair_key,
    pairs_and_bonds,
    rest_limits,
)
from hybridff.units import DEGREE


def positions(name: str = "ethanol") -> np.ndarray:
    own = molecule(name).positions
    assert own is not None
    return own


def limits(kind: str, name: str = "ethanol") -> Limits:
    return {"hot": hot_limits, "rest": rest_limits}[kind](molecule(name), positions(name))


def moved(atom: int, shift: np.ndarray) -> np.ndarray:
    found = positions().copy()
    found[atom] += shift
    return found


def along(first: int, second: int, length: float) -> np.ndarray:
    """Ethanol with its second atom put so far [nm] from the first, in the same direction."""
    way = positions()[second] - positions()[first]
    return moved(second, positions()[first] + length * way / np.linalg.norm(way) - positions()[second])


@pytest.mark.parametrize("kind", ["hot", "rest"])
@pytest.mark.parametrize("name", ["ethanol", "benzene", "propyne"])
def test_the_reference_is_sound_and_so_is_its_image_elsewhere(kind: str, name: str) -> None:
    own, rotation = limits(kind, name), Rotation.from_euler("xyz", [1, 2, 3])
    assert own.fault(positions(name)) is None
    assert own.fault(rotation.apply(positions(name)) + 5) is None


@pytest.mark.parametrize("kind", ["hot", "rest"])
def test_a_long_and_a_short_bond_are_faults_with_their_lengths(kind: str) -> None:
    long, short = (limits(kind).fault(along(2, 8, length)) for length in (0.17, 0.05))
    assert long is not None
    assert short is not None
    assert long.atoms == short.atoms == (2, 8)
    assert long.what == "the bond O3-H9 is 1.70 Å long (0.97 Å before)"
    assert short.what.startswith("the bond O3-H9 is 0.50 Å long")


def test_dynamics_may_do_what_a_minimum_may_not() -> None:
    stretched = along(2, 8, 0.13)
    assert limits("hot").fault(stretched) is None
    assert limits("rest").fault(stretched) is not None


def test_atoms_far_away_are_said_without_a_number() -> None:
    fault = limits("hot").fault(along(2, 8, 20.0))
    assert fault is not None
    assert "more than 10 Å long" in fault.what


def test_two_atoms_without_a_bond_must_not_meet() -> None:
    to = positions()[0] + 0.05 * (positions()[8] - positions()[0]) - positions()[8]
    fault = limits("hot").fault(moved(8, to))
    assert fault is not None
    assert fault.atoms == (0, 8)
    assert "C1 and H9, which have no bond, are 0." in fault.what


def test_an_angle_that_opens_is_a_fault_of_a_minimum() -> None:
    found, (c, o, h) = positions().copy(), (1, 2, 8)
    found[h] = found[o] + 0.097 * (found[o] - found[c]) / np.linalg.norm(found[o] - found[c])
    fault = limits("rest").fault(found)
    assert fault is not None
    assert fault.atoms in [(1, 2, 8), (8, 2, 1)]
    assert fault.what.startswith("the angle C2-O3-H9 is 180° (10")


def test_numbers_that_are_not_finite_are_a_fault_of_no_atoms() -> None:
    assert limits("hot").fault(np.full((9, 3), np.inf)) == Fault((), "energy or positions are no longer finite")


def test_the_closest_contact_is_named_where_nothing_looks_wrong() -> None:
    closer = positions().copy()
    closer[8] += 0.3 * (closer[0] - closer[8])
    fault = limits("rest").closest(closer)
    assert fault.atoms[1] == 8
    assert "bonds and angles look sound, but no conformer is that low; " in fault.what


def test_pairs_know_their_number_of_bonds() -> None:
    pairs, bonds = pairs_and_bonds(molecule("ethanol"))
    found = dict(zip(map(tuple, pairs.tolist()), bonds.tolist(), strict=True))
    assert len(found) == 36
    assert (found[0, 1], found[0, 2], found[0, 8], found[3, 8]) == (1, 2, 3, 4)


def test_keys_do_not_depend_on_the_order_of_atoms() -> None:
    assert pair_key(np.array([3, 1]), 2) == pair_key(np.array([1, 3]), 2) != pair_key(np.array([1, 3]), 3)
    assert chain_key(np.array([3, 0, 1])) == chain_key(np.array([1, 0, 3])) != chain_key(np.array([0, 1, 3]))


def test_distances_and_angles_are_those_of_a_right_triangle() -> None:
    corner = np.array([[0.3, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.4, 0.0]])
    assert pair_distances(corner, np.array([[0, 2], [0, 1]])).tolist() == pytest.approx([0.5, 0.3])
    assert bond_angles(corner, np.array([[0, 1, 2]])) / DEGREE == pytest.approx([90.0])


def test_hot_structures_of_a_good_molecule_are_sound() -> None:
    assert all(limits("hot").fault(x) is None for x in distorted("ethanol", 20, width=0.005))
