import math
import re

import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces

from hybridff.errors import InputError
from hybridff.expressions.expression import Expression, bounded_expression
from hybridff.expressions.syntax import FUNCTIONS

EXACT = 1e-15  # a few roundings of double precision


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-x^2", -4.0),
        ("(-x)^2", 4.0),
        ("2^-x", 0.25),
        ("x - 3 - 4", -5.0),
        ("x - (3 - 4)", 3.0),
        ("12/x/3", 2.0),
        ("12/(x/3)", 18.0),
        ("3 + 4*x", 11.0),
        ("2*-x", -4.0),
        ("+x", 2.0),
        ("1/4", 0.25),
        ("(x^2)^3", 64.0),
        ("1.5e1*x", 30.0),
        ("exp(-(x - 2))", 1.0),
        ("sqrt(2)*x", 2 * math.sqrt(2)),
        ("log(exp(1))", 1.0),
    ],
)
def test_precedence_is_that_of_algebra_in_torch_and_in_openmm(text: str, value: float) -> None:
    expression = Expression(text)
    actual = expression.evaluate({"x": torch.tensor(2.0, dtype=torch.float64)})
    assert float(actual) == pytest.approx(value, rel=EXACT)
    force = openmm.CustomBondForce(expression.openmm({"x": "r"}))
    force.addBond(0, 1)
    energies, _ = openmm_energy_forces([force], np.array([[[0.0, 0, 0], [2.0, 0, 0]]]))
    assert energies[0] == pytest.approx(value, rel=EXACT)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_the_same_value_and_slope_in_openmm(name: str) -> None:
    r = torch.tensor([0.3, 0.7, 1.9], dtype=torch.float64, requires_grad=True)
    value = Expression(f"{name}(r - 0.1)").evaluate({"r": r})
    (slope,) = torch.autograd.grad(value.sum(), r)
    force = openmm.CustomBondForce(Expression(f"{name}(r - 0.1)").openmm({}))
    force.addBond(0, 1)
    positions = np.zeros((3, 2, 3))
    positions[:, 1, 0] = r.detach().numpy()
    energies, forces = openmm_energy_forces([force], positions)
    np.testing.assert_allclose(value.detach(), energies, rtol=1e-12)
    np.testing.assert_allclose(slope, -forces[:, 1, 0], rtol=1e-12)


def test_names_are_those_of_variables_not_of_functions() -> None:
    assert Expression("exp(-a*(r - r0)) + sin(a)").names == {"a", "r", "r0"}
    assert Expression("2*3").names == set()


def test_replacements_are_made_at_once_and_only_for_whole_names() -> None:
    text = Expression("a*(r - r0) + exp(a)").openmm({"a": "r", "r": "distance(p1,p2)", "r0": "f0_r0"})
    assert text == "((r*(distance(p1,p2)-f0_r0))+exp(r))"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", ["0.5*(r - 0.1)^2", "sqrt(2)*r", "r + log(3)", "138.935/r"])
def test_the_type_of_the_numbers_is_kept(text: str, dtype: torch.dtype) -> None:
    value = Expression(text).evaluate({"r": torch.ones(3, dtype=dtype)})
    assert value.dtype == dtype
    assert value.shape == (3,)


def test_constants_keep_all_their_digits() -> None:
    assert Expression("138.93545764438198/r").openmm({}) == "(138.93545764438198/r)"
    value = Expression("sqrt(2)*r").evaluate({"r": torch.ones((), dtype=torch.float64)})
    assert float(value) == pytest.approx(math.sqrt(2), rel=3e-16)  # the last bit depends on the processor


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x**2", r"write powers as x\^2"),
        ("x^y^z", "a power of a power is not allowed"),
        ("(x", "cannot be read"),
        ("", "cannot be read"),
        ("x y", "cannot be read"),
        ("x; y", "cannot be read"),
        ("x\0", "cannot be read"),
        ("step(x)", r"step\(\) is not known or takes one argument; known are abs, cos"),
        ("exp(x, y)", r"exp\(\) is not known or takes one argument"),
        ("exp(x=1)", r"exp\(\) is not known or takes one argument"),
        ("exp(*x)", "only numbers, names"),
        ("x.real", "only numbers, names"),
        ("__import__('os').system('true')", "only numbers, names"),
        ("eval('x')", r"eval\(\) is not known"),
        ("[x][0]", "only numbers, names"),
        ("x if y else z", "only numbers, names"),
        ("lambda: x", "only numbers, names"),
        ("x < y", "only numbers, names"),
        ("x % 2", "only numbers, names"),
        ("x // 2", "only numbers, names"),
        ("not x", "only numbers, names"),
        ("~x", "only numbers, names"),
        ("True", "only numbers, names"),
        ("'x'", "only numbers, names"),
        ("1j*x", "only numbers, names"),
        ("(y := x)", "only numbers, names"),
    ],
)
def test_everything_but_arithmetic_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Expression(text)


