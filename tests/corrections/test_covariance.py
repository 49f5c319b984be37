import sys

import numpy as np
import pytest
import torch

from hybridff.corrections.covariance import add_squares, solve_in_place


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 16, so that matrices of a test have several, the last of them smaller."""
    monkeypatch.setattr(sys.modules["hybridff.corrections.covariance"], "_STEP", 16)


def covariance(n: int) -> torch.Tensor:
    columns = torch.as_tensor(np.random.default_rng(0).normal(size=(n, 2 * n)))
    return columns @ columns.T


@pytest.mark.parametrize("n", [1, 16, 41])
def test_the_solution_is_that_of_numpy(n: int) -> None:
    matrix, targets = covariance(n), torch.as_tensor(np.random.default_rng(1).normal(size=n))
    lower = matrix.tril() + torch.full((n, n), torch.nan, dtype=torch.float64).triu(1)  # the upper half is not read
    np.testing.assert_allclose(solve_in_place(lower, targets), np.linalg.solve(matrix, targets), rtol=1e-9)


def test_targets_stay_what_they_are() -> None:
    targets = torch.ones(20, dtype=torch.float64)
    solve_in_place(covariance(20), targets)
    assert (targets == 1).all()


def test_a_singular_matrix_is_refused_whichever_block_shows_it() -> None:
    matrix = covariance(41)
    matrix[40] = matrix[20]
    matrix[:, 40] = matrix[:, 20]
    matrix[40, 40] = matrix[20, 20] - 1e-6
    with pytest.raises(np.linalg.LinAlgError):
        solve_in_place(matrix, torch.ones(41, dtype=torch.float64))


def test_squares_are_added_to_the_lower_half() -> None:
    rows, matrix = torch.as_tensor(np.random.default_rng(2).normal(size=(7, 41))), covariance(41)
    expected = matrix + rows.T @ rows
    add_squares(matrix, rows)
    np.testing.assert_allclose(np.tril(matrix), np.tril(expected), rtol=1e-12)
