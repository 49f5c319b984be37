"""Source of compiled functions that compute features and their derivatives.

The source is written from an ``Expression`` with names of our own, so no text of a user ever reaches the compiler.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from llvmlite import ir
from numba import carray, cfunc, types
from numba.extending import intrinsic

from hybridff.elementary import NAMESPACE, OPTIONS
from hybridff.expressions.expression import Expression
from hybridff.gaff.compiled_loops import WIDTH
from hybridff.gaff.features import Feature


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
    variables = {name: f"v{i}" for i, name in enumerate(feature.variables)}
    expression, columns = feature.expression.separated(variables)
    code = expression.statements(by=tuple(variables.values()))
    inputs = [f"v{i} = x[i + {WIDTH * i}]" for i in range(len(variables))]
    inputs += [f"p{i} = p[i + {WIDTH * i}]" for i in range(len(columns))]
    outputs = [f"s[i + {WIDTH * i}] = {slope}" for i, slope in enumerate(code.slopes)]
    return Kernel(feature.variables, tuple(columns), (*inputs, *code.lines, f"f[i] = {code.value}", *outputs))


@cache
def address(lines: tuple[str, ...]) -> int:
    """Address of the machine code of a kernel with these lines, which ``call_kernel`` calls.

    It is compiled once on each machine: numba keeps it with that of this module, by the name of the function, which
    the lines make.
    """
    name = f"run_{sha256(''.join(lines).encode()).hexdigest()[:32]}"
    arrays = [f"{name} = carray({name}, {WIDTH})" for name in "xpfs"]  # the size counts for nothing: no bounds checked
    loop = ["for i in range(rows):", *(f"    {line}" for line in lines)]
    source = "\n    ".join([f"def {name}(x, p, f, s, rows):", *arrays, *loop])
    namespace: dict[str, Any] = {**NAMESPACE, "carray": carray, "__name__": __name__}
    exec(compile(source, __file__, "exec"), namespace)
    compiled = cfunc(_SIGNATURE, **OPTIONS)(namespace[name])
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
