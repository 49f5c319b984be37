"""Syntax trees of formulas: what may stand in one, and derivatives of trees as trees.

A formula is parsed into Python's syntax tree, of which only numbers, names, ``+ - * / ^`` and the functions below are
allowed; nothing in it is ever executed as Python, so formulas from files are safe.
"""

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from hybridff.errors import InputError


class Function(NamedTuple):
    """A function of one argument that expressions may call."""

    torch: Callable[..., Tensor]
    numba: str
    """Its name in compiled code, where ``elementary.NAMESPACE`` is known."""
    slope: str
    """Its derivative, an expression in its argument u."""


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "sqrt": Function(torch.sqrt, "math.sqrt", "0.5/sqrt(u)"),
        "exp": Function(torch.exp, "exp", "exp(u)"),
        "log": Function(torch.log, "np.log", "1/u"),
        "sin": Function(torch.sin, "sin", "cos(u)"),
        "cos": Function(torch.cos, "cos", "-sin(u)"),
        "tan": Function(torch.tan, "math.tan", "1 + tan(u)^2"),
        "sinh": Function(torch.sinh, "math.sinh", "cosh(u)"),
        "cosh": Function(torch.cosh, "math.cosh", "sinh(u)"),
        "tanh": Function(torch.tanh, "tanh", "1 - tanh(u)^2"),
        "erf": Function(torch.erf, "math.erf", "1.1283791670955126*exp(-u^2)"),
        "erfc": Function(torch.erfc, "math.erfc", "-1.1283791670955126*exp(-u^2)"),
        "abs": Function(torch.abs, "abs", "u/(abs(u) + 1e-300)"),
    }
)

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


def parse(text: str) -> ast.expr:
    """The checked tree of a formula.

    Raises ``InputError`` for anything but arithmetic and the functions in ``FUNCTIONS``.
    """
    if "**" in text:
        raise InputError(f"expression {text!r}: write powers as x^2, not x**2.")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except SyntaxError as error:
        raise InputError(f"expression {text!r} cannot be read: {error.msg}.") from None
    _check(tree, text)
    return tree


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case ast.Name():
            pass
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
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


def names_in(tree: ast.expr) -> frozenset[str]:
    """Variables and parameters that occur in a tree."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def formula(tree: ast.expr) -> str:
    """The formula of a tree, which ``parse`` reads as the same tree."""
    return ast.unparse(tree).replace("**", "^")


def number(value: float | int) -> ast.expr:
    """The tree of a number of any sign."""
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def replaced(node: ast.expr, choose: Callable[[ast.expr], ast.expr | None]) -> ast.expr:
    """A tree with those parts replaced for which ``choose`` gives another."""
    chosen = choose(node)
    if chosen is not None:
        return chosen
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return ast.UnaryOp(op, replaced(operand, choose))
        case ast.BinOp(left=left, op=op, right=right):
            return ast.BinOp(replaced(left, choose), op, replaced(right, choose))
        case ast.Call(func=function, args=[argument]):
            return ast.Call(function, [replaced(argument, choose)], [])
    return node


def derivative(node: ast.expr, name: str) -> ast.expr | None:
    """The derivative of a tree; None where it is zero."""
    match node:
        case ast.Name(id=own):
            return ast.Constant(1) if own == name else None
        case ast.UnaryOp(op=op, operand=operand):
            inner = derivative(operand, name)
            return inner and ast.UnaryOp(op, inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            by_base = _times(ast.BinOp(right, ast.Mult(), _lowered(left, right)), derivative(left, name))
            logarithm = ast.Call(ast.Name("log"), [left], [])
            by_exponent = _times(ast.BinOp(node, ast.Mult(), logarithm), derivative(right, name))
            return _sum(by_base, ast.Add(), by_exponent)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _sum(_times(right, derivative(left, name)), ast.Add(), _times(left, derivative(right, name)))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above = _sum(derivative(left, name), ast.Sub(), _times(node, derivative(right, name)))
            return above and ast.BinOp(above, ast.Div(), right)
        case ast.BinOp(left=left, op=op, right=right):
            return _sum(derivative(left, name), op, derivative(right, name))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            return _times(_slope(function, argument), derivative(argument, name))
    return None


def _slope(function: str, argument: ast.expr) -> ast.expr:
    """The derivative of a function at an argument."""
    slope = parse(FUNCTIONS[function].slope)
    return replaced(slope, lambda node: argument if isinstance(node, ast.Name) else None)


def _sum(left: ast.expr | None, op: ast.operator, right: ast.expr | None) -> ast.expr | None:
    """A sum or difference; None is zero."""
    if left is None and right is not None and isinstance(op, ast.Sub):
        return ast.UnaryOp(ast.USub(), right)
    return left or right if left is None or right is None else ast.BinOp(left, op, right)


def _times(factor: ast.expr, inner: ast.expr | None) -> ast.expr | None:
    """A product; None is zero."""
    if isinstance(inner, ast.Constant) and inner.value == 1:
        return factor
    return inner and ast.BinOp(factor, ast.Mult(), inner)


def _lowered(base: ast.expr, exponent: ast.expr) -> ast.expr:
    """A power with its exponent less by one."""
    match exponent:
        case ast.Constant(value=int() | float() as value):
            return base if value == 2 else ast.BinOp(base, ast.Pow(), number(value - 1))
    return ast.BinOp(base, ast.Pow(), ast.BinOp(exponent, ast.Sub(), ast.Constant(1)))
