"""Formulas written once, in OpenMM's syntax: their values, their derivatives, and their texts for OpenMM and numba."""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from hybridff.errors import InputError
from hybridff.expressions.statements import Statements, write_statements
from hybridff.expressions.syntax import FUNCTIONS, derivative, formula, names_in, number, parse, replaced

_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: lambda a, b: a + b,
        ast.Sub: lambda a, b: a - b,
        ast.Mult: lambda a, b: a * b,
        ast.Div: lambda a, b: a / b,
        ast.Pow: lambda a, b: a**b,
    }
)
_LONGEST = 1000
"""Characters of an expression from a file."""


@dataclass(frozen=True)
class Expression:
    """A formula such as ``"1 - exp(-a*(r - r0))"``.

    Raises ``InputError`` at construction for anything but arithmetic and the functions in ``FUNCTIONS``.
    """

    text: str

    def __post_init__(self) -> None:
        parse(self.text)

    @cached_property
    def tree(self) -> ast.expr:
        """Its checked syntax tree; others build on it, never on the text."""
        return parse(self.text)

    @cached_property
    def names(self) -> frozenset[str]:
        """Variables and parameters that occur in it."""
        return names_in(self.tree)

    def evaluate(self, values: Mapping[str, Tensor]) -> Tensor:
        """Its value in torch; ``values`` gives a tensor for every name, all broadcastable."""
        return _tensor(_evaluate(self.tree, values))

    def derivative(self, name: str) -> "Expression":
        """Its derivative with respect to a name; the expression 0 where the name does not occur."""
        return _derivative(self, name)

    def factors(self) -> "list[Expression]":
        """Expressions whose product it is, from left to right."""
        front, found = [self.tree], []
        while front:
            match front.pop():
                case ast.BinOp(left=left, op=ast.Mult(), right=right):
                    front += [right, left]
                case node:
                    found.append(_expression(node))
        return found

    def separated(self, variables: Mapping[str, str]) -> "tuple[Expression, list[Expression]]":
        """It with ``variables`` renamed, and all else in it as new names p0, p1, … for the expressions of the list.

        These expressions are the largest parts without a variable. Of the old names none is left.
        """
        parts: list[str] = []

        def choose(node: ast.expr) -> ast.expr | None:
            names = names_in(node)
            if isinstance(node, ast.Name) and node.id in variables:
                return ast.Name(variables[node.id])
            if names & variables.keys():
                return None
            value = None if names else float(_tensor(_evaluate(node, {})))
            if value is not None and math.isfinite(value):
                return number(value)
            text = formula(node)
            if text not in parts:
                parts.append(text)
            return ast.Name(f"p{parts.index(text)}")

        tree = replaced(self.tree, choose)
        return _expression(tree), [Expression(text) for text in parts]

    def openmm(self, replacements: Mapping[str, str]) -> str:
        """Its text in OpenMM's syntax with names replaced by other expressions."""
        return _write(self.tree, replacements)

    def statements(self, by: Sequence[str]) -> Statements:
        """Lines of Python for numba that compute it and its derivatives with respect to the names in ``by``.

        Equal parts are computed once. The lines use its names as they stand and define t0, t1, …; call ``separated``
        first where a user chose the names.
        """
        return write_statements(self.tree, by)


def bounded_expression(text: str) -> Expression:
    """An expression that is safe to evaluate: not too long, and without powers of numbers, which may be endless.

    Raises ``InputError`` for any other.
    """
    if len(text) > _LONGEST:
        raise InputError(f"the expression has {len(text)} characters; {_LONGEST} is the most.")
    try:
        expression = Expression(text)
        tree = ast.walk(expression.tree)
    except (RecursionError, MemoryError, ValueError, OverflowError):
        raise InputError(f"expression {text[:40]!r} … cannot be read: it is too deeply nested.") from None
    for node in tree:
        power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
        if power and not any(isinstance(part, ast.Name) for part in ast.walk(node)):
            raise InputError(f"expression {text!r}: write the power of a number as the number that it is.")
        if isinstance(node, ast.Constant) and not abs(node.value) < 1e15:  # type: ignore[operator, arg-type]
            raise InputError(f"expression {text!r}: a number in it is too large.")
    return expression


@cache
def _derivative(expression: Expression, name: str) -> Expression:
    return _expression(derivative(expression.tree, name) or ast.Constant(0))


def _expression(tree: ast.expr) -> Expression:
    return Expression(formula(tree))


def _evaluate(node: ast.expr, values: Mapping[str, Tensor]) -> Tensor | float | int:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value  # a Python number keeps the dtype of the tensors it meets
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, values)
        case ast.UnaryOp(operand=operand):
            return _evaluate(operand, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return FUNCTIONS[name].torch(_tensor(_evaluate(argument, values)))
    raise AssertionError(node)


def _tensor(value: Tensor | float | int) -> Tensor:
    """A constant as a tensor without dimensions, which takes on the dtype of others however precise it is itself."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _write(node: ast.expr, replacements: Mapping[str, str]) -> str:
    match node:
        case ast.Constant(value=value):
            return repr(value)
        case ast.Name(id=name):
            return replacements.get(name, name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_write(operand, replacements)})"
        case ast.UnaryOp(operand=operand):
            return _write(operand, replacements)
        case ast.BinOp(left=left, op=op, right=right):
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}[type(op)]
            return f"({_write(left, replacements)}{sign}{_write(right, replacements)})"
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return f"{name}({_write(argument, replacements)})"
    raise AssertionError(node)
