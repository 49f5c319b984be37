"""Which fused terms become one expression: as many as are worth the bonds that need only some of them.

A block of terms is one expression. Expressions are kept short, since OpenMM's time to compile one grows faster than its
length, and few, since each force costs time in every step. What a bond costs is made up of the distances, angles and
dihedrals that it computes, its features and its terms.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations

from hybridff.gaff.features import Feature
from hybridff.gaff.fused import AtomSetTerms, Product, Slot, coordinates_of, forward, part
from hybridff.geometry import COORDINATES

LONGEST = 60
"""Largest number of terms of one expression."""
Primitive = tuple[int, ...]
"""A distance, an angle or a dihedral: its two, three or four atoms, in the first of the two equal orders."""
_PRIMITIVE_COSTS = {2: (1.3, 0.44), 3: (4.0, 2.0), 4: (18.0, 2.6)}
"""Costs of a distance, an angle and a dihedral, by number of atoms: once for each bond, and for each of its atoms.

A platform for GPUs computes each once. Reference computes it anew for every atom whose forces depend on it. Units are
10 ns of a core with OpenCL (pocl) and 100 ns with Reference, so that a step of class II costs about as much of either;
the numbers are least squares to the times of 79 forces of aspirin (small, medium, full), good to 8 to 16 %.
"""
_ATOM_COST = 0.4, 0.3
_FEATURE_COST = 0.3, 0.14
_TERM_COST = 0.7, 0.1
FORCE_COST = 300.0
"""What one more force has to save: it is compiled, and takes some 1.5 µs of a step on CUDA, whatever its length."""


def primitives_of(features: Mapping[str, Feature], slots: Iterable[Slot]) -> set[Primitive]:
    """The distances, angles and dihedrals that some features are computed from."""
    return {
        own
        for slot in slots
        for own in _primitives(features[slot.feature].coordinate, features[slot.feature].variables, slot.atoms)
    }


@cache
def _primitives(kind: str, variables: tuple[str, ...], atoms: tuple[int, ...]) -> tuple[Primitive, ...]:
    declared = [COORDINATES[kind].variables[name] for name in variables]
    texts = [variable.openmm.format(*(atoms[i] for i in variable.places)) for variable in declared]
    found = [re.findall(r"(?:distance|angle|dihedral)\(([\d,]*)\)", text) for text in texts]
    return tuple({forward([int(atom) for atom in own.split(",")]) for text in found for own in text})


def cost_of_bond(features: Mapping[str, Feature], products: Iterable[Product]) -> float:
    """Cost of some terms for one set of atoms."""
    every = list(products)
    by_atom: dict[int, list[Product]] = defaultdict(list)
    for term in every:
        for atom in {atom for slot in term for atom in slot.atoms}:
            by_atom[atom].append(term)
    # sums that do not depend on the order of sets, so that every process makes the same forces
    return math.fsum([_cost(features, every, 0), *(_cost(features, own, 1) for own in by_atom.values())])


def _cost(features: Mapping[str, Feature], products: Sequence[Product], which: int) -> float:
    """Cost of computing some terms: with OpenCL, which does so once, or for each atom with Reference."""
    slots = {slot for term in products for slot in term}
    geometry = math.fsum(_PRIMITIVE_COSTS[len(own)][which] for own in primitives_of(features, slots))
    others = _ATOM_COST[which] * len({atom for slot in slots for atom in slot.atoms})
    return geometry + others + _FEATURE_COST[which] * len(slots) + _TERM_COST[which] * len(products)


def least_cost(primitives: Iterable[Primitive]) -> float:
    """Cost of distances, angles and dihedrals in a set of their atoms alone."""
    costs = ((len(own), *_PRIMITIVE_COSTS[len(own)]) for own in primitives)
    return math.fsum(once + n_atoms * per_atom for n_atoms, once, per_atom in costs)


@dataclass(frozen=True, eq=False)
class Block:
    """Terms that become one expression, and the bonds that need it."""

    features: Mapping[str, Feature]
    products: tuple[Product, ...]
    bonds: frozenset[int]

    @cached_property
    def cost(self) -> float:
        """Cost of the force and of all its bonds."""
        return FORCE_COST + len(self.bonds) * cost_of_bond(self.features, self.products)

    def __add__(self, other: "Block") -> "Block":
        return Block(self.features, self.products + other.products, self.bonds | other.bonds)


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
        Block(features, tuple(terms[i : i + LONGEST]), needed)
        for (_, needed), terms in together.items()
        for i in range(0, len(terms), LONGEST)
    ]
    return [[part(bonds[i], block.products) for i in sorted(block.bonds)] for block in _merge(blocks)]


def _merge(blocks: list[Block]) -> list[Block]:
    """Join the two blocks that save most, until nothing saves anything."""
    savings: dict[tuple[Block, Block], float] = {}
    while True:
        best, chosen = 0.0, None
        for pair in combinations(blocks, 2):
            one, other = pair
            if len(one.products) + len(other.products) > LONGEST:
                continue
            if pair not in savings:
                savings[pair] = one.cost + other.cost - (one + other).cost
            if savings[pair] > best:
                best, chosen = savings[pair], pair
        if chosen is None:
            return blocks
        blocks = [*(block for block in blocks if block not in chosen), chosen[0] + chosen[1]]