DIFFERENTIABLE = [
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
    "*".join(["a"] * 60),
]


@pytest.mark.parametrize("text", DIFFERENTIABLE)
def test_derivatives_are_those_of_automatic_differentiation(text: str) -> None:
    values = {name: torch.tensor(number, dtype=torch.float64) for name, number in (("a", 0.7), ("b", 1.3))}
    a = values["a"].requires_grad_()
    (expected,) = torch.autograd.grad(Expression(text).evaluate(values), a)
    torch.testing.assert_close(Expression(text).derivative("a").evaluate(values), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("sin(b) + b^2/3", "0"),
        ("a", "1"),
        ("a^2", "2 * a"),
        ("b*a", "b"),
        ("exp(-a)", "exp(-a) * -1"),
        ("(a + b)^2", "2 * (a + b)"),
        ("b - a", "-1"),
    ],
)
def test_a_derivative_is_short_enough_to_be_read(text: str, derivative: str) -> None:
    assert Expression(text).derivative("a") == Expression(derivative)


def test_derivatives_can_be_taken_again() -> None:
    a = torch.tensor(0.7, dtype=torch.float64)
    second = Expression("(1 + a + a^2/3)*exp(-a)").derivative("a").derivative("a")
    expected = (a**2 - a - 1) / 3 * torch.exp(-a)
    torch.testing.assert_close(second.evaluate({"a": a}), expected, rtol=1e-14, atol=1e-14)


def test_the_magnitude_of_zero_has_a_derivative() -> None:
    zero = {"a": torch.tensor(0.0, dtype=torch.float64)}
    assert Expression("abs(a)").derivative("a").evaluate(zero).item() == 0.0


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("2*a*(b + c)", ["2", "a", "b + c"]),
        ("a*(b*c)", ["a", "b", "c"]),
        ("a/b*c", ["a / b", "c"]),
        ("a + b", ["a + b"]),
    ],
)
def test_factors_are_what_an_expression_is_the_product_of(text: str, factors: list[str]) -> None:
    assert [factor.text for factor in Expression(text).factors()] == factors


def test_what_does_not_depend_on_the_variables_is_separated() -> None:
    expression, parts = Expression("exp(-(k/2)*(r - r0)^2) + sqrt(4)*k/2").separated({"r": "v0"})
    assert expression.text == "exp(p0 * (v0 - p1) ^ 2.0) + p2"
    assert [part.text for part in parts] == ["-(k / 2)", "r0", "sqrt(4) * k / 2"]
    assert expression.names == {"v0", "p0", "p1", "p2"}


def test_numbers_are_folded_when_an_expression_is_separated() -> None:
    expression, parts = Expression("(1 - 3)*r^(2*3)").separated({"r": "v0"})
    assert (expression, parts) == (Expression("-2.0 * v0 ^ 6.0"), [])


def test_a_number_that_is_not_finite_stays_an_expression() -> None:
    expression, (part,) = Expression("r + log(0)").separated({"r": "v0"})
    assert expression.names == {"v0", "p0"}
    assert part.evaluate({}).item() == -math.inf


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x + " * 300 + "x", "the expression has 1201 characters; 1000 is the most"),
        ("-" * 900 + "x", "it is too deeply nested"),
        ("x + 9^9^9", "a power of a power"),
        ("x + 9^9", "write the power of a number as the number that it is"),
        ("x + 1e15", "a number in it is too large"),
    ],
)
def test_an_expression_from_a_file_that_may_not_end_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        bounded_expression(text)
