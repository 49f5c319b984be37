import numpy as np
import pytest
from models import molecule

from hybridff.analysis.distances import (
    all_limits,
    all_pairs,
    compare_distances,
    distances_of,
    distribution,
    parse_pair,
)
from hybridff.errors import InputError


def frames(lengths: np.ndarray) -> np.ndarray:
    """Two atoms at distances [Å], as positions [nm]."""
    found = np.zeros((len(lengths), 2, 3))
    found[:, 1, 0] = lengths / 10
    return found


def test_a_distribution_is_the_density_of_distances() -> None:
    random = np.random.default_rng(0)
    runs = [frames(random.normal(1.5, 0.1, 20000)) for _ in range(3)]
    limits = all_limits(runs, [(0, 1)])
    assert limits[0] < 0.12
    assert limits[1] > 0.18
    found = distribution(runs, [(0, 1)], limits)
    assert found.density.sum() * 0.005 == pytest.approx(1)
    assert found.mean == pytest.approx(0.15, abs=0.0005)
    expected = np.exp(-0.5 * ((found.distances - 0.15) / 0.01) ** 2) / (0.01 * np.sqrt(2 * np.pi))
    # the mean over a bin differs from its middle by up to 4 %
    np.testing.assert_allclose(found.density, expected, atol=2)


def test_common_areas_go_from_nothing_to_one() -> None:
    one, half, other = ([frames(np.array(own))] for own in ([1.01, 2.01], [1.01, 3.01], [4.01, 5.01]))
    found = [distribution(own, [(0, 1)], (0.1, 0.51)) for own in (one, half, other)]
    assert found[0].overlap(found[0]) == pytest.approx(1)
    assert found[0].overlap(found[1]) == pytest.approx(0.5)
    assert found[0].overlap(found[2]) == 0
    assert np.isnan(found[0].error).all()


def test_distances_are_in_nanometres() -> None:
    found = distances_of(frames(np.array([1.0, 2.5])), [(0, 1), (1, 0)])
    np.testing.assert_allclose(found, np.array([[0.1, 0.1], [0.25, 0.25]]))


def test_a_comparison_is_in_angstrom() -> None:
    runs = {"one": [frames(np.array([1.01, 2.01]))], "other": [frames(np.array([1.01, 1.02]))]}
    found = compare_distances(runs, [(0, 1)])
    assert found.sentences() == ["one: mean 1.525 Å", "other: mean 1.025 Å, common area with one 0.500"]
    table = found.table()
    assert table.header == ("distance [Å]", "one [1/Å]", "one standard error", "other [1/Å]", "other standard error")
    assert table.rows[0] == ("1.025", "10.00000", "nan", "20.00000", "nan")
    # from 1.00 to 2.05 in bins of 0.05, and no empty one beyond
    assert len(table.rows) == 21
    assert table.rows[-1][:2] == ("2.025", "10.00000")
    assert found.picture().startswith(b"\x89PNG")


def test_pairs_are_counted_from_one_by_people() -> None:
    assert parse_pair("3,9", molecule("ethanol")) == (2, 8)
    assert len(all_pairs(molecule("ethanol"))) == 36
    for text in ("3", "3,3", "0,1", "1,10", "a,b"):
        with pytest.raises(InputError, match=f"{text} is no pair of atoms of ethanol: give two numbers from 1 to 9"):
            parse_pair(text, molecule("ethanol"))
