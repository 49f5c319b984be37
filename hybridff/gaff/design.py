"""A term table as a linear model: columns of energies and forces, and their weights as functions of the parameters.

The energy is linear in the coefficients. Where a feature with fitted parameters declares a *span* (``0.5 (r - r0)²`` is
``0.5 r²`` and ``r`` with weights 1 and -r0, up to a constant), it is linear in the products of coefficients and weights
too. The columns then depend on positions only: a fit visits every frame once, and everything else is algebra.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse

from hybridff.errors import FitError
from hybridff.expression import Expression
from hybridff.gaff.features import FEATURES
from hybridff.gaff.terms import FeatureRows, TermTable


class _Factor(NamedTuple):
    """An expression in some parameters, given by their indices."""

    expression: Expression
    parameters: tuple[tuple[str, int], ...]


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
    """Of columns 1, 2, …"""

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
            for i, (_, slopes) in enumerate(evaluated):
                others = prod(value for j, (value, _) in enumerate(evaluated) if j != i)
                for index, slope in slopes:
                    entries[column, index] += values[coefficient] * others * slope
        places = np.array(list(entries), dtype=np.int64).reshape(-1, 2).T
        shape = (len(weights), len(values))
        return weights, sparse.csr_array((list(entries.values()), tuple(places)), shape=shape)


def linear_form(table: TermTable, values: Float[np.ndarray, " parameters"], fitted: Collection[int]) -> LinearForm:
    """The linear form of a table in which only the parameters with indices ``fitted`` change from ``values``.

    Raises ``FitError`` when a fitted parameter belongs to a feature without a span, or to one in a product: a span
    leaves out a constant, which another factor would make a function of the positions.
    """
    fitted = frozenset(fitted)
    features, parts = _spans(table, fitted)
    columns: dict[_Weight, int] = {}
    products, coefficients, multipliers, groups = [], [], [], []
    terms = (table.products, table.coefficients.tolist(), table.multipliers.tolist(), table.groups)
    for term, coefficient, own, group in zip(*terms, strict=True):
        factors = [parts[i] for i in term[term >= 0]]
        if len(factors) > 1 and any(len(factor) > 1 for factor in factors):
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
    return LinearForm(basis, tuple(columns))


def _spans(table: TermTable, fitted: frozenset[int]) -> tuple[tuple[FeatureRows, ...], list[list[_Part]]]:
    """Feature rows with every fitted feature replaced by its span, and the parts that each old row became."""
    blocks: list[FeatureRows] = []
    parts: list[list[_Part]] = []
    n_rows = 0
    for rows in table.features:
        feature = rows.feature
        if fitted.isdisjoint(np.concatenate([[], *rows.parameters.values()]).astype(int).tolist()):
            new = [(rows, Expression("1"))]
        elif feature.span:
            new = [(FeatureRows(FEATURES[name], rows.coordinate, {}), weight) for name, weight in feature.span]
        else:
            raise FitError(f"parameters of feature {feature.name} cannot be fitted: it has no span.")
        for i in range(len(rows)):
            parts.append(
                [
                    _Part(
                        n_rows + j * len(rows) + i,
                        _Factor(weight, tuple((name, int(rows.parameters[name][i])) for name in sorted(weight.names))),
                    )
                    for j, (_, weight) in enumerate(new)
                ]
            )
        blocks += [block for block, _ in new]
        n_rows += len(new) * len(rows)
    return tuple(blocks), parts


def _value_and_slopes(factor: _Factor, values: np.ndarray) -> tuple[float, list[tuple[int, float]]]:
    inputs = {name: torch.tensor(values[index], requires_grad=True) for name, index in factor.parameters}
    value = torch.as_tensor(factor.expression.evaluate(inputs))
    slopes = torch.autograd.grad(value, list(inputs.values()))
    return value.item(), [(index, float(slope)) for (_, index), slope in zip(factor.parameters, slopes, strict=True)]
