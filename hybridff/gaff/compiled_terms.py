"""The terms of a compiled energy: a sum of products of two features at most, as ``kernels.terms`` reads it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from hybridff.gaff.terms import TermTable


@dataclass(frozen=True)
class Sums:
    """The terms as a sum over products of feature rows."""

    constant: float
    """Energy of the terms without any feature [kJ/mol]."""
    used: Int[np.ndarray, " used"]
    """Feature rows that occur."""
    products: dict[tuple[int, ...], float]
    """Coefficient of each product [kJ/mol], by its feature rows in ascending order."""

    def arrays(self, slots: Int[np.ndarray, " features"], size: int) -> dict[str, np.ndarray]:
        """Everything that ``kernels.terms`` reads; ``slots`` is where each feature row is, of ``size`` places.

        Longer products are pairs of features, which become factors of their own, times one more.
        """
        products: defaultdict[tuple[int, ...], float] = defaultdict(float)
        for product, coefficient in self.products.items():
            products[tuple(sorted(slots[list(product)].tolist()))] += coefficient
        factors: dict[tuple[int, int], int] = {}
        while any(len(product) > 2 for product in products):
            products = _shorter(products, factors, size)
        linear = np.zeros(size + len(factors))
        matrix: dict[tuple[int, int], float] = {}
        for product, coefficient in products.items():
            if len(product) == 1:
                linear[product[0]] += coefficient
            elif product in factors:
                linear[factors[product[0], product[1]]] += coefficient
            else:
                matrix[product[0], product[1]] = coefficient
        rows = _rows(matrix)
        lengths = [len(row) for row in rows.values()]
        return {
            "linear": linear,
            "factors": np.array(list(factors), int).ravel(),
            "keys": np.array(list(rows), int),
            "rows": np.cumsum([0, *lengths]),
            "partners": np.array([partner for row in rows.values() for partner, _ in row], int),
            "coefficients": np.array([value for row in rows.values() for _, value in row], float),
            "f": np.zeros(len(linear)),
            "df": np.zeros(len(linear)),
        }


def sums_of(table: TermTable, values: Float[np.ndarray, " parameters"]) -> Sums:
    """The terms of a table with these values of its parameters; those with a coefficient of zero are left out."""
    coefficients = values[table.coefficients] * table.multipliers
    products: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for product, coefficient in zip(table.products.tolist(), coefficients.tolist(), strict=True):
        if coefficient != 0.0:
            products[tuple(sorted(row for row in product if row >= 0))] += coefficient
    constant = float(products.pop((), 0.0))
    return Sums(constant, np.array(sorted({row for product in products for row in product}), int), dict(products))


def _shorter(
    products: Mapping[tuple[int, ...], float], factors: dict[tuple[int, int], int], size: int
) -> defaultdict[tuple[int, ...], float]:
    """Each product of more than two with its most frequent pair as one factor; new pairs are added to ``factors``."""
    frequent = Counter(pair for product in products if len(product) > 2 for pair in set(combinations(product, 2)))
    result: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for product, coefficient in products.items():
        if len(product) > 2:
            pair = max(combinations(product, 2), key=lambda item: (frequent[item], item))
            rest = list(product)
            for item in pair:
                rest.remove(item)
            product = tuple(sorted((*rest, factors.setdefault(pair, size + len(factors)))))
        result[product] += coefficient
    return result


def _rows(matrix: dict[tuple[int, int], float]) -> dict[int, list[tuple[int, float]]]:
    """Elements of a symmetric matrix, each in the row of that index which has more of them; long rows first."""
    degree = Counter(index for pair in matrix for index in pair)
    rows: dict[int, list[tuple[int, float]]] = {}
    for (a, b), value in matrix.items():
        key, partner = (a, b) if (degree[a], -a) >= (degree[b], -b) else (b, a)
        rows.setdefault(key, []).append((partner, value))
    return {key: sorted(rows[key]) for key in sorted(rows, key=lambda key: (-len(rows[key]), key))}
