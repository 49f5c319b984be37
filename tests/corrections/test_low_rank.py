from dataclasses import replace

import numpy as np
import torch
from models import distorted, molecule

from hybridff.corrections.covariance import Points, internal_basis
from hybridff.corrections.factors import DenseFactor
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.low_rank import ExtendedInverse, LowRankInverse, partial_cholesky
from hybridff.corrections.posterior import KernelPrior, cross_covariance
from hybridff.corrections.products import KernelCovariance

WIDTH = 7.0


def kernels() -> tuple[list[KernelCovariance], torch.Tensor]:
    """Kernels on two parts of ethanol, and the matrix of their covariance."""
    x = torch.as_tensor(distorted("ethanol", 12))
    basis = internal_basis(x)
    found = []
    for atoms, variance in (((0, 1, 2, 8), 1.0), ((0, 1, 3, 4, 5), 4.0)):
        fragment = Fragment.find(molecule("ethanol"), atoms, x)
        found.append(KernelCovariance(fragment, fragment.points(x, basis), KernelPrior(WIDTH, variance)))
    whole = [own.prior.variance * cross_covariance(own.points, own.points, own.fragment, WIDTH) for own in found]
    return found, whole[0] + whole[1]


def test_what_few_columns_leave_is_a_covariance_and_falls_with_their_number() -> None:
    found, whole = kernels()
    shares = []
    for rank in (20, 80, 200):
        factor = partial_cholesky(found, rank).matrix
        assert factor.shape[1] <= rank
        left = whole - factor @ factor.T
        assert float(torch.linalg.eigvalsh(left).min()) > -1e-6 * float(whole.diagonal().max())
        shares.append(float(left.diagonal().sum() / whole.diagonal().sum()))
    assert shares[0] > 10 * shares[1] > 100 * shares[2]


def test_columns_are_the_same_each_time() -> None:
    found, _ = kernels()
    assert torch.equal(partial_cholesky(found, 40).matrix, partial_cholesky(found, 40).matrix)
    assert not torch.equal(partial_cholesky(found, 40).chosen, partial_cholesky(found, 40, seed=1).chosen)


def test_columns_end_where_nothing_is_left() -> None:
    found, whole = kernels()
    factor = partial_cholesky(found, 10_000).matrix
    assert factor.shape[1] <= len(whole)
    assert float((whole - factor @ factor.T).diagonal()[: found[0].points.n_forces].max()) < 1e-5


def test_the_inverse_is_that_of_the_whole_matrix() -> None:
    random = np.random.default_rng(0)
    first, second, last = (torch.as_tensor(random.normal(size=(50, k))) for k in (7, 1, 3))
    noise = torch.as_tensor(random.uniform(0.5, 2.0, 50))
    vector = torch.as_tensor(random.normal(size=50))
    whole = first @ first.T + second @ second.T + last @ last.T + noise.diag()
    expected = torch.linalg.solve(whole, vector)
    found = LowRankInverse([first, second], [DenseFactor(last)], noise)
    torch.testing.assert_close(found(vector), expected, rtol=1e-9, atol=1e-12)
    single = LowRankInverse([first, second], [DenseFactor(last.float())], noise)
    torch.testing.assert_close(single(vector), expected, rtol=1e-3, atol=1e-5)


def test_rows_of_more_energies_are_those_that_would_have_been_made_with_them() -> None:
    found, _ = kernels()
    parts = [replace(own, points=Points(own.points.x[:9], own.points.slopes[:9])) for own in found]
    forces = parts[0].points.n_forces
    alone = partial_cholesky(parts, 100)
    more = [replace(own, points=Points(own.points.x, own.points.slopes[:9])) for own in found]
    rows = alone.of_energies(more, 9)
    expected = partial_cholesky(more, 100).matrix
    torch.testing.assert_close(rows, expected[forces + 9 :], rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert len(rows) == 3


def test_an_extended_inverse_is_that_of_more_values_and_fewer_unknowns() -> None:
    random = np.random.default_rng(0)
    first, last = (torch.as_tensor(random.normal(size=(50, k))) for k in (7, 4))
    noise = torch.as_tensor(random.uniform(0.5, 2.0, 50))
    vector = torch.as_tensor(random.normal(size=50))
    both = torch.hstack([first, last])
    held = torch.linalg.qr(torch.as_tensor(random.normal(size=(11, 2))))[0]
    free = both - both @ held @ held.T
    expected = torch.linalg.solve(free @ free.T + noise.diag(), vector)
    known = LowRankInverse([first[:47]], [DenseFactor(last[:47])], noise[:47])
    found = ExtendedInverse(known, both[47:], noise[47:], held)
    torch.testing.assert_close(found(vector), expected, rtol=1e-9, atol=1e-12)
