import ast
import math
from typing import Any

import pytest
import sympy
import torch

from hybridff.corrections.descriptor import ANGLE, PAIR, TORSION, derivatives
from hybridff.corrections.formula import Formula
from hybridff.corrections.kernel import MATERN

SQUARES = Formula.of("a b", sum="a + b", square="sum^2", other="exp(-a)", both="square*other")


def test_steps_are_expressions_of_arguments_and_earlier_steps() -> None:
    a, b = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor(3.0, dtype=torch.float64)
    square, both = SQUARES.evaluate(["square", "both"], {"a": a, "b": b})
    torch.testing.assert_close(square, (a + b) ** 2)
    torch.testing.assert_close(both, (a + b) ** 2 * torch.exp(-a))


def test_only_what_is_wanted_is_evaluated_and_nothing_that_is_given() -> None:
    assert SQUARES.needed(["square"]) == ["sum", "square"]
    assert SQUARES.needed(["both"], ["square"]) == ["other", "both"]
    assert SQUARES.needed(["square"], ["square"]) == []
    (value,) = SQUARES.evaluate(["square"], {"sum": torch.tensor(5.0)})  # needs neither a nor b then
    assert float(value) == 25.0


def test_in_openmm_steps_are_written_out_but_those_that_are_given() -> None:
    assert SQUARES.openmm("square", {"a": "x", "b": "2"}) == "((x+2)^2)"
    assert SQUARES.openmm("both", {"a": "x", "square": "q"}) == "(q*exp((-x)))"


def test_in_python_it_is_a_function_of_the_arguments_that_count() -> None:
    namespace: dict[str, Any] = {"exp": math.exp}
    exec(SQUARES.python("run", ["sum", "square"]), namespace)
    exec(SQUARES.python("other", ["other"]), namespace)
    assert namespace["run"](2, 3) == (5, 25)
    assert namespace["other"](7) == math.exp(-7)


@pytest.mark.parametrize("steps", [{"early": "late", "late": "a"}, {"a": "2*a"}, {"value": "a + unknown"}])
def test_a_name_that_is_unknown_later_or_ambiguous_is_refused(steps: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match=r"comes later or never|has two meanings"):
        Formula.of("a", **steps)


def symbolic(formula: Formula, *given: str) -> dict[str, sympy.Expr]:
    """Every step as a function of the arguments, and of those steps that are given."""
    known = {name: sympy.Symbol(name, positive=True) for name in (*formula.arguments, *given)}
    for name, expression in formula.steps.items():
        if name not in known:
            known[name] = sympy.sympify(ast.unparse(expression.tree), locals=known)
    return known


@pytest.mark.parametrize("formula", [ANGLE, TORSION], ids=["angle", "torsion"])
def test_the_derivatives_of_angular_entries_are_those_of_their_values(formula: Formula) -> None:
    known = symbolic(formula)
    for side, name in zip(formula.arguments, derivatives(formula), strict=True):
        assert sympy.simplify(sympy.diff(known["value"], known[side]) - known[name]) == 0


def test_the_derivative_of_an_inverse_distance_is_that_of_its_value() -> None:
    known = symbolic(PAIR)
    assert sympy.simplify(sympy.diff(known["value"], known["r"]) * known["dr"] - known["derivative"]) == 0


def test_the_factors_of_the_kernel_are_derivatives_of_its_value() -> None:
    """By the distance d = sd / s, over it."""
    known = symbolic(MATERN, "sd")
    by_d = known["s"] ** 2 / known["sd"]
    assert sympy.simplify(known["first"] + by_d * sympy.diff(known["value"], known["sd"])) == 0
    assert sympy.simplify(known["second"] + by_d * sympy.diff(known["first"], known["sd"])) == 0


def test_the_derivative_of_what_a_point_adds_is_that_of_its_energy() -> None:
    """By u: of |u|², which ``sd`` is a function of, and of u · w."""
    known = symbolic(MATERN, "sd")
    by_d = known["s"] ** 2 / known["sd"]
    assert sympy.simplify(known["by_difference"] - by_d * sympy.diff(known["energy"], known["sd"])) == 0
    assert sympy.simplify(known["first"] + sympy.diff(known["energy"], known["along"])) == 0
