"""Which sets of atoms are alike, and in which order the atoms of each are taken."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import combinations, permutations, product

import numpy as np
import torch

from hybridff.expressions.expression import Expression
from hybridff.gaff.features import Feature
from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES

_MOST_BONDS = 4
"""Bonds that a centre may have of which no two are in line."""
_ANYWHERE = [[0.1, 0.0, 0.02], [0.0, 0.11, -0.03], [-0.13, 0.02, 0.1], [0.05, -0.1, 0.14]]
"""Positions of four atoms without symmetry [nm]."""


class Surroundings:
    """Which sets of atoms are alike: those with the same bonds, angles and torsions among their atoms.

    Torsions that no feature reads do not count: where atoms are in line they have no value.
    An out-of-plane coordinate is defined wherever a centre has three bonds of which no two are in line: at all centres
    of up to four bonds but square-planar ones. Sets with centres of more bonds are alike only among themselves.
    """

    def __init__(self, table: TermTable) -> None:
        self._bonds = {tuple(sorted(atoms)) for atoms in table.coordinates.get("bond", np.empty((0, 2), int)).tolist()}
        self._n_bonds = Counter(atom for bond in self._bonds for atom in bond)
        self._inside: dict[frozenset[int], list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
        for kind, rows in table.coordinates.items():
            if COORDINATES[kind].n_atoms > 2 and kind != "out_of_plane":
                used = {i for own in table.features if own.feature.coordinate == kind for i in own.coordinate.tolist()}
                for number, atoms in enumerate(rows.tolist()):
                    if kind == "torsion" and number not in used:
                        continue
                    self._inside[frozenset(atoms)].append((kind, tuple(atoms)))

    def shape(self, atoms: tuple[int, ...]) -> tuple[tuple, list[tuple[int, ...]]]:
        """What alike sets have in common, and all orders of the atoms that show it."""
        bonds = tuple((i, j) for i, j in combinations(range(len(atoms)), 2) if (atoms[i], atoms[j]) in self._bonds)
        inside = [
            coordinate
            for size in (3, 4)
            for subset in combinations(atoms, size)
            for coordinate in self._inside.get(frozenset(subset), ())
        ]
        shapes: dict[tuple, list[tuple[int, ...]]] = defaultdict(list)
        for order in _canonical_orders(len(atoms), bonds):
            place = {atoms[old]: new for new, old in enumerate(order)}
            coordinates = (
                (kind, min(found, found[::-1]))
                for kind, members in inside
                for found in (tuple(place[atom] for atom in members),)
            )
            shapes[tuple(sorted(coordinates))].append(tuple(atoms[old] for old in order))
        inside_shape, arrangements = min(shapes.items())
        edges = tuple(sorted(tuple(sorted(map(arrangements[0].index, (atoms[i], atoms[j])))) for i, j in bonds))
        crowded = any(self._n_bonds[atom] > _MOST_BONDS for atom in atoms)
        return (len(atoms), edges, inside_shape, crowded), arrangements


@cache
def _canonical_orders(n_atoms: int, bonds: tuple[tuple[int, int], ...]) -> list[tuple[int, ...]]:
    """Orders of the nodes of a graph that give the smallest list of edges among those sorted by environment."""
    neighbours: list[list[int]] = [[] for _ in range(n_atoms)]
    for i, j in bonds:
        neighbours[i].append(j)
        neighbours[j].append(i)
    colours = [0] * n_atoms
    for _ in range(n_atoms):
        environments = [(colours[i], sorted(colours[j] for j in neighbours[i])) for i in range(n_atoms)]
        ranks = sorted(map(repr, environments))
        colours = [ranks.index(repr(environment)) for environment in environments]
    classes = [[i for i in range(n_atoms) if colours[i] == colour] for colour in sorted(set(colours))]
    found: dict[tuple, list[tuple[int, ...]]] = defaultdict(list)
    for parts in product(*(permutations(members) for members in classes)):
        order = tuple(i for part in parts for i in part)
        place = {old: new for new, old in enumerate(order)}
        found[tuple(sorted(tuple(sorted((place[i], place[j]))) for i, j in bonds))].append(order)
    return min(found.items())[1]


def smallest(feature: Feature, atoms: Sequence[int]) -> tuple[int, ...]:
    """The first of all orders of a coordinate's atoms that leave the feature unchanged."""
    orders = equal_orders(feature.coordinate, feature.expression, tuple(feature.parameters))
    return min(tuple(atoms[i] for i in order) for order in orders)


@cache
def equal_orders(kind: str, expression: Expression, parameters: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Orders of a coordinate's atoms that leave an expression unchanged, found by trying all of them.

    Where the trial values give no number, the order that the atoms have is the only one.
    """
    coordinate = COORDINATES[kind]
    orders = list(permutations(range(coordinate.n_atoms)))
    positions = torch.tensor(_ANYWHERE, dtype=torch.float64)[torch.tensor(orders)]
    values = expression.evaluate(
        {name: variable.of(positions) for name, variable in coordinate.variables.items()}
        | {name: torch.tensor(0.7 + 0.1 * i) for i, name in enumerate(parameters)}
    )
    slack = 1e-9 * abs(float(values[0]))
    found = [order for order, value in zip(orders, values.tolist(), strict=True) if abs(value - values[0]) <= slack]
    return found or orders[:1]
