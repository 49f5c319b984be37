import ast

import pytest

from hybridff.expressions.syntax import derivative, formula, names_in, number, parse, replaced


@pytest.mark.parametrize(
    "text", ["(-a)^2", "-a^2", "2^-a", "a - (b - c)", "a/(b/c)", "(a^2)^3", "exp(-(a - 2))", "1e400*a"]
)
def test_a_formula_is_read_as_the_tree_that_it_was_written_from(text: str) -> None:
    tree = parse(text)
    assert ast.dump(parse(formula(tree))) == ast.dump(tree)


@pytest.mark.parametrize("value", [3.0, 0.0, -2.5])
def test_a_number_of_any_sign_stays_itself_as_the_base_of_a_power(value: float) -> None:
    tree = ast.BinOp(number(value), ast.Pow(), ast.Constant(2))
    assert eval(formula(tree).replace("^", "**")) == value**2


def test_names_are_those_of_variables_not_of_functions() -> None:
    assert names_in(parse("exp(-a*(r - r0)) + sin(exp)")) == {"a", "r", "r0", "exp"}


def test_parts_are_replaced_and_the_rest_is_kept() -> None:
    tree = parse("-a + exp(b*a)")
    other = replaced(tree, lambda node: parse("c + 1") if isinstance(node, ast.Name) and node.id == "a" else None)
    assert formula(other) == "-(c + 1) + exp(b * (c + 1))"
    assert formula(tree) == "-a + exp(b * a)"


def test_what_does_not_depend_on_a_name_has_no_derivative() -> None:
    assert derivative(parse("-b + b*exp(b)/b - +b^b"), "a") is None
