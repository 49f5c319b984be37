import numpy as np
import pytest
import torch
from models import distorted

from hybridff.corrections.covariance import Points, internal_basis, projected
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import (
    Hyperparameters,
    Observations,
    PredictionScore,
    SearchResult,
    changes,
    score,
    search,
    single_precision,
)
from hybridff.corrections.posterior import Targets, mean_force_variance, solve

ATOMS = ((0, 1, 2, 8), (1, 3, 4, 5))
NOISE = 4.0
"""Deviation of the noise of a force component [kJ/mol/nm]."""
SCALE = 500.0


def fragments() -> list[Fragment]:
    return [Fragment(atoms, Descriptor(4), torch.arange(4)[None]) for atoms in ATOMS]


def spring(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Energies and forces of ½ k (r - r0)² between two atoms that only the first kernel sees together."""
    x = x.clone().requires_grad_()
    energy = 1500 * ((x[:, 0] - x[:, 8]).norm(dim=-1) - 0.3) ** 2
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    return energy.detach(), -gradient


def part(n: int, seed: int, *, strength: float = 1.0, noise: float = NOISE, terms: float = 0.0) -> Observations:
    """Frames of a spring and noise; ``terms`` is the deviation of a coefficient that scales the spring."""
    x = torch.as_tensor(distorted("ethanol", n, seed=seed))
    basis = internal_basis(x)
    energies, forces = spring(x)
    column = np.concatenate([projected(forces, basis).numpy().ravel(), energies.numpy()])
    n_forces = len(column) - n
    size = np.where(np.arange(len(column)) < n_forces, noise, 0.025 * noise)
    values = strength * column + size * np.random.default_rng(seed).normal(size=len(column))
    offset = torch.zeros(len(values), 1, dtype=torch.float64)
    offset[n_forces:] = 1000.0
    points = [fragment.points(x, basis) for fragment in fragments()]
    effects = torch.as_tensor(terms * column[None]) if terms else None
    return Observations(torch.as_tensor(values), n_forces, offset, points, effects)


def search_result(train: Observations, unseen: Observations) -> SearchResult:
    objective = PredictionScore(train, unseen, fragments())
    return search(objective, Hyperparameters.usual(2, SCALE), changes(2, width=True, noise=True, terms=True), 40)


def test_the_score_counts_forces_and_energies_less_their_mean() -> None:
    values = np.array([1.0, -1.0, 7.0, 9.0])
    left = np.array([0.5, -0.5, 20.5, 19.5])
    assert score(values, left, 2) == pytest.approx(2 * np.log(0.5))


def test_the_kernel_that_is_needed_is_found_and_the_other_switched_off() -> None:
    found = search_result(part(24, 0), part(20, 1))
    needed, other = found.hyperparameters.amplitudes
    assert needed > 0
    assert other == 0
    assert found.gains[0] > 0.5
    assert found.gains[1] == 0
    assert found.score < -0.5


def test_noise_alone_switches_every_kernel_off() -> None:
    found = search_result(part(24, 0, strength=0.0), part(20, 1, strength=0.0))
    assert found.hyperparameters.amplitudes == (0, 0)
    assert found.score == 0


def test_what_does_not_hold_for_unseen_frames_switches_every_kernel_off() -> None:
    assert search_result(part(24, 0), part(20, 1, strength=-1.0)).hyperparameters.amplitudes == (0, 0)


def test_terms_that_would_be_bad_alone_are_not_followed() -> None:
    """A coefficient that does the opposite in unseen frames must not move, whatever the kernel could make of it."""
    assert search_result(part(24, 0, terms=100.0), part(20, 1, terms=-100.0)).hyperparameters.amplitudes == (0, 0)


def test_the_prediction_is_that_of_the_trained_kernels() -> None:
    train, unseen = part(24, 0), part(20, 1)
    hyperparameters = Hyperparameters((60.0, 2.0), (300.0, 0.0), 4.0, 0.1)
    found = hyperparameters.priors(fragments(), train.points)
    targets = Targets(train.values, train.n_forces, train.offset @ train.offset.T)
    (term,), _ = solve(targets, fragments(), train.points, found)
    x = torch.as_tensor(distorted("ethanol", 20, seed=1))
    energies, forces = term.energy_forces(x)
    predicted = np.concatenate([projected(forces, internal_basis(x)).numpy().ravel(), energies.numpy()])
    rounding = single_precision([term.expansion], unseen.points[:1])
    values = unseen.values.numpy()
    expected = score(values, values - predicted, unseen.n_forces, rounding)
    assert PredictionScore(train, unseen, fragments())(hyperparameters) == pytest.approx(expected, rel=1e-7)


def test_what_single_precision_does_to_a_kernel_is_what_torch_does_in_single_precision() -> None:
    train, unseen = part(24, 0), part(20, 1)
    found = Hyperparameters((60.0, 2.0), (300.0, 0.0), 0.01, 0.001).priors(fragments(), train.points)
    targets = Targets(train.values, train.n_forces, train.offset @ train.offset.T)
    (term,), _ = solve(targets, fragments(), train.points, found)
    x = torch.as_tensor(distorted("ethanol", 20, seed=1))
    energies, forces = term.energy_forces(x)
    rounded = x.float().requires_grad_()
    energy = term.expansion.of_descriptors(term.expansion.descriptor.of(rounded[:, list(ATOMS[0])]), torch.float32)
    (gradient,) = torch.autograd.grad(energy.sum(), rounded)
    force_deviation, energy_deviation = single_precision([term.expansion], unseen.points[:1])
    by_energy = float((energies - energy.detach().double()).square().mean().sqrt())
    # Of forces in the 21 inner directions; rounding is random, so that the same size is all there is.
    by_force = float(projected(forces.detach() + gradient.double(), internal_basis(x)).square().mean().sqrt())
    assert 0.2 < energy_deviation / by_energy < 5
    assert 0.2 < force_deviation / by_force < 5


def test_rounding_counts_as_an_error() -> None:
    values, left = np.array([3.0, -3.0, 7.0, 9.0]), np.array([0.3, -0.3, 0.0, 0.0])
    assert score(values, left, 2, (0.4, 0.5)) == pytest.approx(np.log(0.5 / 3) + np.log(0.5 / 1))


def test_noise_too_small_for_double_precision_is_not_possible() -> None:
    train, unseen = part(24, 0), part(20, 1)
    twice = Observations(
        torch.cat([train.values[: train.n_forces]] * 2 + [train.values[train.n_forces :]] * 2),
        2 * train.n_forces,
        torch.cat([train.offset[: train.n_forces]] * 2 + [train.offset[train.n_forces :]] * 2),
        [Points(own.x.repeat(2, 1), own.slopes.repeat(2, 1, 1)) for own in train.points],
        None,
    )
    objective = PredictionScore(twice, unseen, fragments())
    assert objective(Hyperparameters((60.0, 60.0), (300.0, 300.0), 1e-9, 1e-12)) == np.inf


def test_a_search_follows_what_helps_and_stops_after_so_many_scores() -> None:
    seen: list[Hyperparameters] = []

    def objective(hyperparameters: Hyperparameters) -> float:
        seen.append(hyperparameters)
        return abs(np.log(hyperparameters.amplitudes[0] / 4050.0)) + abs(np.log(hyperparameters.widths[0] / 160.0)) - 10

    begin = Hyperparameters.usual(1, SCALE)
    found = search(objective, begin, changes(1, width=True, noise=True, terms=True), 40)
    assert found.hyperparameters.amplitudes == pytest.approx((4050.0,))
    assert found.hyperparameters.widths == (160.0,)
    assert found.gains == (-found.score,)
    assert len(seen) == len(set(seen)) <= 40
    seen.clear()
    visited: list[tuple[int, float]] = []
    search(objective, begin, changes(1, width=True, noise=True, terms=True), 3, lambda *known: visited.append(known))
    assert len(seen) == 3
    assert [n for n, _ in visited] == [1, 2, 3, 4]  # the last without any kernel
    assert visited[-1][1] == min(objective(hyperparameters) for hyperparameters in list(seen))


def test_what_is_fixed_is_not_changed() -> None:
    begin = Hyperparameters.usual(2, SCALE, width=33.0, noise=7.0)
    assert begin.widths == (33.0, 33.0)
    for change in changes(2, width=False, noise=False, terms=False):
        after = change(begin, 1)
        assert (after.widths, after.force_noise) == (begin.widths, begin.force_noise)


def test_a_change_and_its_opposite_give_what_was_there_before() -> None:
    begin = Hyperparameters((33.0, 20.0), (150.0, 70.0), 0.7, 0.03, coefficient_scale=0.3)
    for change in changes(2, width=True, noise=True, terms=True):
        assert change(begin, 1) != begin
        assert change(change(begin, 1), -1) == begin


def test_priors_give_forces_of_the_amplitudes() -> None:
    points = part(24, 0).points
    found = Hyperparameters((20.0, 9.0), (150.0, 0.0), 0.7, 0.03).priors(fragments(), points)
    assert found.kernels[0].variance * mean_force_variance(points[0], fragments()[0], 20.0) == pytest.approx(150.0**2)
    assert found.kernels[1].variance == 0
    assert (found.force_noise, found.energy_noise) == (0.7, 0.03)
