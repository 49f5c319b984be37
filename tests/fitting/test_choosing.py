from functools import cache

import numpy as np
from models import distorted, force_field

from hybridff.fitting.choosing import choose_at_random, choose_by_posterior, choose_farthest
from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.gaff.forcefield import ForceField
from hybridff.units import FORCE_KCAL, KCAL_MOL

NOISE = Noise(energy=0.5 * KCAL_MOL, force=FORCE_KCAL)
CANDIDATES, TARGETS = distorted("acetaldehyde", 12, 0.01, seed=1), distorted("acetaldehyde", 6, 0.005, seed=2)


@cache
def model() -> tuple[ForceField, Posterior]:
    form = force_field("acetaldehyde", form="class2")
    return form, Posterior.of_priors(form)


def left_after(rows: list[int]) -> float:
    """Mean variance of the forces of the targets once some candidates are labelled, by the inverse of all at once."""
    form, posterior = model()
    known = posterior.whitened(form, NOISE, CANDIDATES[rows]).astype(float)
    known = known.reshape(len(known), -1)
    probes = posterior.probes(form, TARGETS)
    told = known.T @ probes
    return float((probes**2).sum() - np.sum(told * np.linalg.solve(np.eye(known.shape[1]) + known.T @ known, told)))


def test_each_candidate_is_the_best_one_given_those_before() -> None:
    found = choose_by_posterior(model()[1], model()[0], NOISE, CANDIDATES, TARGETS, 3)
    rows: list[int] = []
    for row, left in zip(found.rows.tolist(), found.left, strict=True):
        by_candidate = {other: left_after([*rows, other]) for other in range(12) if other not in rows}
        lost = left_after(rows) - min(by_candidate.values())
        assert by_candidate[row] < left_after(rows) - 0.979 * lost  # of those within 2 %, the most unlike the others
        rows.append(row)
        np.testing.assert_allclose(left, np.sqrt(left_after(rows)), rtol=1e-4)  # rows are in single precision
    assert len(set(rows)) == 3


def test_of_candidates_that_are_as_good_the_most_unlike_the_known_ones_is_taken() -> None:
    form, posterior = model()
    nothing = Posterior(posterior.fitted, 0 * posterior.spread, posterior.mean_energies)
    found = choose_by_posterior(nothing, form, NOISE, CANDIDATES, TARGETS, 3, CANDIDATES[:2])
    np.testing.assert_array_equal(found.rows, choose_farthest(CANDIDATES, 3, CANDIDATES[:2]).rows)


def test_the_farthest_is_that_with_the_largest_distance_from_the_nearest_one() -> None:
    i, j = np.triu_indices(CANDIDATES.shape[1], 1)
    places = 1 / np.linalg.norm(CANDIDATES[:, i] - CANDIDATES[:, j], axis=2)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    rows = choose_farthest(CANDIDATES, 5, CANDIDATES[:1]).rows.tolist()
    known = [0]
    for row in rows:
        assert row == int(np.argmax(apart[:, known].min(1)))
        known.append(row)


def test_random_choices_are_the_same_for_a_seed() -> None:
    first, other = choose_at_random(50, 8, seed=3).rows, choose_at_random(50, 8, seed=4).rows
    np.testing.assert_array_equal(first, choose_at_random(50, 8, seed=3).rows)
    assert len(set(first.tolist())) == 8
    assert set(first.tolist()) != set(other.tolist())


def test_no_more_are_chosen_than_there_are() -> None:
    assert sorted(choose_by_posterior(model()[1], model()[0], NOISE, CANDIDATES[:3], TARGETS, 5).rows.tolist()) == [
        0,
        1,
        2,
    ]
    assert sorted(choose_farthest(CANDIDATES[:3], 5).rows.tolist()) == [0, 1, 2]
