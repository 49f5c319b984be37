import numpy as np
import torch

from hybridff.corrections.factors import DenseFactor, Factor, HeldFactor


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def check(factor: Factor, expected: torch.Tensor) -> None:
    """All that a factor does is what its matrix does."""
    n, k = expected.shape
    assert factor.shape == (n, k)
    torch.testing.assert_close(factor.times(numbers(k)), expected @ numbers(k))
    torch.testing.assert_close(factor.along(numbers(n)), expected.T @ numbers(n))
    torch.testing.assert_close(factor.products(numbers(n, 3)), expected.T @ numbers(n, 3))
    noise = numbers(n, seed=1) ** 2 + 0.1
    found = torch.eye(k, dtype=torch.float64)
    factor.add_squares(found, noise)
    squares = expected.T @ (expected / noise[:, None]) + torch.eye(k, dtype=torch.float64)
    torch.testing.assert_close(found.tril(), squares.tril())


def test_a_dense_factor_is_its_matrix() -> None:
    check(DenseFactor(numbers(3000, 7)), numbers(3000, 7))


def test_single_precision_is_kept_and_answers_are_double() -> None:
    factor = DenseFactor(numbers(20, 4).float())
    assert factor.along(numbers(20)).dtype == factor.times(numbers(4)).dtype == torch.float64
    torch.testing.assert_close(factor.times(numbers(4)), numbers(20, 4) @ numbers(4), rtol=1e-5, atol=1e-5)


def test_what_is_held_stays_zero() -> None:
    directions = torch.linalg.qr(numbers(7, 2, seed=2))[0]
    free = torch.eye(7, dtype=torch.float64) - directions @ directions.T
    check(HeldFactor(DenseFactor(numbers(30, 7)), 0.3, directions), 0.3 * numbers(30, 7) @ free)
    check(HeldFactor(DenseFactor(numbers(30, 7)), 0.3, numbers(7, 0)), 0.3 * numbers(30, 7))


def test_last_rows_are_those_of_the_matrix() -> None:
    directions = torch.linalg.qr(numbers(7, 2, seed=2))[0]
    expected = 0.3 * numbers(30, 7) @ (torch.eye(7, dtype=torch.float64) - directions @ directions.T)
    found = HeldFactor(DenseFactor(numbers(30, 7)), 0.3, directions)
    torch.testing.assert_close(found.last_rows(3), expected[-3:])
    assert found.last_rows(0).shape == (0, 7)
