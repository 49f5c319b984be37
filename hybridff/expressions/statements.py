"""Formulas as straight Python code that numba compiles; what occurs more than once is computed once."""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from hybridff.expressions.syntax import FUNCTIONS, derivative

Operand = str | float
"""A name in the code, or a number."""
_LARGEST_POWER = 64
"""Largest whole exponent that compiled code computes by multiplication."""


class Statements(NamedTuple):
    """An expression and its derivatives as Python that numba compiles."""

    lines: tuple[str, ...]
    """Assignments, to be made first."""
    value: str
    """The name or number that then is the expression."""
    slopes: tuple[str, ...]
    """The names or numbers that then are its derivatives."""


def write_statements(tree: ast.expr, by: Sequence[str]) -> Statements:
    """The code of a formula and of its derivatives with respect to the names in ``by``."""
    writer = _Writer()
    value = _code(writer.operand(tree))
    slopes = [derivative(tree, name) for name in by]
    codes = [_code(0.0 if slope is None else writer.operand(slope)) for slope in slopes]
    return Statements(tuple(writer.lines), value, tuple(codes))


class _Writer:
    """Turns syntax trees into lines of code; numbers are folded, and 0 and 1 left out where they change nothing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._known: dict[str, str] = {}

    def operand(self, node: ast.expr) -> Operand:
        """What holds the value of a tree."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return name
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._times(-1.0, self.operand(operand))
            case ast.UnaryOp(operand=operand):
                return self.operand(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.operand(left), self.operand(right))
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return self._line(f"{FUNCTIONS[name].numba}({_code(self.operand(argument))})")
        raise AssertionError(node)

    def _binary(self, op: ast.operator, left: Operand, right: Operand) -> Operand:
        match op:
            case ast.Add():
                return self._plus(left, right)
            case ast.Sub():
                return self._plus(left, right, "-")
            case ast.Mult():
                return self._times(left, right)
            case ast.Div():
                return self._times(left, self._over_one(right))
        if isinstance(right, float) and right.is_integer() and abs(right) <= _LARGEST_POWER:
            return self._whole_power(left, int(right))
        return self._line(f"{_code(left)} ** {_code(right)}")

    def _line(self, code: str) -> str:
        """A variable that holds the value of this code."""
        if code not in self._known:
            self._known[code] = f"t{len(self._known)}"
            self.lines.append(f"{self._known[code]} = {code}")
        return self._known[code]

    def _times(self, left: Operand, right: Operand) -> Operand:
        if isinstance(left, float) and isinstance(right, float):
            return left * right
        if 0.0 in (left, right):
            return 0.0
        if 1.0 in (left, right):
            return right if left == 1.0 else left
        return self._line(f"{_code(left)} * {_code(right)}")

    def _plus(self, left: Operand, right: Operand, sign: str = "+") -> Operand:
        if isinstance(left, float) and isinstance(right, float):
            return left + right if sign == "+" else left - right
        if right == 0.0:
            return left
        if left == 0.0:
            return right if sign == "+" else self._times(-1.0, right)
        return self._line(f"{_code(left)} {sign} {_code(right)}")

    def _over_one(self, operand: Operand) -> Operand:
        return self._line(f"(1.0) / {_code(operand)}")

    def _whole_power(self, base: Operand, exponent: int) -> Operand:
        """A power by squaring."""
        if exponent < 0:
            return self._over_one(self._whole_power(base, -exponent))
        if exponent < 2:
            return base if exponent else 1.0
        half = self._whole_power(base, exponent // 2)
        square = self._times(half, half)
        return self._times(square, base) if exponent % 2 else square


def _code(operand: Operand) -> str:
    return operand if isinstance(operand, str) else f"({operand!r})"
