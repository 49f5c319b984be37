from dataclasses import replace

import numpy as np
import pytest
import torch
from models import distorted, molecule

from hybridff.corrections import compiled
from hybridff.corrections.covariance import Points, internal_basis
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.posterior import KernelPrior, cross_covariance
from hybridff.corrections.products import KernelCovariance, each_by_torch, sums_by_torch

WIDTH, VARIANCE = 7.0, 3.0
N_SLOPED = 8


def covariance(*, angular: bool) -> KernelCovariance:
    """Ethanol with its permutations; energies alone are known of the last two of ten geometries."""
    x = torch.as_tensor(distorted("ethanol", 10))
    images = torch.cat([x, x[:, [0, 1, 2, 4, 5, 3, 7, 6, 8]]])
    fragment = Fragment.find(molecule("ethanol"), range(9), images, angular=angular)
    assert len(fragment.permutations) > 1
    points = fragment.points(x, internal_basis(x[:N_SLOPED]))
    return KernelCovariance(fragment, points, KernelPrior(WIDTH, VARIANCE))


def matrix(kernel: KernelCovariance) -> torch.Tensor:
    return VARIANCE * cross_covariance(kernel.points, kernel.points, kernel.fragment, WIDTH)


@pytest.fixture(params=[False, True], ids=["distances", "angular"])
def kernel(request: pytest.FixtureRequest) -> KernelCovariance:
    return covariance(angular=request.param)


def test_products_are_those_of_the_matrix(kernel: KernelCovariance) -> None:
    whole = matrix(kernel)
    vector = torch.as_tensor(np.random.default_rng(0).normal(size=len(whole)))
    expected = whole @ vector
    torch.testing.assert_close(kernel.times(vector), expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


def test_the_diagonal_and_columns_are_those_of_the_matrix(kernel: KernelCovariance) -> None:
    whole = matrix(kernel)
    chosen = torch.tensor([3, 40, 41, 100])
    scale = 1e-12 * float(whole.abs().max())
    torch.testing.assert_close(kernel.diagonal(), whole.diagonal()[: kernel.points.n_forces], rtol=0, atol=scale)
    torch.testing.assert_close(kernel.columns(chosen), whole[:, chosen], rtol=0, atol=scale)


def test_torch_and_compiled_code_sum_the_same(kernel: KernelCovariance) -> None:
    random = np.random.default_rng(1)
    weights = torch.as_tensor(random.normal(size=kernel.points.x.shape))
    fragment, x = kernel.fragment, kernel.points.x
    forces_alone = KernelExpansion(fragment.descriptor, x, weights, None, fragment.permutations, WIDTH)
    both = replace(forces_alone, energy_weights=torch.as_tensor(random.normal(size=len(weights))))
    where = x + 0.1
    found = (*sums_by_torch(both, where), *sums_by_torch(forces_alone, where), *each_by_torch(forces_alone, where))
    wanted = (*compiled.sums(both, where), *compiled.sums(forces_alone, where), *compiled.each(forces_alone, where))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11 * float(other.abs().max()))


def test_sums_by_parts_are_those_of_the_whole(kernel: KernelCovariance, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = torch.as_tensor(np.random.default_rng(1).normal(size=kernel.points.x.shape))
    fragment, x = kernel.fragment, kernel.points.x
    expansion = KernelExpansion(fragment.descriptor, x, weights, None, fragment.permutations, WIDTH)
    wanted = compiled.sums(expansion, x + 0.1)
    monkeypatch.setattr(compiled, "_ROWS", 3)
    monkeypatch.setattr(compiled, "_COLUMNS", 4)
    assert len(x) > 3
    for one, other in zip(compiled.sums(expansion, x + 0.1), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * float(other.abs().max()))


def test_sums_are_energies_and_their_derivatives(kernel: KernelCovariance) -> None:
    weights = torch.as_tensor(np.random.default_rng(2).normal(size=kernel.points.x.shape))
    fragment, x = kernel.fragment, kernel.points.x
    expansion = KernelExpansion(fragment.descriptor, x, weights, None, fragment.permutations, WIDTH)
    where = (x + 0.1).requires_grad_()
    expected = expansion.of_descriptors(where)
    (slopes,) = torch.autograd.grad(expected.sum(), where)
    energies, by_x = compiled.sums(expansion, where.detach())
    torch.testing.assert_close(energies, expected.detach(), rtol=0, atol=1e-12 * float(expected.detach().abs().max()))
    torch.testing.assert_close(by_x, slopes, rtol=0, atol=1e-12 * float(slopes.abs().max()))


def test_points_without_forces_have_energies_alone() -> None:
    kernel = covariance(angular=False)
    alone = Points(kernel.points.x, kernel.points.slopes[:0])
    vector = torch.arange(10, dtype=torch.float64)
    found = KernelCovariance(kernel.fragment, alone, kernel.prior).times(vector)
    expected = matrix(kernel)[kernel.points.n_forces :, kernel.points.n_forces :] @ vector
    torch.testing.assert_close(found, expected)
