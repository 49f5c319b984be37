"""What is known of the coefficients together before any data: linear combinations with a target and a deviation."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import TermTable
from hybridff.geometry import distance
from hybridff.units import ANGSTROM, KCAL_MOL

_MORSE = ("morse", "morse_square")
_LOCAL = ("pair_gaussian", "pair_soft")
_CONTACTS = np.arange(0.6, 8.0, 0.2) * ANGSTROM
_MARGIN = 0.29 * ANGSTROM
"""How far below the shortest distance of the data a pair is still its own affair."""
_CONTACT_DEVIATION = 1.0 * KCAL_MOL
_DISSOCIATION = 100.0 * KCAL_MOL
_DISSOCIATION_DEVIATION = 10.0 * KCAL_MOL


class Restraint(NamedTuple):
    """``weights`` times the coefficients is ``target``, give or take ``deviation``."""

    coefficients: tuple[int, ...]
    weights: tuple[float, ...]
    target: float
    deviation: float


def restraints(
    table: TermTable, parameters: Parameters, geometries: Float[np.ndarray, "frames atoms 3"]
) -> Iterator[Restraint]:
    """Pairs have no correction nearer than the data ever come; a bond of Morse powers takes 100 kcal/mol to break."""
    pairs: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for name in _LOCAL:
        for terms in table.single_feature_terms(name):
            feature = next(rows.feature for rows in table.features if rows.feature.name == name)
            values = {
                key: torch.as_tensor(parameters.values[index])[:, None] for key, index in terms.parameters.items()
            }
            curve_of = feature.evaluate({"r": torch.as_tensor(_CONTACTS)}, values).numpy()
            curve_of = np.broadcast_to(curve_of, (len(terms.coordinates), len(_CONTACTS)))
            for pair, coefficient, curve in zip(
                terms.coordinates.tolist(), terms.coefficients.tolist(), curve_of, strict=True
            ):
                pairs[pair].append((coefficient, curve))
    nearest: dict[tuple[int, ...], float] = {}
    curves: dict[tuple[int, ...], list[np.ndarray]] = {}
    for pair, local in pairs.items():
        own = tuple(coefficient for coefficient, _ in local)
        curves[own] = [curve for _, curve in local]
        least = float(distance(torch.as_tensor(geometries[:, table.coordinates["pair"][pair]])).min())
        nearest[own] = min(least, nearest.get(own, np.inf))
    for coefficients, functions in curves.items():
        for i in np.flatnonzero(nearest[coefficients] - _MARGIN > _CONTACTS):
            yield Restraint(coefficients, tuple(float(curve[i]) for curve in functions), 0.0, _CONTACT_DEVIATION)
    for coefficients in _anharmonic_bonds(table):
        ones = (1.0,) * len(coefficients)
        yield Restraint(coefficients, ones, _DISSOCIATION, _DISSOCIATION_DEVIATION)


def _anharmonic_bonds(table: TermTable) -> list[tuple[int, ...]]:
    """Coefficients of all powers of the Morse variable of each class of bonds; every power is 1 far away."""
    names = [rows.feature.name for rows in table.features for _ in range(len(rows))]
    coordinates = [coordinate for rows in table.features for coordinate in rows.coordinate.tolist()]
    found: dict[int, dict[int, None]] = defaultdict(dict)
    for product, coefficient in zip(table.products.tolist(), table.coefficients.tolist(), strict=True):
        factors = [row for row in product if row >= 0]
        if {names[row] for row in factors} <= set(_MORSE) and len({coordinates[row] for row in factors}) == 1:
            found[coordinates[factors[0]]][coefficient] = None
    return list(dict.fromkeys(tuple(coefficients) for coefficients in found.values()))
