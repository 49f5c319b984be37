"""Source of compiled functions that compute features and their derivatives.

The source is written from the checked syntax tree of an ``Expression`` with names of our own, so no text of a user
ever reaches the compiler. Equal subexpressions are computed once; derivatives follow by forward differentiation.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, types
from numba.extending import intrinsic

from hybridff import elementary
from hybridff.expression import Expression
from hybridff.gaff.features import Feature
from hybridff.gaff.kernels import WIDTH

_FUNCTIONS = {
    "sqrt": "math.sqrt",
    "exp": "exp",
    "log": "np.log",
    "sin": "sin",
    "cos": "cos",
    "tan": "math.tan",
    "sinh": "math.sinh",
    "cosh": "math.cosh",
    "tanh": "tanh",
    "erf": "math.erf",
    "erfc": "math.erfc",
    "abs": "abs",
}
_NAMESPACE: Mapping[str, Any] = {
    "np": np,
    "math": math,
    "carray": carray,
    "inf": math.inf,
    "nan": math.nan,
    **{name: getattr(elementary, name) for name in ("exp", "tanh", "sin", "cos")},
}

Operand = str | float
"""A local variable of the generated function, or a number."""


@dataclass(frozen=True)
class Kernel:
    """How one feature is computed: the lines of a loop over the rows ``i`` of a tile."""

    variables: tuple[str, ...]
    columns: tuple[Expression, ...]
    """What each column of constants holds: the largest parts of the expression without a variable."""
    lines: tuple[str, ...]
    """Read variables from ``x`` and constants from ``p``; write the value to ``f`` and derivatives to ``s``."""


def kernel(feature: Feature) -> Kernel:
    """The kernel of a feature."""
    writer = _Writer({name: f"v{i}" for i, name in enumerate(feature.variables)})
    value, slopes = writer.visit(feature.expression.tree)
    inputs = [f"v{i} = x[i + {WIDTH * i}]" for i in range(len(feature.variables))]
    inputs += [f"p{i} = p[i + {WIDTH * i}]" for i in range(len(writer.columns))]
    outputs = [f"s[i + {WIDTH * i}] = {_text(slopes.get(f'v{i}', 0.0))}" for i in range(len(feature.variables))]
    lines = (*inputs, *writer.lines, f"f[i] = {_text(value)}", *outputs)
    return Kernel(feature.variables, tuple(map(Expression, writer.columns)), lines)


@cache
def address(lines: tuple[str, ...]) -> int:
    """Where the machine code of a kernel with these lines is: ``call_kernel`` calls it."""
    arrays = [f"{name} = carray({name}, {WIDTH})" for name in "xpfs"]  # the size counts for nothing: no bounds checked
    loop = ["for i in range(rows):", *(f"    {line}" for line in lines)]
    source = "\n    ".join(["def run(x, p, f, s, rows):", *arrays, *loop])
    namespace = dict(_NAMESPACE)
    exec(compile(source, "<feature>", "exec"), namespace)
    compiled = cfunc(_SIGNATURE, **{**elementary.OPTIONS, "cache": False})(namespace["run"])
    _COMPILED.append(compiled)
    assert compiled.address is not None
    return compiled.address


_NUMBERS = types.CPointer(types.float64)
_SIGNATURE = types.void(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, types.int64)
_COMPILED: list[Any] = []
"""Keeps machine code alive, as others hold no more than its address."""


@intrinsic
def call_kernel(typing, place, x, p, f, s, rows):  # type: ignore[no-untyped-def]
    """Call the machine code at a place with the addresses of its data; for use in compiled code only."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        numbers, integer = ir.DoubleType().as_pointer(), ir.IntType(64)
        function = ir.FunctionType(ir.VoidType(), [numbers] * 4 + [integer]).as_pointer()
        data = [builder.inttoptr(argument, numbers) for argument in arguments[1:5]]
        builder.call(builder.inttoptr(arguments[0], function), [*data, arguments[5]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


@dataclass
class _Writer:
    """Turns a syntax tree into lines of code."""

    variables: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)

    def visit(self, node: ast.expr) -> tuple[Operand, dict[str, Operand]]:
        """Value and derivatives of a node."""
        if not {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} & self.variables.keys():
            return self.constant(node), {}
        match node:
            case ast.Name(id=name):
                return self.variables[name], {self.variables[name]: 1.0}
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value, slopes = self.visit(operand)
                return self.times(-1.0, value), {name: self.times(-1.0, slope) for name, slope in slopes.items()}
            case ast.UnaryOp(operand=operand):
                return self.visit(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.power(self.visit(left), self.visit(right))
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(op, self.visit(left), self.visit(right))
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                value, slopes = self.visit(argument)
                result = self.line(f"{_FUNCTIONS[name]}({_text(value)})")
                return result, self.scaled(slopes, self.slope(name, value, result))
        raise AssertionError(node)

    def constant(self, node: ast.expr) -> Operand:
        """A number, or the column that holds it for every row."""
        text = ast.unparse(node).replace("**", "^")
        if not Expression(text).names:
            return float(Expression(text).evaluate({}))
        if text not in self.columns:
            self.columns.append(text)
        return f"p{self.columns.index(text)}"

    def line(self, code: str) -> str:
        """A variable that holds the value of this code."""
        if code not in self.known:
            self.known[code] = f"t{len(self.known)}"
            self.lines.append(f"{self.known[code]} = {code}")
        return self.known[code]

    def times(self, left: Operand, right: Operand) -> Operand:
        """A product; 0 and 1 are left out."""
        if isinstance(left, float) and isinstance(right, float):
            return left * right
        if 0.0 in (left, right):
            return 0.0
        if 1.0 in (left, right):
            return right if left == 1.0 else left
        return self.line(f"{_text(left)} * {_text(right)}")

    def plus(self, left: Operand, right: Operand, sign: str = "+") -> Operand:
        """A sum or difference; 0 is left out."""
        if isinstance(left, float) and isinstance(right, float):
            return left + right if sign == "+" else left - right
        if right == 0.0:
            return left
        if left == 0.0:
            return right if sign == "+" else self.times(-1.0, right)
        return self.line(f"{_text(left)} {sign} {_text(right)}")

    def over(self, left: Operand, right: Operand) -> Operand:
        """A quotient."""
        return self.line(f"{_text(left)} / {_text(right)}")

    def scaled(self, slopes: Mapping[str, Operand], factor: Operand) -> dict[str, Operand]:
        """Derivatives times a factor."""
        return {name: self.times(factor, slope) for name, slope in slopes.items()}

    def sum(self, left: Mapping[str, Operand], right: Mapping[str, Operand], sign: str = "+") -> dict[str, Operand]:
        """Sum or difference of derivatives."""
        names = dict.fromkeys((*left, *right))
        return {name: self.plus(left.get(name, 0.0), right.get(name, 0.0), sign) for name in names}

    def binary(
        self, op: ast.operator, left: tuple[Operand, dict[str, Operand]], right: tuple[Operand, dict[str, Operand]]
    ) -> tuple[Operand, dict[str, Operand]]:
        """A sum, difference, product or quotient."""
        (a, da), (b, db) = left, right
        if isinstance(op, ast.Add | ast.Sub):
            sign = "+" if isinstance(op, ast.Add) else "-"
            return self.plus(a, b, sign), self.sum(da, db, sign)
        if isinstance(op, ast.Mult):
            return self.times(a, b), self.sum(self.scaled(da, b), self.scaled(db, a))
        inverse = self.over(1.0, b)
        value = self.times(a, inverse)
        return value, self.scaled(self.sum(da, self.scaled(db, value), "-"), inverse)

    def power(
        self, left: tuple[Operand, dict[str, Operand]], right: tuple[Operand, dict[str, Operand]]
    ) -> tuple[Operand, dict[str, Operand]]:
        """A power: by multiplication where the exponent is a whole number."""
        (a, da), (b, db) = left, right
        if isinstance(b, float) and b.is_integer() and abs(b) <= WIDTH:
            return self.whole_power(a, int(b)), self.scaled(da, self.times(b, self.whole_power(a, int(b) - 1)))
        value = self.line(f"{_text(a)} ** {_text(b)}")
        slopes = self.scaled(da, self.times(b, self.line(f"{_text(a)} ** {_text(self.plus(b, 1.0, '-'))}")))
        if not db:
            return value, slopes
        return value, self.sum(slopes, self.scaled(db, self.times(value, self.line(f"np.log({_text(a)})"))))

    def whole_power(self, base: Operand, exponent: int) -> Operand:
        """A power by squaring."""
        if exponent < 0:
            return self.over(1.0, self.whole_power(base, -exponent))
        if exponent < 2:
            return base if exponent else 1.0
        half = self.whole_power(base, exponent // 2)
        square = self.times(half, half)
        return self.times(square, base) if exponent % 2 else square

    def slope(self, name: str, value: Operand, result: str) -> Operand:
        """Derivative of a function at ``value``, where it is ``result``."""
        match name:
            case "exp":
                return result
            case "sqrt":
                return self.over(0.5, result)
            case "log":
                return self.over(1.0, value)
            case "sin":
                return self.line(f"cos({_text(value)})")
            case "cos":
                return self.times(-1.0, self.line(f"sin({_text(value)})"))
            case "sinh" | "cosh":
                return self.line(f"math.{'cosh' if name == 'sinh' else 'sinh'}({_text(value)})")
            case "tan":
                return self.plus(1.0, self.times(result, result))
            case "tanh":
                return self.plus(1.0, self.times(result, result), "-")
            case "erf" | "erfc":
                gauss = self.line(f"exp({_text(self.times(-1.0, self.times(value, value)))})")
                return self.times(math.copysign(2.0 / math.sqrt(math.pi), 0.5 if name == "erf" else -0.5), gauss)
            case "abs":
                return self.line(f"0.0 if {_text(value)} == 0.0 else math.copysign(1.0, {_text(value)})")
        raise AssertionError(name)


def _text(operand: Operand) -> str:
    return operand if isinstance(operand, str) else f"({operand!r})"
