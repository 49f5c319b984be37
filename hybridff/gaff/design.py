"""A term table as a linear model: columns of energies and forces, and their weights as functions of the parameters.

The energy is linear in the coefficients. Where a feature with fitted parameters declares a *span* (``0.5 (r - r0)²`` is
``0.5 r²`` and ``r`` with weights 1 and -r0, up to a constant), it is linear in the products of coefficients and weights
too. The columns then depend on positions only: a fit visits every frame once, and everything else is algebra. Other
features are *linearised* at given values: their columns are the feature and its derivatives with respect to its fitted
parameters, and hold at these values alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse

from hybridff.errors import FitError
from hybridff.expressions.expression import Expression
from hybridff.gaff.features import FEATURES
from hybridff.gaff.terms import FeatureRows, TermTable


class _Factor(NamedTuple):
    """An expression in some parameters, given by their indices."""

    expression: Expression
    parameters: tuple[tuple[str, int], ...]
    offset: float = 0.0
    """To be added to it."""


class _Weight(NamedTuple):
    """Weight of a column: a coefficient, given by its index, times some factors."""

    coefficient: int
    factors: tuple[_Factor, ...]


class _Part(NamedTuple):
    """One feature row of a span, and its weight."""

    row: int
    factor: _Factor


@dataclass(frozen=True, eq=False)
class LinearForm:
    """The columns of a term table, and how their weights follow from the parameters.

    The ``coefficients`` of ``table`` are column numbers. Column 0 has weight 1 and holds all that a fit leaves alone.
    """

    table: TermTable
    weights: tuple[_Weight, ...]
    """Weights of columns 1, 2, …"""
    everywhere: bool
    """Whether the columns serve all values of the parameters, or give energy and derivatives at one point only."""

    def evaluate(
        self, values: Float[np.ndarray, " parameters"]
    ) -> tuple[Float[np.ndarray, " columns"], sparse.sparray]:
        """Weights of the columns, and their derivatives with respect to the parameters (columns, parameters)."""
        weights = np.ones(len(self.weights) + 1)
        entries: dict[tuple[int, int], float] = defaultdict(float)
        for column, (coefficient, factors) in enumerate(self.weights, start=1):
            evaluated = [_value_and_slopes(factor, values) for factor in factors]
            rest = prod(value for value, _ in evaluated)
            weights[column] = values[coefficient] * rest
            entries[column, coefficient] += rest
            for i, (_, derivatives) in enumerate(evaluated):
                others = prod(value for j, (value, _) in enumerate(evaluated) if j != i)
                for index, derivative in derivatives:
                    entries[column, index] += values[coefficient] * others * derivative
        places = np.array(list(entries), dtype=np.int64).reshape(-1, 2).T
        shape = (len(weights), len(values))
        return weights, sparse.csr_array((list(entries.values()), tuple(places)), shape=shape)


def linear_form(table: TermTable, values: Float[np.ndarray, " parameters"], fitted: Collection[int]) -> LinearForm:
    """The linear form of a table in which only the parameters with indices ``fitted`` change from ``values``.

    Features without a span are linearised at ``values``. Raises ``FitError`` when a fitted parameter belongs to a
    feature in a product: constants are left out, which another factor would make functions of the positions.
    """
    fitted = frozenset(fitted)
    moving = [_moving(rows, fitted) for rows in table.features]
    changes = [bool(names) for rows, names in zip(table.features, moving, strict=True) for _ in range(len(rows))]
    features, parts = _spans(table, values, moving)
    columns: dict[_Weight, int] = {}
    products, coefficients, multipliers, groups = [], [], [], []
    terms = (table.products, table.coefficients.tolist(), table.multipliers.tolist(), table.groups)
    for term, coefficient, own, group in zip(*terms, strict=True):
        rows = term[term >= 0].tolist()
        factors = [parts[i] for i in rows]
        if len(rows) > 1 and any(changes[i] for i in rows):
            raise FitError("parameters of a feature cannot be fitted where it is one factor of a product.")
        for combination in product(*factors):
            variable = tuple(part.factor for part in combination if part.factor.parameters)
            numbers = (part.factor.expression for part in combination if not part.factor.parameters)
            multiplier = own * prod(float(number.evaluate({})) for number in numbers)
            if coefficient in fitted or variable:
                column = columns.setdefault(_Weight(coefficient, variable), len(columns) + 1)
            else:
                column, multiplier = 0, multiplier * values[coefficient]
            products.append([part.row for part in combination] + [-1] * int((term < 0).sum()))
            coefficients.append(column)
            multipliers.append(multiplier)
            groups.append(group)
    basis = replace(
        table,
        features=features,
        products=np.array(products, dtype=np.int64).reshape(-1, table.products.shape[1]),
        multipliers=np.array(multipliers, dtype=float),
        coefficients=np.array(coefficients, dtype=np.int64),
        groups=tuple(groups),
    )
    everywhere = all(rows.feature.span or not names for rows, names in zip(table.features, moving, strict=True))
    return LinearForm(basis, tuple(columns), everywhere)


def _moving(rows: FeatureRows, fitted: frozenset[int]) -> list[str]:
    """Parameters of a feature that are fitted in some of its rows."""
    return [name for name, index in rows.parameters.items() if not fitted.isdisjoint(index.tolist())]


def _spans(
    table: TermTable, values: Float[np.ndarray, " parameters"], moving: list[list[str]]
) -> tuple[tuple[FeatureRows, ...], list[list[_Part]]]:
    """Feature rows with every fitted feature replaced by others, and the parts that each old row became."""
    blocks: list[FeatureRows] = []
    parts: list[list[_Part]] = []
    n_rows = 0
    for rows, names in zip(table.features, moving, strict=True):
        span = rows.feature.span
        if names and span:
            new = [(FeatureRows(FEATURES[part], rows.coordinate, {}), _factors(rows, weight)) for part, weight in span]
        else:
            new = [(rows, [_ONE] * len(rows)), *_slopes(rows, values, names)]
        for i in range(len(rows)):
            parts.append([_Part(n_rows + j * len(rows) + i, factors[i]) for j, (_, factors) in enumerate(new)])
        blocks += [block for block, _ in new]
        n_rows += len(new) * len(rows)
    return tuple(blocks), parts


_ONE = _Factor(Expression("1"), ())


def _factors(rows: FeatureRows, weight: Expression) -> list[_Factor]:
    """A weight in the parameters of every row."""
    names = sorted(weight.names)
    return [_Factor(weight, tuple((name, int(rows.parameters[name][i])) for name in names)) for i in range(len(rows))]


def _slopes(
    rows: FeatureRows, values: Float[np.ndarray, " parameters"], moving: list[str]
) -> Iterator[tuple[FeatureRows, list[_Factor]]]:
    """Derivatives of feature rows, each times how far its parameter is from its value."""
    for name in moving:
        derivative = rows.feature.slope(name)
        if not derivative.variables:
            continue
        own = Expression(name)
        used = {key: index for key, index in rows.parameters.items() if key in derivative.parameters}
        yield (
            FeatureRows(derivative, rows.coordinate, used),
            [_Factor(own, ((name, i),), -float(values[i])) for i in rows.parameters[name].tolist()],
        )


def _value_and_slopes(factor: _Factor, values: np.ndarray) -> tuple[float, list[tuple[int, float]]]:
    inputs = {name: torch.tensor(values[index], requires_grad=True) for name, index in factor.parameters}
    value = torch.as_tensor(factor.expression.evaluate(inputs))
    slopes = torch.autograd.grad(value, list(inputs.values()))
    return value.item() + factor.offset, [
        (index, float(slope)) for (_, index), slope in zip(factor.parameters, slopes, strict=True)
    ]
