import numpy as np
import pytest
import torch
from numba import njit

from hybridff.elementary import NAMESPACE
from hybridff.expressions.expression import Expression
from hybridff.expressions.statements import Statements
from hybridff.expressions.syntax import FUNCTIONS


def run(statements: Statements, **values: float) -> list[float]:
    """The value and the derivatives, compiled by numba."""
    result = f"return ({', '.join(['+' + statements.value, *statements.slopes])},)"
    source = "\n    ".join([f"def run({', '.join(values)}):", *statements.lines, result])
    namespace = dict(NAMESPACE)
    exec(source, namespace)
    return list(njit(error_model="numpy")(namespace["run"])(*values.values()))


@pytest.mark.parametrize(
    "text",
    [
        *(f"{name}(a*b)" for name in FUNCTIONS),
        "a^0 + a^1 + a^-7 + b^0.5 + a^b",
        "+a*0 + a*b*1 - 0*b + (0 - a)",
        "(a - b)/(a + 2*b) + 1/3",
        "2*3 - a",
    ],
)
def test_compiled_code_has_the_value_and_the_derivatives_of_torch(text: str) -> None:
    numbers = {"a": 0.7, "b": 1.3}
    values = {name: torch.tensor(number, dtype=torch.float64, requires_grad=True) for name, number in numbers.items()}
    value = Expression(text).evaluate(values)
    slopes = torch.autograd.grad(value, list(values.values()), allow_unused=True)
    expected = [value.item(), *(0.0 if slope is None else slope.item() for slope in slopes)]
    np.testing.assert_allclose(run(Expression(text).statements(by=("a", "b")), **numbers), expected, rtol=1e-14)


def test_equal_parts_are_computed_once() -> None:
    code = Expression("(1 - exp(-a*r))^2*exp(-a*r)").statements(by=("r", "a"))
    assert "".join(code.lines).count("exp(") == 1


def test_numbers_are_folded_and_one_and_zero_left_out() -> None:
    code = Expression("1*r + 0*(r + 1) + (3 - 3)").statements(by=("r", "a"))
    assert code.value == "r"
    assert code.slopes == ("(1.0)", "(0.0)")


def test_whole_powers_are_multiplications_and_others_are_powers() -> None:
    assert Expression("r^6").statements(by=()).lines == ("t0 = r * r", "t1 = t0 * r", "t2 = t1 * t1")
    assert Expression("r^0.5").statements(by=()).lines == ("t0 = r ** (0.5)",)
    assert Expression("r^65").statements(by=()).lines == ("t0 = r ** (65.0)",)
