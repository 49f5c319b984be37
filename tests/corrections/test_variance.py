from functools import cache

import numpy as np
import torch
from models import distorted

from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion, matern
from hybridff.corrections.variance import PosteriorDeviation

N_POINTS = 40
DESCRIPTOR = Descriptor(4)
TURNS = torch.tensor([[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]])


def positions(n: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(distorted("ethanol", n, seed=seed))[:, [1, 5, 6, 7]]


@cache
def deviation_of_points() -> PosteriorDeviation:
    x = DESCRIPTOR.of(positions(N_POINTS))
    return PosteriorDeviation.of(KernelExpansion(DESCRIPTOR, x, torch.zeros_like(x), None, TURNS, 5.0))


def test_points_have_no_distance_and_neither_have_their_images() -> None:
    x = positions(N_POINTS)
    for permutation in TURNS:
        # The root of the jitter, over that of a variance of 1e-3.
        assert deviation_of_points().distance(x[:, permutation]).max() < 1e-2


def test_new_frames_of_the_same_kind_are_about_as_far_as_the_points_from_each_other() -> None:
    found = deviation_of_points().distance(positions(200, seed=1))
    assert 0.85 < np.mean(found < 1) < 1


def test_distance_grows_towards_the_deviation_of_the_prior() -> None:
    x = positions(1, seed=2)
    along = [float(deviation_of_points().distance(factor * x)[0]) for factor in (1.0, 1.2, 1.5, 2.0, 5.0)]
    assert along == sorted(along)
    assert along[-1] > 10 * along[0]


def test_pseudo_frames_are_not_among_the_points() -> None:
    """Points without forces, where nothing is known."""
    x = DESCRIPTOR.of(positions(N_POINTS + 5))
    weights = torch.ones_like(x)
    weights[N_POINTS:] = 0
    with_pseudo_frames = PosteriorDeviation.of(KernelExpansion(DESCRIPTOR, x, weights, torch.ones(len(x)), TURNS, 5.0))
    new = positions(7, seed=4)
    np.testing.assert_allclose(with_pseudo_frames.distance(new), deviation_of_points().distance(new), rtol=1e-9)


def test_it_is_the_deviation_of_a_gaussian_process_that_knows_the_energies_of_the_points() -> None:
    """Against the formula with an explicit inverse, relative to the points that are left out."""
    x, points = DESCRIPTOR.of(positions(3, seed=3)), DESCRIPTOR.of(positions(N_POINTS))
    index = DESCRIPTOR.index(TURNS)

    def covariance(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
        return sum(matern(a[:, None] - b[:, entries], 5.0, "value")[0] for entries in index).numpy()  # type: ignore[union-attr]

    def deviation(a: torch.Tensor, known: torch.Tensor) -> np.ndarray:
        cross = covariance(a, known)
        left = np.diag(covariance(a, a)) - np.diag(cross @ np.linalg.solve(covariance(known, known), cross.T))
        return np.sqrt(left / np.diag(covariance(a, a)))

    rest = [torch.cat([points[:i], points[i + 1 :]]) for i in range(N_POINTS)]
    own = [deviation(points[i : i + 1], rest[i])[0] for i in range(N_POINTS)]
    expected = deviation(x, points) / np.quantile(own, 0.95)
    np.testing.assert_allclose(deviation_of_points().distance(positions(3, seed=3)), expected, rtol=1e-4)
