"""Which fused terms become one expression: as many as are worth the bonds that need only some of them.

A block of terms is one expression. Expressions are kept short, since OpenMM's time to compile one grows faster than its
length, and few, since each force costs time in every step.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from types import MappingProxyType

from hybridff.gaff.features import Feature
from hybridff.gaff.fused import AtomSetTerms, Product, Slot, coordinates_of, part

LONGEST = 40
"""Largest number of terms of one expression."""
_COSTS: Mapping[str, float] = MappingProxyType(
    {"bond": 1.0, "pair": 1.0, "angle": 4.0, "torsion": 10.0, "out_of_plane": 15.0}
)
"""Cost of a coordinate in one bond of a force, in units of a distance: its value and derivatives."""
_ATOM_COST = 0.5
"""Cost of adding up the forces on one atom, in the same units."""
_FEATURE_COST = 1.0
_TERM_COST = 0.3
_FORCE_COST = 300.0
"""What one more force has to save: it is compiled, and takes some 1.5 µs of a step on CUDA, whatever its length."""


@dataclass(frozen=True)
class Block:
    """Terms that become one expression, the bonds that need it, and what they are made of."""

    products: tuple[Product, ...]
    bonds: frozenset[int]
    slots: frozenset[Slot]
    coordinates: frozenset[tuple[str, tuple[int, ...]]]

    @cached_property
    def cost(self) -> float:
        """Cost of the force and of all its bonds."""
        atoms = {atom for _, members in self.coordinates for atom in members}
        each = sum(_COSTS[kind] for kind, _ in self.coordinates) + _ATOM_COST * len(atoms)
        each += _FEATURE_COST * len(self.slots) + _TERM_COST * len(self.products)
        return _FORCE_COST + len(self.bonds) * each

    def __add__(self, other: "Block") -> "Block":
        return Block(
            self.products + other.products,
            self.bonds | other.bonds,
            self.slots | other.slots,
            self.coordinates | other.coordinates,
        )


def split(features: Mapping[str, Feature], bonds: Sequence[AtomSetTerms]) -> list[list[AtomSetTerms]]:
    """Alike bonds, divided into groups of terms that are worth one expression and do not make it too long."""
    support: dict[Product, set[int]] = defaultdict(set)
    for i, bond in enumerate(bonds):
        for term in bond.coefficients:
            support[term].add(i)
    together: dict[tuple, list[Product]] = defaultdict(list)
    for term in sorted(support):
        together[coordinates_of(features, term), frozenset(support[term])].append(term)
    blocks = [
        Block(part, needed, frozenset(slot for term in part for slot in term), frozenset(coordinates))
        for (coordinates, needed), terms in together.items()
        for i in range(0, len(terms), LONGEST)
        for part in (tuple(terms[i : i + LONGEST]),)
    ]
    return [[part(bonds[i], block.products) for i in sorted(block.bonds)] for block in _merge(blocks)]


def _merge(blocks: list[Block]) -> list[Block]:
    """Join the two blocks that save most, until nothing saves anything."""
    while True:
        savings = [
            (one.cost + other.cost - (one + other).cost, i, j)
            for (i, one), (j, other) in combinations(enumerate(blocks), 2)
            if len(one.products) + len(other.products) <= LONGEST
        ]
        best, i, j = max(savings, default=(0.0, 0, 0))
        if best <= 0:
            return blocks
        blocks = [*(block for k, block in enumerate(blocks) if k not in (i, j)), blocks[i] + blocks[j]]
