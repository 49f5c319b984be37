"""Atoms that complete a set to a larger one: near it, and never in line where a dihedral is computed.

A coefficient of zero is no protection from a torsion that is not defined, since zero times NaN is NaN. So a set only
ever computes dihedrals of atoms that are not in line: those whose triples of atoms occur in torsions that have terms.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from hybridff.gaff.blocks import Primitive
from hybridff.gaff.fused import AtomSetTerms


@dataclass(frozen=True, eq=False)
class Surrounding:
    """What is known of atoms that sets are padded with."""

    bent: frozenset[frozenset[int]]
    """Triples of atoms that are not in line."""
    common: Mapping[tuple[int, int], int]
    """Number of sets that have both of two atoms."""
    atoms: tuple[int, ...]
    """All atoms."""

    @classmethod
    def of(cls, blocks: Iterable[tuple[Iterable[Primitive], Sequence[AtomSetTerms]]]) -> "Surrounding":
        """What blocks of sets tell, each given by its distances, angles and dihedrals and by its sets."""
        bent: set[frozenset[int]] = set()
        common: Counter[tuple[int, int]] = Counter()
        for primitives, bonds in blocks:
            triples = dihedral_triples(primitives)
            for bond in bonds:
                bent.update(frozenset(bond.atoms[i] for i in triple) for triple in triples)
                common.update(permutations(bond.atoms, 2))
        return cls(frozenset(bent), common, tuple(sorted({i for i, _ in common})))

    def are_bent(self, atoms: Sequence[int] | Mapping[int, int], triples: Iterable[tuple[int, ...]]) -> bool:
        """Whether no three of these atoms are in line."""
        return all(frozenset(atoms[i] for i in triple) in self.bent for triple in triples)

    def padded(self, given: Mapping[int, int], size: int, triples: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
        """A set of some size with given atoms in given places and others near them, no three of these in line."""
        others = [atom for atom in self.atoms if atom not in given.values()]
        others.sort(key=lambda atom: -sum(self.common.get((atom, own), 0) for own in given.values()))

        def filled(places: dict[int, int]) -> dict[int, int] | None:
            if len(places) == size:
                return places
            free = next(place for place in range(size) if place not in places)
            for atom in others:
                now = {**places, free: atom}
                known = [triple for triple in triples if free in triple and all(i in now for i in triple)]
                if atom in places.values() or not self.are_bent(now, known):
                    continue
                found = filled(now)
                if found is not None:
                    return found
            return None

        inside = [triple for triple in triples if all(i in given for i in triple)]
        found = filled(dict(given)) if self.are_bent(given, inside) else None
        return None if found is None else tuple(found[i] for i in range(size))


def dihedral_triples(primitives: Iterable[Primitive]) -> list[tuple[int, ...]]:
    """The atoms of which dihedrals have no value where they are in line."""
    return [triple for own in primitives if len(own) == 4 for triple in (own[:3], own[1:])]
