"""Blocks of terms on unlike sets of atoms as one force, so that there are few.

Two blocks become one in either of two ways. Smaller sets are embedded in larger ones: a set whose atoms are among those
of a larger one becomes part of it, and any other is padded with atoms near it, with coefficients of zero for the terms
that it lacks. Or a smaller set stands beside a larger one, whatever atoms they share: sets of both blocks in turn make
one of all their atoms, which costs nothing where there are as many of them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, permutations, zip_longest

import numpy as np
from jaxtyping import Int

from hybridff.gaff.blocks import (
    FORCE_COST,
    LONGEST,
    Primitive,
    cost_of_bond,
    forward,
    least_cost,
    primitives_of,
)
from hybridff.gaff.features import Feature
from hybridff.gaff.fused import AtomSetTerms, Names, Product, moved, part, renamed
from hybridff.gaff.padding import Surrounding, dihedral_triples

Places = tuple[int, ...]
"""Places that the atoms of a set have in another one."""
_MOST_TRIED = 6
"""Ways to put sets into larger ones of which the costs are compared, for each pair of blocks."""
_LARGEST_SEARCHED = 7
"""Atoms of the largest sets in which places are tried at which no smaller set is yet."""
_LARGEST_TURNED = 5
"""Atoms of the largest sets whose atoms are tried in other orders."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Sets of atoms that share one expression."""

    features: Mapping[str, Feature]
    bonds: tuple[AtomSetTerms, ...]

    @cached_property
    def n_atoms(self) -> int:
        """Number of atoms of each set."""
        return len(self.bonds[0].atoms)

    @cached_property
    def products(self) -> frozenset[Product]:
        """All terms."""
        return frozenset(self.bonds[0].coefficients)

    @cached_property
    def primitives(self) -> frozenset[Primitive]:
        """Distances, angles and dihedrals."""
        return frozenset(primitives_of(self.features, {slot for term in self.products for slot in term}))

    @cached_property
    def each(self) -> float:
        """Cost of a set."""
        return cost_of_bond(self.features, self.products)

    @cached_property
    def cost(self) -> float:
        """Cost of the force."""
        return FORCE_COST + len(self.bonds) * self.each

    @cached_property
    def turns(self) -> list[Places]:
        """Other places of the atoms that leave the list of terms as it is, beginning with the same places."""
        same = tuple(range(self.n_atoms))
        if self.n_atoms > _LARGEST_TURNED:
            return [same]
        return [
            places
            for places in permutations(same)
            if {forward([places[i] for i in own]) for own in self.primitives} == self.primitives
            and set(renamed(self.features, self.products, places).products.values()) == self.products
        ]

    @cached_property
    def members(self) -> Int[np.ndarray, "bonds atoms"]:
        """Atoms of all sets."""
        return np.array([bond.atoms for bond in self.bonds])


def fewer(
    features: Mapping[str, Feature], groups: Iterable[Sequence[AtomSetTerms]], wanted: int
) -> list[list[AtomSetTerms]]:
    """Groups joined as long as it saves time, and then at least cost until there are no more than ``wanted``.

    More are left where only expressions longer than ``LONGEST`` or torsions of atoms in line would make them fewer.
    """
    blocks = [Joint(features, tuple(group)) for group in groups]
    around = Surrounding.of((block.primitives, block.bonds) for block in blocks)
    pairs: dict[frozenset[Joint], Pair] = {}
    barred: set[tuple[Pair, Places]] = set()
    while True:
        best, chosen = math.inf, None
        for one, other in combinations(blocks, 2):
            if frozenset((one, other)) not in pairs:
                pairs[frozenset((one, other))] = Pair.of(one, other, around)
        for pair in sorted((pairs[frozenset(both)] for both in combinations(blocks, 2)), key=lambda pair: pair.bound):
            if pair.bound >= best:
                break
            for increase, places in pair.options:
                if increase < best and (pair, places) not in barred:
                    best, chosen = increase, (pair, places)
        if chosen is None or (best >= 0 and len(blocks) <= wanted):
            return [list(block.bonds) for block in blocks]
        pair, places = chosen
        joint = pair.joint(places)
        if joint is None:
            barred.add(chosen)
        else:
            blocks = [*(block for block in blocks if block not in (pair.small, pair.large)), joint]


