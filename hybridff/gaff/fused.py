"""Terms fused by the sets of atoms that they are on, and alike sets brought into the same order of atoms."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybridff.gaff.features import Feature
from hybridff.gaff.surroundings import Surroundings, smallest
from hybridff.gaff.terms import TermTable


@dataclass(frozen=True)
class Factor:
    """One feature of one coordinate, with numbers in place of indices."""

    feature: Feature
    atoms: tuple[int, ...]
    parameters: Mapping[str, float]
    kind: tuple[tuple[str, float], ...]
    """Parameters that tell the rows of one coordinate apart, such as a periodicity."""
    ordinal: int
    """Number among rows of the same coordinate and kind."""


class Slot(NamedTuple):
    """A factor on numbered atoms of a set; alike sets have the same slots."""

    feature: str
    atoms: tuple[int, ...]
    kind: tuple[tuple[str, float], ...]
    ordinal: int


Product = tuple[Slot, ...]


@dataclass(frozen=True)
class AtomSetTerms:
    """The terms on one set of atoms."""

    atoms: tuple[int, ...]
    coefficients: Mapping[Product, float]
    constants: Mapping[Slot, Mapping[str, float]]


def feature_rows(
    table: TermTable, values: Float[np.ndarray, " parameters"]
) -> list[tuple[Feature, tuple[int, ...], dict[str, float]]]:
    """Feature, atoms and parameters of all feature rows in turn, as ``table.products`` counts them."""
    return [
        (block.feature, tuple(atoms), {name: float(values[index[i]]) for name, index in block.parameters.items()})
        for block in table.features
        for i, atoms in enumerate(table.coordinates[block.feature.coordinate][block.coordinate].tolist())
    ]


def list_factors(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[Factor]:
    """All feature rows in turn."""
    rows = feature_rows(table, values)
    here: dict[tuple, list[Mapping[str, float]]] = defaultdict(list)
    for feature, atoms, parameters in rows:
        here[feature.name, smallest(feature, atoms)].append(parameters)
    telling = {block.feature.name: _distinguishing_parameters(block.feature, here) for block in table.features}
    seen: Counter[tuple] = Counter()
    factors = []
    for feature, atoms, parameters in rows:
        kind = tuple((name, parameters[name]) for name in telling[feature.name])
        key = feature.name, smallest(feature, atoms), kind
        factors.append(Factor(feature, atoms, parameters, kind, seen[key]))
        seen[key] += 1
    return factors


def _distinguishing_parameters(feature: Feature, here: Mapping[tuple, list[Mapping[str, float]]]) -> list[str]:
    """Parameters with few values that differ among the rows of one coordinate: periodicities, centres on a grid."""
    found = []
    for name in feature.parameters:
        values = [{row[name] for row in rows} for (owner, _), rows in here.items() if owner == feature.name]
        most = max(map(len, values))
        if most > 1 and len(set().union(*values)) <= 2 * most:
            found.append(name)
    return found


def alike_atom_sets(
    table: TermTable, factors: Sequence[Factor], terms: Mapping[tuple[int, ...], float]
) -> list[list[AtomSetTerms]]:
    """The terms fused by sets of atoms, in groups of alike sets.

    Alike sets lack dihedrals in the same places: where atoms are in line a dihedral has no value, and a set computes
    what any of its group does.
    """
    sets: dict[tuple[int, ...], list[tuple[int, ...]]] = defaultdict(list)
    for term in terms:
        sets[tuple(sorted({atom for i in term for atom in factors[i].atoms}))].append(term)
    surroundings, lines = Surroundings(table), _without_dihedral(table, factors)
    groups: dict[tuple, list[AtomSetTerms]] = defaultdict(list)
    filled: dict[tuple, Counter[Product]] = defaultdict(Counter)
    for atoms, own in sorted(sets.items(), key=lambda item: (-len(item[1]), item[0])):
        shape, arrangements = surroundings.shape(atoms)
        candidates = []
        for arrangement in arrangements:
            place = {atom: i for i, atom in enumerate(arrangement)}
            slots = {i: _slot(factors[i], place) for i in {i for term in own for i in term}}
            products = {term: tuple(sorted(slots[i] for i in term)) for term in own}
            group = (
                shape,
                tuple(sorted(forward([place[atom] for atom in line]) for line in lines if place.keys() >= set(line))),
            )
            overlap = sum(filled[group][p] > 0 for p in products.values())
            candidates.append((-overlap, sorted(products.values()), arrangement, slots, products, group))
        _, _, arrangement, slots, products, group = min(candidates, key=lambda candidate: candidate[:3])
        filled[group].update(products.values())
        groups[group].append(
            AtomSetTerms(
                arrangement,
                {products[term]: terms[term] for term in own},
                {slot: factors[i].parameters for i, slot in slots.items()},
            )
        )
    return list(groups.values())


def _without_dihedral(table: TermTable, factors: Sequence[Factor]) -> list[tuple[int, ...]]:
    """Torsions of which no feature reads the dihedral."""
    read = {forward(factor.atoms) for factor in factors if "phi" in factor.feature.variables}
    return [own for atoms in table.coordinates.get("torsion", []) if (own := forward(atoms.tolist())) not in read]


def _slot(factor: Factor, place: Mapping[int, int]) -> Slot:
    atoms = smallest(factor.feature, [place[atom] for atom in factor.atoms])
    return Slot(factor.feature.name, atoms, factor.kind, factor.ordinal)


def forward(atoms: Sequence[int]) -> tuple[int, ...]:
    """The first of the two orders of atoms that mean the same distance, angle or dihedral."""
    return min(tuple(atoms), tuple(atoms)[::-1])


def coordinates_of(features: Mapping[str, Feature], slots: Iterable[Slot]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Distinct coordinates in turn."""
    return tuple(dict.fromkeys((features[slot.feature].coordinate, slot.atoms) for slot in slots))


def part(bond: AtomSetTerms, products: Iterable[Product]) -> AtomSetTerms:
    """A bond with some of all terms; those that it lacks have coefficients of zero."""
    coefficients = {term: bond.coefficients.get(term, 0.0) for term in products}
    slots = {slot for term in coefficients for slot in term}
    return AtomSetTerms(
        bond.atoms, coefficients, {slot: bond.constants[slot] for slot in slots if slot in bond.constants}
    )


@dataclass(frozen=True)
class Names:
    """New names of terms and of their factors where atoms get other numbers."""

    products: Mapping[Product, Product]
    slots: Mapping[Slot, Slot]


def renamed(features: Mapping[str, Feature], products: Iterable[Product], places: Sequence[int]) -> Names:
    """Names in which each number of an atom is replaced by what stands at its place."""
    every = list(products)
    slots = {
        slot: slot._replace(atoms=smallest(features[slot.feature], [places[atom] for atom in slot.atoms]))
        for slot in {slot for term in every for slot in term}
    }
    return Names({term: tuple(sorted(slots[slot] for slot in term)) for term in every}, slots)


def moved(bond: AtomSetTerms, names: Names, atoms: tuple[int, ...]) -> AtomSetTerms:
    """A bond with its terms under other names, on ``atoms``, which may be more."""
    return AtomSetTerms(
        atoms,
        {names.products[term]: value for term, value in bond.coefficients.items()},
        {names.slots[slot]: constants for slot, constants in bond.constants.items()},
    )
