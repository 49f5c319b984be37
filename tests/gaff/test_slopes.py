import pytest
import torch

from hybridff.expression import FUNCTIONS, Expression
from hybridff.gaff.slopes import derivative

EXPRESSIONS = [
    *(f"{name}(0.3 + a*b)" for name in FUNCTIONS),
    "a + 2",
    "b - a",
    "a - b*a",
    "-a*+a",
    "a/b - b/a + 3/(1 + a^2)",
    "a^3 + a^2 + a^1 + a^0 + a^-2 + a^0.5",
    "(1 + a)^(2*b)",
    "2^a + b^(a*b)",
    "(1 - exp(-a*(b - 0.1)))^2",
    "exp(-((a - b)/0.06)^2)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_derivatives_are_those_of_automatic_differentiation(text: str) -> None:
    values = {name: torch.tensor(number, dtype=torch.float64) for name, number in (("a", 0.7), ("b", 1.3))}
    a = values["a"].requires_grad_()
    (expected,) = torch.autograd.grad(Expression(text).evaluate(values), a)
    torch.testing.assert_close(derivative(Expression(text), "a").evaluate(values), expected, rtol=1e-13, atol=1e-13)


def test_the_derivative_by_a_name_that_does_not_occur_is_zero() -> None:
    assert derivative(Expression("sin(b) + b^2/3"), "a").evaluate({}).item() == 0.0


def test_the_magnitude_of_zero_has_a_derivative() -> None:
    zero = {"a": torch.tensor(0.0, dtype=torch.float64)}
    assert derivative(Expression("abs(a)"), "a").evaluate(zero).item() == 0.0
