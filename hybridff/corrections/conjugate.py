"""Preconditioned conjugate gradients.

Y. Saad, Iterative Methods for Sparse Linear Systems, second edition (2003), algorithm 9.1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Operator = Callable[[Float[Tensor, " n"]], Float[Tensor, " n"]]
"""A symmetric positive matrix, as its product with a vector."""


@dataclass(frozen=True, eq=False)
class State:
    """Where conjugate gradients have come to."""

    solution: Float[Tensor, " n"]
    residual: Float[Tensor, " n"]
    """Target less matrix times solution."""
    direction: Float[Tensor, " n"]
    """Direction of the next step."""
    length: float
    """Scalar product of the residual and its product with the preconditioner."""
    steps: int = 0

    def as_arrays(self) -> dict[str, np.ndarray]:
        """The same as arrays, to be kept in a file."""
        vectors = {name: getattr(self, name).numpy(force=True) for name in ("solution", "residual", "direction")}
        return {**vectors, "length": np.array(self.length), "steps": np.array(self.steps)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], like: Tensor) -> "State":
        """What ``as_arrays`` gave, on the device of a tensor.

        Raises ``KeyError`` for other arrays.
        """
        vectors = {name: torch.as_tensor(arrays[name]).to(like) for name in ("solution", "residual", "direction")}
        return cls(**vectors, length=float(arrays["length"]), steps=int(arrays["steps"]))


def beginning(
    times: Operator, precondition: Operator, target: Float[Tensor, " n"], guess: Float[Tensor, " n"] | None = None
) -> State:
    """The state before the first step, at a guess of the solution or at nothing."""
    solution = torch.zeros_like(target) if guess is None else guess.clone()
    residual = target.clone() if guess is None else target - times(guess)
    direction = precondition(residual)
    return State(solution, residual, direction, float(residual @ direction))


def step(times: Operator, precondition: Operator, state: State) -> State:
    """The state after one more step."""
    image = times(state.direction)
    share = state.length / float(state.direction @ image)
    residual = state.residual - share * image
    ahead = precondition(residual)
    length = float(residual @ ahead)
    direction = ahead + (length / state.length) * state.direction
    return State(state.solution + share * state.direction, residual, direction, length, state.steps + 1)
