import numpy as np
import torch

from hybridff.corrections.conjugate import State, beginning, step


def system(n: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    root = torch.as_tensor(np.random.default_rng(0).normal(size=(n, n)))
    return root @ root.T + torch.eye(n, dtype=torch.float64), torch.arange(n, dtype=torch.float64)


def test_as_many_steps_as_unknowns_solve_the_equations() -> None:
    matrix, target = system()
    diagonal = matrix.diagonal()
    state = beginning(matrix.matmul, lambda vector: vector / diagonal, target)
    for _ in range(60):
        state = step(matrix.matmul, lambda vector: vector / diagonal, state)
    assert state.steps == 60
    torch.testing.assert_close(state.solution, torch.linalg.solve(matrix, target), rtol=1e-6, atol=1e-8)


def test_an_exact_preconditioner_needs_one_step() -> None:
    matrix, target = system()
    inverse = torch.linalg.inv(matrix)
    state = step(matrix.matmul, inverse.matmul, beginning(matrix.matmul, inverse.matmul, target))
    assert float(state.residual.abs().max()) < 1e-8


def test_a_guess_is_where_they_begin() -> None:
    matrix, target = system()
    guess = torch.linalg.solve(matrix, target)
    assert float(beginning(matrix.matmul, lambda vector: vector, target, guess).residual.abs().max()) < 1e-9


def test_a_state_that_was_kept_goes_on_as_if_it_had_not_been() -> None:
    matrix, target = system()
    state = beginning(matrix.matmul, lambda vector: vector, target)
    for _ in range(3):
        state = step(matrix.matmul, lambda vector: vector, state)
    kept = State.from_arrays(state.as_arrays(), target)
    one, other = (step(matrix.matmul, lambda vector: vector, own) for own in (state, kept))
    assert torch.equal(one.solution, other.solution)
    assert one.steps == other.steps == 4