@dataclass(frozen=True)
class PlannedSet:
    """A set of the block that two become."""

    atoms: tuple[int, ...]
    large: tuple[int, Places] | None
    """Number of the larger set in it, and where its atoms go."""
    small: tuple[tuple[int, Places], ...]
    """Number of each smaller set in it, and how its own atoms change places first."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two blocks that may be joined."""

    small: Joint
    large: Joint
    around: Surrounding

    @classmethod
    def of(cls, one: Joint, other: Joint, around: Surrounding) -> "Pair":
        """Two blocks, that of smaller sets first."""
        first = (one.n_atoms, one.each) <= (other.n_atoms, other.each)
        return cls(one, other, around) if first else cls(other, one, around)

    @cached_property
    def placements(self) -> list[tuple[float, Places]]:
        """The most promising places of the smaller sets' atoms in larger ones, with the cost of what both compute."""
        small, large = self.small, self.large
        hosts = Counter(
            tuple(large.bonds[j].atoms.index(atom) for atom in small.bonds[i].atoms) for i, j in self._inside.tolist()
        )
        everywhere = large.n_atoms <= _LARGEST_SEARCHED
        known_ways = np.array([*hosts], dtype=int).reshape(-1, small.n_atoms)
        ways = _injections(small.n_atoms, large.n_atoms) if everywhere else known_ways
        shared = np.zeros(len(ways))
        for n in (2, 3, 4):
            known = [_code(np.array([own])) for own in large.primitives if len(own) == n]
            for own in sorted(small.primitives):
                if len(own) == n and known:
                    cost = least_cost([own])
                    shared += cost * np.isin(_code(ways[:, own]), np.concatenate(known))
        worth = len(small.bonds) * shared + small.each * np.array([hosts[tuple(way)] for way in ways.tolist()])
        best = np.argsort(-worth, kind="stable")[:_MOST_TRIED]
        return [(float(shared[k]), tuple(ways[k].tolist())) for k in best]

    @cached_property
    def bound(self) -> float:
        """What the cost increases by at least: every smaller set inside a larger one."""
        small, large = self.small, self.large
        if max(len(small.products), len(large.products)) >= LONGEST:
            return math.inf
        shared = max((own for own, _ in self.placements), default=0.0)
        more = least_cost(small.primitives) - shared
        each = max(small.each, large.each + more)
        return FORCE_COST + max(len(small.bonds), len(large.bonds)) * each - small.cost - large.cost

    @cached_property
    def options(self) -> list[tuple[float, Places]]:
        """What the cost increases by with the smaller sets' atoms in some places, for the most promising ones.

        Places beyond those of the larger sets mean that the smaller ones stand beside them. Padding may fail.
        """
        ways = [places for _, places in self.placements]
        if self.large.n_atoms > 2:  # distances of two atoms have a force of their own kind
            ways.append(tuple(range(self.large.n_atoms, self.large.n_atoms + self.small.n_atoms)))
        return [(self._cost(places) - self.small.cost - self.large.cost, places) for places in ways]

    def _cost(self, places: Places) -> float:
        """Cost of both as one."""
        products = self._products(places)
        if len(products) > LONGEST:
            return math.inf
        n_sets = max(len(self.small.bonds), len(self.large.bonds))
        if not self._beside(places):
            triples = self._triples(places)
            if not all(self.around.are_bent(bond.atoms, triples) for bond in self.large.bonds):
                return math.inf
            n_sets = len(self.large.bonds) + len(self._hosts(places)[2])
        return FORCE_COST + n_sets * cost_of_bond(self.large.features, products)

    def joint(self, places: Places) -> Joint | None:
        """Both as one; None where padding would compute torsions of atoms that may be in line."""
        sets = self._sets_beside() if self._beside(places) else self._sets_embedded(places)
        if sets is None:
            return None
        features, products = self.large.features, sorted(self._products(places))
        turned: dict[Places, Names] = {}
        placed: dict[Places, Names] = {}
        bonds = []
        for row in sets:
            own = AtomSetTerms(row.atoms, {}, {})
            if row.large is not None:
                number, turn = row.large
                if turn not in turned:
                    turned[turn] = renamed(features, self.large.products, turn)
                own = moved(self.large.bonds[number], turned[turn], row.atoms)
            for number, turn in row.small:
                if turn not in placed:
                    placed[turn] = renamed(features, self.small.products, [places[k] for k in turn])
                own = _together(own, moved(self.small.bonds[number], placed[turn], row.atoms))
            bonds.append(part(own, products))
        return Joint(features, tuple(bonds))

    def _beside(self, places: Places) -> bool:
        return min(places) >= self.large.n_atoms

    def _products(self, places: Places) -> frozenset[Product]:
        """The terms of both."""
        names = renamed(self.large.features, self.small.products, places)
        return self.large.products.union(names.products.values())

    def _triples(self, places: Places) -> list[tuple[int, ...]]:
        """What must not be in line."""
        slots = {slot for term in self._products(places) for slot in term}
        return dihedral_triples(primitives_of(self.large.features, slots))

    def _sets_beside(self) -> list[PlannedSet]:
        """Each smaller set beside a larger one, whatever atoms they share; what lacks a partner has any."""
        small, large = self.small, self.large
        stay, same = tuple(range(large.n_atoms)), tuple(range(small.n_atoms))
        return [
            PlannedSet(
                (one or large.bonds[0]).atoms + (other or small.bonds[0]).atoms,
                None if one is None else (number, stay),
                () if other is None else ((number, same),),
            )
            for number, (one, other) in enumerate(zip_longest(large.bonds, small.bonds))
        ]

    def _sets_embedded(self, places: Places) -> list[PlannedSet] | None:
        """Smaller sets in larger ones, or padded; None where there is no padding."""
        small, large = self.small, self.large
        turns, guests, rest = self._hosts(places)
        stay, same = tuple(range(large.n_atoms)), tuple(range(small.n_atoms))
        triples, sets = self._triples(places), []
        for number, bond in enumerate(large.bonds):
            turn = turns.get(number, stay)
            atoms = tuple(atom for _, atom in sorted(zip(turn, bond.atoms, strict=True)))
            sets.append(PlannedSet(atoms, (number, turn), tuple(guests[number])))
        for number in rest:
            given = dict(zip(places, small.bonds[number].atoms, strict=True))
            padded = self.around.padded(given, large.n_atoms, triples)
            if padded is None:
                return None
            sets.append(PlannedSet(padded, None, ((number, same),)))
        return sets

    @cached_property
    def _inside(self) -> Int[np.ndarray, "found 2"]:
        """Smaller sets that have all their atoms in a larger one, with the number of this."""
        small, large = self.small, self.large
        n = 1 + max(int(block.members.max()) for block in (small, large))
        masks = [np.zeros((len(block.bonds), n), dtype=np.float32) for block in (small, large)]
        for mask, block in zip(masks, (small, large), strict=True):
            mask[np.arange(len(mask))[:, None], block.members] = 1
        return np.argwhere(masks[0] @ masks[1].T == small.n_atoms)

    def _hosts(self, places: Places) -> tuple[dict[int, Places], dict[int, list[tuple[int, Places]]], list[int]]:
        """How larger sets are turned to take smaller ones in; which these are and how turned; and those left over."""
        small, large = self.small, self.large
        wanted = {tuple(places[i] for i in turn): turn for turn in small.turns}
        options: dict[int, list[tuple[int, Places, Places]]] = {i: [] for i in range(len(small.bonds))}
        for i, j in self._inside.tolist():
            seats = [large.bonds[j].atoms.index(atom) for atom in small.bonds[i].atoms]
            for turn in large.turns:
                own = wanted.get(tuple(turn[seat] for seat in seats))
                if own is not None:
                    options[i].append((j, turn, own))
        turns: dict[int, Places] = {}
        guests: dict[int, list[tuple[int, Places]]] = defaultdict(list)
        rest = []
        for i in sorted(options, key=lambda i: len(options[i])):
            host = next(((j, own) for j, turn, own in options[i] if turns.setdefault(j, turn) == turn), None)
            if host is None:
                rest.append(i)
            else:
                guests[host[0]].append((i, host[1]))
        return turns, guests, rest


@cache
def _injections(small: int, large: int) -> Int[np.ndarray, "ways small"]:
    """All ways to give places among so many to so few."""
    return np.array(list(permutations(range(large), small)))


def _code(atoms: Int[np.ndarray, "ways n"]) -> Int[np.ndarray, " ways"]:
    """A number for each row that is the same for the reversed row."""
    powers = 64 ** np.arange(atoms.shape[1])
    return np.minimum(atoms @ powers, atoms[:, ::-1] @ powers)


def _together(bond: AtomSetTerms, other: AtomSetTerms) -> AtomSetTerms:
    """The terms of two bonds on the same atoms."""
    coefficients = Counter(dict(bond.coefficients))
    coefficients.update(other.coefficients)
    return AtomSetTerms(bond.atoms, dict(coefficients), {**bond.constants, **other.constants})
