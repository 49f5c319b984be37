"""Patterns: which coordinates of a molecule a row of a user's own form is about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import permutations, product
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from hybridff.gaff.topology import Atoms, Topology

Relation = Literal["same", "inside"]

CENTRES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"bond": (0, 1), "pair": (0, 1), "angle": (1,), "torsion": (1, 2), "out_of_plane": (0,)}
)
"""The atoms of a coordinate that stand for it where a distance in bonds is asked for."""


@dataclass(frozen=True)
class Pattern:
    """How the coordinates of a product lie to each other, and what their atoms are; what is None may be anything.

    ``relation`` is "same" (one coordinate for all factors) or "inside" (all atoms of the others belong to the last).
    ``apart`` and ``shared`` hold for every two factors, whose coordinates are then two, neither inside the other.
    """

    relation: Relation | None = None
    apart: tuple[int, ...] | None = None
    """Bonds between the nearest atoms of their centres."""
    shared: tuple[int, ...] | None = None
    """Atoms that they have in common."""
    types: tuple[str, ...] | None = None
    """Atom types of each factor's atoms, such as "c3-c*-oh"."""
    elements: tuple[str, ...] | None = None
    """Element symbols that the atoms have to have; None for any."""
    within: float | None = None
    """Distance that every pair among the factors comes below [nm]."""


@dataclass(frozen=True, eq=False)
class Site:
    """What patterns are compared with."""

    topology: Topology
    types: Sequence[str]
    contacts: Float[np.ndarray, " pairs"]
    """Distance that each pair comes below in some of the frames [nm]."""
    linear: Bool[np.ndarray, " torsions"]
    """Torsions about a linear group of atoms, which match nothing."""


def places(pattern: Pattern, kinds: Sequence[str], site: Site) -> Iterator[tuple[int, ...]]:
    """All rows of coordinates, one for each factor of some kinds, that a pattern fits."""
    allowed = [_allowed(pattern, i, kind, site) for i, kind in enumerate(kinds)]
    atoms = [site.topology.atoms[kind] for kind in kinds]
    if len(kinds) == 1 or pattern.relation == "same":
        yield from ((row,) * len(kinds) for row in allowed[0])
    elif pattern.relation == "inside":
        for last in allowed[-1]:
            outer = set(atoms[-1][last])
            inner = [
                [row for row in rows if outer.issuperset(own[row])]
                for rows, own in zip(allowed[:-1], atoms[:-1], strict=True)
            ]
            for found in product(*inner):
                if len(set(zip(kinds, (*found, last), strict=True))) == len(kinds):
                    yield (*found, last)
    else:
        near = {
            (i, j): _near(pattern, (kinds[i], kinds[j]), (allowed[i], allowed[j]), site)
            for i in range(len(kinds))
            for j in range(i + 1, len(kinds))
        }
        for i, j in np.argwhere(near[0, 1]).tolist():
            found = (allowed[0][i], allowed[1][j])
            if len(kinds) == 2:
                yield found
            else:
                for k in np.flatnonzero(near[0, 2][i] & near[1, 2][j]).tolist():
                    yield (*found, allowed[2][k])


def _allowed(pattern: Pattern, factor: int, kind: str, site: Site) -> list[int]:
    """Rows of a kind that one factor may have, whatever the others are."""
    symbols = site.topology.molecule.symbols
    found = []
    for row, atoms in enumerate(site.topology.atoms[kind]):
        if kind == "torsion" and site.linear[row]:
            continue
        if kind == "pair" and pattern.within is not None and site.contacts[row] > pattern.within:
            continue
        labels = ((pattern.types, site.types), (pattern.elements, symbols))
        if all(wanted is None or _fits(wanted[factor], kind, [own[a] for a in atoms]) for wanted, own in labels):
            found.append(row)
    return found


def _fits(wanted: str, kind: str, labels: Sequence[str]) -> bool:
    """Whether labels of atoms are those wanted, in either direction; outer atoms of a centre in any order."""
    parts = wanted.split("-")
    if kind == "out_of_plane":
        orders: list[Sequence[str]] = [[labels[0], *outer] for outer in permutations(labels[1:])]
    else:
        orders = [labels, labels[::-1]]
    return any(all(fnmatchcase(a, b) for a, b in zip(order, parts, strict=True)) for order in orders)


def _near(
    pattern: Pattern, kinds: tuple[str, str], rows: tuple[list[int], list[int]], site: Site
) -> Bool[np.ndarray, "first second"]:
    """Which two coordinates are as far apart as wanted."""
    found = np.zeros((len(rows[0]), len(rows[1])), dtype=bool)
    distances = site.topology.distances
    firsts, seconds = ([site.topology.atoms[kind][row] for row in own] for kind, own in zip(kinds, rows, strict=True))
    for i, one in enumerate(firsts):
        for j, other in enumerate(seconds):
            shared = len(set(one) & set(other))
            if shared == min(len(one), len(other)) or (pattern.shared is not None and shared not in pattern.shared):
                continue
            gap = int(distances[np.ix_(_centre(kinds[0], one), _centre(kinds[1], other))].min())
            found[i, j] = pattern.apart is None or gap in pattern.apart
    return found


def _centre(kind: str, atoms: Atoms) -> list[int]:
    return [atoms[place] for place in CENTRES[kind]]
