"""Formulas written once, in OpenMM's expression syntax, read by torch and by OpenMM.

An expression is parsed into Python's syntax tree, of which only numbers, names, ``+ - * / ^`` and the functions below
are allowed; nothing in it is ever executed as Python, so expressions from files are safe.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from hybridff.errors import InputError

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {
        "sqrt": torch.sqrt,
        "exp": torch.exp,
        "log": torch.log,
        "sin": torch.sin,
        "cos": torch.cos,
        "tan": torch.tan,
        "sinh": torch.sinh,
        "cosh": torch.cosh,
        "tanh": torch.tanh,
        "erf": torch.erf,
        "erfc": torch.erfc,
        "abs": torch.abs,
    }
)
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: lambda a, b: a + b,
        ast.Sub: lambda a, b: a - b,
        ast.Mult: lambda a, b: a * b,
        ast.Div: lambda a, b: a / b,
        ast.Pow: lambda a, b: a**b,
    }
)


@dataclass(frozen=True)
class Expression:
    """A formula such as ``"1 - exp(-a*(r - r0))"``.

    Raises ``InputError`` at construction for anything but arithmetic and the functions in ``FUNCTIONS``.
    """

    text: str

    def __post_init__(self) -> None:
        _check(self.tree, self.text)

    @cached_property
    def tree(self) -> ast.expr:
        """Its checked syntax tree; others build on it, never on the text."""
        if re.search(r"\*\*", self.text):
            raise InputError(f"expression {self.text!r}: write powers as x^2, not x**2.")
        try:
            return ast.parse(self.text.replace("^", "**"), mode="eval").body
        except SyntaxError as error:
            raise InputError(f"expression {self.text!r} cannot be read: {error.msg}.") from None

    @cached_property
    def names(self) -> frozenset[str]:
        """Variables and parameters that occur in it."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        return frozenset(
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and id(node) not in called
        )

    def evaluate(self, values: Mapping[str, Tensor]) -> Tensor:
        """Its value in torch; ``values`` gives a tensor for every name, all broadcastable."""
        return _tensor(_evaluate(self.tree, values))

    def openmm(self, replacements: Mapping[str, str]) -> str:
        """Its text in OpenMM's syntax with names replaced by other expressions."""
        return _write(self.tree, replacements)


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case ast.Name():
            pass
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            if isinstance(op, ast.Pow) and isinstance(right, ast.BinOp) and isinstance(right.op, ast.Pow):
                raise InputError(f"expression {text!r}: a power of a power is not allowed; write it with exp and log.")
            _check(left, text)
            _check(right, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            _check(argument, text)
        case ast.Call(func=ast.Name(id=name)):
            raise InputError(
                f"expression {text!r}: {name}() is not known or takes one argument; known are "
                f"{', '.join(sorted(FUNCTIONS))}."
            )
        case _:
            raise InputError(f"expression {text!r}: only numbers, names, + - * / ^ and functions are allowed.")


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
            return FUNCTIONS[name](_tensor(_evaluate(argument, values)))
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
