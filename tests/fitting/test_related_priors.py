import numpy as np
import pytest
from models import force_field

from hybridff.fitting.related_priors import SHARES, covariance, families_of, prior_root, rows_of
from hybridff.gaff.parameters import Parameters

PARAMETERS = force_field("propane", form="class2", share="environment").parameter_table
FITTED = np.flatnonzero(PARAMETERS.adjustable)


def test_shares_are_the_whole_variance() -> None:
    assert sum(SHARES) == pytest.approx(1.0)


def test_the_root_gives_the_covariance_of_relatives_and_none_of_others() -> None:
    root = prior_root(PARAMETERS, FITTED, SHARES).toarray()
    rows = rows_of(PARAMETERS, FITTED)
    np.testing.assert_allclose(root @ root.T, covariance(rows, rows, SHARES), atol=2e-6)


def test_the_nearer_relatives_are_the_more_similar() -> None:
    levels = [("a", "a | b", "a | b | c", "a | b | c | d"), ("a", "a | b", "a | b | c", "a | b | c | e")]
    levels += [("a", "a | b", "a | b | f", "a | b | f | g"), ("a", "a | h", "a | h | i", "a | h | i | j"), ("k",) * 4]
    rows = [("bond 1", own) for own in levels]
    (found,) = covariance(rows[:1], rows, (0.4, 0.3, 0.2, 0.1))
    np.testing.assert_allclose(found, [1.0, 0.9, 0.7, 0.4, 0.0])
    (other,) = covariance([("bond 2", levels[0])], rows, (0.4, 0.3, 0.2, 0.1))
    np.testing.assert_array_equal(other, 0.0)


def test_rows_without_levels_have_no_relatives() -> None:
    parameters = Parameters(np.zeros(3), ("bond 1",) * 3, ("C1-C2", "C2-C3", "C4-C4 (1-2) | c3-c3 | x | y"))
    rows = rows_of(parameters, np.arange(3))
    assert families_of(rows) == [[0], [1], [2]]
    np.testing.assert_allclose(prior_root(parameters, np.arange(3), SHARES).toarray(), np.eye(3), rtol=1e-6)


def test_pairs_are_relatives_by_types_and_others_by_elements() -> None:
    """Elements do not tell the charges that GAFF's energy of a pair comes from."""
    same_elements = [("a", "a | b", "a | b | c", "a | b | c | d"), ("a", "a | e", "a | e | f", "a | e | f | g")]
    same_types = [("a", "a | b", "a | b | c", "a | b | c | d"), ("a", "a | b", "a | b | h", "a | b | h | i")]
    for quantity, by_elements in (("pair local", 0.0), ("bond 1", SHARES[0])):
        for levels, share in ((same_elements, by_elements), (same_types, SHARES[0] + SHARES[1])):
            (one, other) = ([(quantity, own)] for own in levels)
            np.testing.assert_allclose(covariance(one, other, SHARES), [[share]], rtol=1e-12)
            assert len(families_of(one + other)) == (1 if share else 2)
