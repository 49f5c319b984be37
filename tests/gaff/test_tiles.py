import numpy as np
from tables import table

from hybridff.gaff.compiled_loops import WIDTH
from hybridff.gaff.tiles import CoordinateRows, FeatureTiles
from hybridff.geometry import angle, distance, out_of_plane


def test_a_coordinate_is_known_in_both_directions() -> None:
    rows = CoordinateRows()
    assert rows.add(angle, np.array([[0, 1, 2], [2, 1, 0], [0, 1, 3]])).tolist() == [0, 0, 1]


def test_the_legs_of_a_coordinate_are_distances() -> None:
    rows = CoordinateRows()
    rows.add(angle, np.array([[0, 1, 2]]))
    assert list(rows.rows[distance]) == [(0, 1), (1, 2)]


def test_the_order_of_the_neighbours_out_of_a_plane_counts() -> None:
    rows = CoordinateRows()
    assert rows.add(out_of_plane, np.array([[0, 1, 2, 3], [3, 2, 1, 0]])).tolist() == [0, 1]


def test_a_leg_that_is_passed_backwards_has_the_other_sign() -> None:
    rows = CoordinateRows()
    rows.add(angle, np.array([[0, 1, 2]]))
    assert rows.arrays()["angle_signs"][:2].tolist() == [-1.0, 1.0]


def test_features_of_the_same_coordinates_read_the_same_tile() -> None:
    terms, parameters = table((("bond_length", 0), ("morse_bond", 0)))
    tiles = FeatureTiles(terms, parameters.values)
    used = np.unique(terms.products[terms.products >= 0])
    tiles.add(used)
    arrays = tiles.arrays()
    assert len(arrays["tiles"]) == 2 * 6
    assert len(arrays["x"]) == WIDTH
    assert sorted(tiles.slots[used].tolist()) == [0, 8]
