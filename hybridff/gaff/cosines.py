"""Sines of angles and cosines of torsions as functions of distances: what OpenMM computes fastest in short expressions.

OpenMM differentiates an expression by each coordinate of each atom, and on the Reference and CPU platforms computes
every angle and dihedral anew for each of these derivatives. Distances cost a fraction of that. In long expressions it
is no use: OpenMM writes out all definitions before it differentiates, and took a minute where there were 50 terms.
"""

import ast
from collections.abc import Mapping, Sequence

from hybridff.expressions.expression import Expression
from hybridff.geometry import COORDINATES

_IN_LINE = 1e-7
"""Least square of a sine: within 0.02 degrees of a line, rounding in single precision would make it negative."""
_POLYNOMIALS = {1: "{0}", 2: "(2*{0}^2-1)", 3: "(4*{0}^3-3*{0})", 4: "(8*{0}^4-8*{0}^2+1)"}
"""The cosine of a multiple of an angle by the cosine of the angle."""


class Cosines:
    """Definitions of one expression in OpenMM's syntax, each used by those before it."""

    def __init__(self) -> None:
        self._torsions: dict[str, str] = {}
        self._sines: dict[str, str] = {}
        self._angles: dict[str, str] = {}
        self._squares: dict[str, str] = {}

    def definitions(self) -> list[str]:
        """All definitions, as "name=formula"."""
        parts = self._torsions, self._sines, self._angles, self._squares
        return [f"{name}={formula}" for part in parts for name, formula in part.items()]

    def factor(self, part: Expression, atoms: Sequence[int], constants: Mapping[str, float]) -> str | None:
        """The text of a factor that reads a torsion of numbered atoms; None for what is not made of distances."""
        match part.tree:
            case ast.Call(func=ast.Name(id="sin"), args=[ast.Name(id="theta1" | "theta2" as name)]):
                return self._sine(*(atoms[i] for i in COORDINATES["torsion"].variables[name].places))
            case ast.Call(
                func=ast.Name(id="cos"),
                args=[ast.BinOp(left=ast.Name(id=n), op=ast.Mult(), right=ast.Name(id="phi"))],
            ) if constants.get(n) in _POLYNOMIALS:
                return _POLYNOMIALS[int(constants[n])].format(self._torsion(*atoms))
        return None

    def _torsion(self, i: int, j: int, k: int, m: int) -> str:
        if i > m:
            i, j, k, m = m, k, j, i
        ends = f"0.5*({self._square(i, k)}+{self._square(j, m)}-{self._square(i, m)}-{self._square(j, k)})"
        along = f"{self._angle(i, j, k)}*{self._angle(j, k, m)}"
        value = f"{ends}/sqrt({self._square(i, j)}*{self._square(k, m)})+{along}"
        return _define(
            self._torsions, f"torsion{i}to{j}to{k}to{m}", f"({value})/({self._sine(i, j, k)}*{self._sine(j, k, m)})"
        )

    def _sine(self, i: int, j: int, k: int) -> str:
        i, k = min(i, k), max(i, k)
        return _define(self._sines, f"sine{i}to{j}to{k}", f"sqrt(max(1-{self._angle(i, j, k)}^2,{_IN_LINE}))")

    def _angle(self, i: int, j: int, k: int) -> str:
        i, k = min(i, k), max(i, k)
        one, other = self._square(i, j), self._square(j, k)
        return _define(
            self._angles, f"angle{i}to{j}to{k}", f"0.5*({one}+{other}-{self._square(i, k)})/sqrt({one}*{other})"
        )

    def _square(self, i: int, j: int) -> str:
        i, j = min(i, j), max(i, j)
        return _define(self._squares, f"square{i}to{j}", f"distance(p{i},p{j})^2")


def _define(definitions: dict[str, str], name: str, formula: str) -> str:
    definitions.setdefault(name, formula)
    return name
