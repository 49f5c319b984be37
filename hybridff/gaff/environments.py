"""Environments of atoms from wide to narrow, and labels of rows by them, which are the same in every molecule.

A row is labelled on several levels, each of which tells more of its atoms than the one before: elements and numbers of
bonds, types, elements of the neighbours, and their neighbours. Of types that GAFF takes by turns along a conjugated
system, it matters only which atoms of the row have the same. Rows of one label are one coefficient; rows that are
alike on the first levels only are relatives, whose coefficients a fit expects to be similar.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, groupby, permutations, product

from hybridff.gaff.products import Factor, constants_text, numbered_label, parity
from hybridff.gaff.topology import Atoms, Topology
from hybridff.gaff.twins import turned

LEVELS = ("elements", "types", "neighbours", "surroundings")
"""What a label tells of the atoms of its row, level by level."""
_BETWEEN = " | "
_FARTHEST = 5
"""Bonds between the atoms of a pair from which on labels tell no difference."""


def levels_of(label: str) -> tuple[str, ...]:
    """The labels of a row from the widest to the narrowest, each of which begins with the one before.

    A row whose sign depends on the numbering of its atoms has a label of its own molecule: no levels.
    """
    parts = label.split(_BETWEEN)
    if len(parts) < 2:
        return ()
    return tuple(_BETWEEN.join(parts[: n + 1]) for n in range(len(parts)))


def short_label(label: str) -> str:
    """A label for people: features with the types of their atoms, such as "local_stretch c3-c3 (1-2)"."""
    parts = label.split(_BETWEEN)
    if len(parts) < 2:
        return label
    words = parts[1].split("-")
    factors = []
    for factor in parts[0].split(" · "):
        name, _, places = factor.rpartition(" (")
        types = "-".join(words[int(place) - 1] for place in places.rstrip(")").split("-"))
        factors.append(f"{name.rpartition(' ')[0]} {types} ({places}")
    return " · ".join(factors)


@dataclass(frozen=True, eq=False)
class EnvironmentLabels:
    """Labels of rows by the environments of their atoms."""

    topology: Topology
    """The molecule's internal coordinates."""
    types: Sequence[str]
    """GAFF type of each atom."""
    _parities: dict[str, int] = field(default_factory=dict)

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Words for every atom on each level of ``LEVELS``.

        The neighbours of an atom with one bond are those of the atom that it is bonded to.
        """
        molecule = self.topology.molecule
        symbols, neighbours = molecule.symbols, molecule.neighbours
        around = ["".join(sorted(symbols[b] for b in bonded)) for bonded in neighbours]
        beyond = [
            "".join(sorted(symbols[b] + (f"({around[b]})" if len(neighbours[b]) > 1 else "") for b in bonded))
            for bonded in neighbours
        ]
        centre = [bonded[0] if len(bonded) == 1 else atom for atom, bonded in enumerate(neighbours)]
        return (
            tuple(f"{symbol}{len(bonded)}" for symbol, bonded in zip(symbols, neighbours, strict=True)),
            tuple(self.types),
            tuple(around[c] for c in centre),
            tuple(beyond[c] for c in centre),
        )

    def __call__(self, factors: Sequence[Factor]) -> tuple[str, int]:
        """The label of a product, and the sign that it has with the atoms in the order of the label.

        The least of all ways to write it, level by level. A product with out-of-plane factors that is minus itself with
        its atoms in another order of the same label has its molecule's own label.
        """
        named = sorted((f"{one.feature.name}{constants_text(one)}{self._apart(one)}", one) for one in factors)
        arrangements = product(*(permutations(list(same)) for _, same in groupby(named, key=lambda pair: pair[0])))
        odd = [self._odd(one) for one in factors]
        if 0 in odd:
            return numbered_label(self.topology, factors), 1
        best: tuple | None = None
        names: list[str] = []
        signs: set[int] = set()
        coordinates = dict.fromkeys((one.feature.coordinate, one.coordinate) for one in factors)
        ways = [_orders(kind, self.topology.atoms[kind][row]) for kind, row in coordinates]
        for arrangement in arrangements:
            ordered = [pair for group in arrangement for pair in group]
            for chosen in product(*ways):
                way = dict(zip(coordinates, chosen, strict=True))
                found, sign = self._written([one for _, one in ordered], way)
                if best is None or found < best:
                    best, signs, names = found, {sign}, [name for name, _ in ordered]
                elif found == best:
                    signs.add(sign)
        assert best is not None
        if len(signs) > 1:
            return numbered_label(self.topology, factors), 1
        return _text(names, best), signs.pop()

    def _written(self, factors: Sequence[Factor], way: dict[tuple[str, int], tuple[Atoms, int]]) -> tuple[tuple, int]:
        """A product with the atoms of its coordinates in some order: places and words of the atoms, and the sign."""
        first: dict[int, int] = {}
        places, sign = [], 1
        for one in factors:
            atoms, own = way[one.feature.coordinate, one.coordinate]
            places.append(tuple(first.setdefault(atom, len(first)) for atom in atoms))
            if own < 0:
                sign *= self._odd(one)
        elements, types, *wider = (tuple(level[atom] for atom in first) for level in self.levels)
        return (tuple(places), elements, min(types, turned(types)), *wider), sign

    def _odd(self, factor: Factor) -> int:
        """What another order of the atoms of an out-of-plane coordinate multiplies a feature by; 0 if no number."""
        if factor.feature.coordinate != "out_of_plane":
            return 1
        name = factor.feature.name
        if name not in self._parities:
            self._parities[name] = parity(factor)
        return self._parities[name]

    def _apart(self, factor: Factor) -> str:
        """How many bonds the atoms of a pair are apart."""
        if factor.feature.coordinate != "pair":
            return ""
        i, j = self.topology.atoms["pair"][factor.coordinate]
        return f" {min(int(self.topology.distances[i, j]), _FARTHEST)} bonds"


def _orders(kind: str, atoms: Atoms) -> list[tuple[Atoms, int]]:
    """Orders of a coordinate's atoms that leave it as it is, or turn it into minus itself, with this sign."""
    if kind != "out_of_plane":
        return [(atoms, 1), (atoms[::-1], 1)]
    centre, *outer = atoms
    return [
        ((centre, *(outer[i] for i in order)), -1 if sum(a > b for a, b in combinations(order, 2)) % 2 else 1)
        for order in permutations(range(len(outer)))
    ]


def _text(names: Sequence[str], written: tuple) -> str:
    """The label: every factor with elements and places of its atoms, then the words of all atoms level by level."""
    places, elements, *narrower = written
    parts = [
        f"{name} {'-'.join(elements[place] for place in own)} ({'-'.join(str(place + 1) for place in own)})"
        for name, own in zip(names, places, strict=True)
    ]
    return _BETWEEN.join([" · ".join(parts), *("-".join(words) for words in narrower)])
