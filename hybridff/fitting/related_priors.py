"""Priors of rows that have relatives: coefficients of like environments are similar before there are data.

The change of a coefficient from its start is a sum of contributions, one for each level of its label, which all rows
share whose labels are the same up to this level. Every contribution has a Gaussian prior, so that the changes have
one together: a hierarchical linear model (A. Gelman et al., Bayesian Data Analysis (2013), chapter 15). Data on a row
move its relatives by what they have in common, and a row without data is where its nearest relatives leave it.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from hybridff.gaff.environments import levels_of
from hybridff.gaff.parameters import Parameters, plain_label

Shares = tuple[float, ...]
"""Part of the prior variance of a coefficient that each level of its label contributes (``LEVELS``); together 1."""
SHARES: Shares = (0.7, 0.2995, 0.0003, 0.0002)
"""The shares that a fit takes."""
_PAIR = "pair"
"""How quantities of pairs of atoms begin."""
OWN = 1e-6
"""Part of the variance that a row shares with none, as rounding needs it."""

Row = tuple[str, tuple[str, ...]]
"""Quantity of a coefficient, and its labels from the widest to the narrowest."""


def rows_of(parameters: Parameters, chosen: Int[np.ndarray, " n"]) -> list[Row]:
    """Quantity and labels of some parameters; those without levels have none."""
    return [(parameters.quantities[i], levels_of(plain_label(parameters.labels[i]))) for i in chosen]


def label_of(row: Row, level: int) -> tuple[str, ...]:
    """Quantity and label of a row on a level; none where it has no levels.

    Pairs are alike from types on: elements do not tell their charges, nor thereby what GAFF leaves to be mended.
    """
    quantity, levels = row
    return (quantity, *levels[max(level, quantity.startswith(_PAIR)) :][:1])


def families_of(rows: Sequence[Row]) -> list[list[int]]:
    """Places of the rows that are relatives of each other; a row without levels has none but itself."""
    found: dict[tuple, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        found[label_of(row, 0) if row[1] else (row[0], place)].append(place)
    return list(found.values())


def covariance(some: Sequence[Row], others: Sequence[Row], shares: Shares) -> Float[np.ndarray, "some others"]:
    """Prior covariance of the changes of rows, in units of their prior widths."""
    found = np.zeros((len(some), len(others)))
    for level, share in enumerate(shares):
        number: dict[tuple, int] = {}
        keys = [[label_of(row, level) for row in own] for own in (some, others)]
        one, other = (np.array([number.setdefault(key, len(number)) for key in own]) for own in keys)
        found += share * (one[:, None] == other)
    return found


def prior_root(parameters: Parameters, fitted: Int[np.ndarray, " n"], shares: Shares) -> sparse.csr_array:
    """A root of the prior covariance of the changes of some parameters, in units of their prior widths."""
    rows = rows_of(parameters, fitted)
    blocks, places = [], []
    for family in families_of(rows):
        own = [rows[place] for place in family]
        matrix = covariance(own, own, shares) if own[0][1] else np.eye(1)
        blocks.append(np.linalg.cholesky(matrix + OWN * np.eye(len(own))))
        places += family
    root = sparse.block_diag(blocks, format="coo")
    order = np.array(places)
    return sparse.csr_array((root.data, (order[root.row], order[root.col])), shape=root.shape)
