"""Formulas of several steps: each is written once, and read by torch, by OpenMM and by the compiled kernel."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from hybridff.expressions.expression import Expression


@dataclass(frozen=True)
class Formula:
    """Values that follow one after another from some arguments, each by an expression of those before it.

    Derivatives are steps too where their simplest form is wanted: one without divisions of zero by zero or differences
    of large numbers, which automatic differentiation would leave. That they are the derivatives is a matter of tests.
    """

    arguments: tuple[str, ...]
    steps: Mapping[str, Expression]

    @classmethod
    def of(cls, arguments: str, **steps: str) -> "Formula":
        """From the names of the arguments, separated by spaces, and the text of each step."""
        known = set(arguments.split())
        found = {name: Expression(text) for name, text in steps.items()}
        for name, expression in found.items():
            assert expression.names <= known, f"{name}: {expression.names - known} comes later or never"
            assert name not in known, f"{name} has two meanings"
            known.add(name)
        return cls(tuple(arguments.split()), MappingProxyType(found))

    def needed(self, wanted: Iterable[str], given: Iterable[str] = ()) -> list[str]:
        """Steps that some values need, in their order, where others are ``given``."""
        given, found = set(given), set(wanted)
        for name in reversed(tuple(self.steps)):
            if name in found - given:
                found |= self.steps[name].names
        return [name for name in self.steps if name in found - given]

    def evaluate(self, wanted: Sequence[str], given: Mapping[str, Tensor]) -> list[Tensor]:
        """The wanted values in torch; ``given`` are arguments, and steps that are known already, all broadcastable."""
        known = dict(given)
        for name in self.needed(wanted, given):
            known[name] = self.steps[name].evaluate(known)
        return [known[name] for name in wanted]

    def openmm(self, wanted: str, given: Mapping[str, str]) -> str:
        """A value in OpenMM's syntax; ``given`` are texts of arguments and of steps that are not to be written out."""
        known = dict(given)
        for name in self.needed([wanted], given):
            known[name] = self.steps[name].openmm(known)
        return known[wanted]

    def python(self, name: str, wanted: Sequence[str]) -> str:
        """Source of a Python function that returns the wanted values, of those arguments that they are functions of."""
        steps = self.needed(wanted)
        used = set().union(*(self.steps[step].names for step in steps))
        arguments = ", ".join(argument for argument in self.arguments if argument in used)
        lines = [f"{step} = {ast.unparse(self.steps[step].tree)}" for step in steps]
        return "\n    ".join([f"def {name}({arguments}):", *lines, f"return {', '.join(wanted)}"])
