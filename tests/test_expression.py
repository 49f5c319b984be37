import math

import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces

from hybridff.errors import InputError
from hybridff.expression import FUNCTIONS, Expression

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
