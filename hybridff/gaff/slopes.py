"""Derivatives of features with respect to their parameters, as features: what a fit that is not linear steps along."""

import ast
from functools import cache
from types import MappingProxyType

from hybridff.expression import Expression
from hybridff.gaff.features import Feature


def slope(feature: Feature, parameter: str) -> Feature:
    """The derivative of a feature with respect to one of its parameters."""
    expression = derivative(feature.expression, parameter)
    parameters = {name: declared for name, declared in feature.parameters.items() if name in expression.names}
    name = f"slope of {feature.name} by {parameter}"
    return Feature(name, feature.coordinate, expression, MappingProxyType(parameters), feature.source)


@cache
def derivative(expression: Expression, name: str) -> Expression:
    """The derivative of an expression with respect to a name in it."""
    tree = _derivative(expression.tree, name) or ast.Constant(0)
    return Expression(ast.unparse(ast.fix_missing_locations(tree)).replace("**", "^"))


def _derivative(node: ast.expr, name: str) -> ast.expr | None:
    """The derivative of a syntax tree; None where it is zero."""
    match node:
        case ast.Name(id=own):
            return ast.Constant(1) if own == name else None
        case ast.UnaryOp(op=op, operand=operand):
            inner = _derivative(operand, name)
            return inner and ast.UnaryOp(op, inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            by_base = _times(ast.BinOp(right, ast.Mult(), _power(left, _minus_one(right))), _derivative(left, name))
            by_exponent = _times(ast.BinOp(node, ast.Mult(), _call("log", left)), _derivative(right, name))
            return _sum(ast.Add(), by_base, by_exponent)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _sum(ast.Add(), _times(right, _derivative(left, name)), _times(left, _derivative(right, name)))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above = _sum(ast.Sub(), _derivative(left, name), _times(node, _derivative(right, name)))
            return above and ast.BinOp(above, ast.Div(), right)
        case ast.BinOp(left=left, op=op, right=right):
            return _sum(op, _derivative(left, name), _derivative(right, name))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            inner = _derivative(argument, name)
            return inner and _times(_OUTER[function](argument), inner)
    return None


def _sum(op: ast.operator, left: ast.expr | None, right: ast.expr | None) -> ast.expr | None:
    if left is None and right is not None and isinstance(op, ast.Sub):
        return ast.UnaryOp(ast.USub(), right)
    return left or right if left is None or right is None else ast.BinOp(left, op, right)


def _times(factor: ast.expr, inner: ast.expr | None) -> ast.expr | None:
    return inner and ast.BinOp(factor, ast.Mult(), inner)


def _power(base: ast.expr, exponent: ast.expr) -> ast.expr:
    match exponent:
        case ast.Constant(value=1):
            return base
        case ast.BinOp(right=ast.BinOp(op=ast.Pow())):
            raise AssertionError(exponent)
    return ast.BinOp(base, ast.Pow(), exponent)


def _minus_one(exponent: ast.expr) -> ast.expr:
    if isinstance(exponent, ast.Constant) and isinstance(exponent.value, int | float):
        return ast.Constant(exponent.value - 1)
    return ast.BinOp(exponent, ast.Sub(), ast.Constant(1))


def _call(function: str, argument: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function), [argument], [])


def _of(text: str):  # type: ignore[no-untyped-def]
    """A function of an argument u, from its text."""

    def fill(argument: ast.expr) -> ast.expr:
        class Fill(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.expr:
                return argument if node.id == "u" else node

        return Fill().visit(ast.parse(text, mode="eval").body)

    return fill


_OUTER = {
    "sqrt": _of("0.5/sqrt(u)"),
    "exp": _of("exp(u)"),
    "log": _of("1/u"),
    "sin": _of("cos(u)"),
    "cos": _of("-sin(u)"),
    "tan": _of("1 + tan(u)**2"),
    "sinh": _of("cosh(u)"),
    "cosh": _of("sinh(u)"),
    "tanh": _of("1 - tanh(u)**2"),
    "erf": _of("1.1283791670955126*exp(-u**2)"),
    "erfc": _of("-1.1283791670955126*exp(-u**2)"),
    "abs": _of("u/(abs(u) + 1e-300)"),
}
"""Derivatives of the functions of expressions."""
