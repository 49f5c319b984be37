"""A term table as OpenMM forces: native ones where OpenMM has the form, a few fused custom ones for everything else.

A ``CustomCompoundBondForce`` per term would compute every distance and angle anew for every term. So all terms on the
same atoms are *fused* into one bond. Sets of atoms that are alike (same bonds, angles and torsions among them) get
their atoms in the same order and share a force: one expression with the terms of all of them, whose coefficients and
constants are per-bond parameters, zero where a set lacks a term. Expressions are kept short, since OpenMM's time to
compile one grows faster than its length.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, permutations, product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import openmm
import torch
from jaxtyping import Float

from hybridff.expression import Expression
from hybridff.gaff.features import Feature
from hybridff.gaff.nonbonded import PAIR_FEATURES
from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES

LONGEST = 40
"""Terms of one expression."""
_COSTS: Mapping[str, float] = MappingProxyType(
    {"bond": 1.0, "pair": 1.0, "angle": 4.0, "torsion": 12.0, "out_of_plane": 20.0}
)
"""Cost of a coordinate in one bond of a force, in units of a distance."""
_ANYWHERE = [[0.1, 0.0, 0.02], [0.0, 0.11, -0.03], [-0.13, 0.02, 0.1], [0.05, -0.1, 0.14]]
"""Four atoms without symmetry [nm]."""
_TERM_COST = 0.5
_FORCE_COST = 60.0
"""What one more force has to save: it is compiled, and takes arguments of the kernel."""


@dataclass(frozen=True)
class _Factor:
    """One feature of one coordinate, with numbers in place of indices."""

    feature: Feature
    atoms: tuple[int, ...]
    parameters: Mapping[str, float]
    kind: tuple[tuple[str, float], ...]
    """Parameters that tell the rows of one coordinate apart, such as a periodicity."""
    ordinal: int
    """Number among rows of the same coordinate and kind."""


class _Slot(NamedTuple):
    """A factor on numbered atoms of a set; alike sets have the same slots."""

    feature: str
    atoms: tuple[int, ...]
    kind: tuple[tuple[str, float], ...]
    ordinal: int


_Product = tuple[_Slot, ...]


@dataclass(frozen=True)
class _Bond:
    """The terms on one set of atoms."""

    atoms: tuple[int, ...]
    coefficients: Mapping[_Product, float]
    constants: Mapping[_Slot, Mapping[str, float]]


@dataclass(frozen=True)
class _Native:
    """OpenMM's own force for a single feature times a coefficient."""

    force: Callable[[], openmm.Force]
    add: Callable[[openmm.Force, tuple[int, ...], float, Mapping[str, float]], object]


_NATIVE: Mapping[str, _Native] = MappingProxyType(
    {
        "harmonic_bond": _Native(
            openmm.HarmonicBondForce, lambda force, atoms, k, values: force.addBond(*atoms, values["r0"], k)
        ),
        "harmonic_angle": _Native(
            openmm.HarmonicAngleForce, lambda force, atoms, k, values: force.addAngle(*atoms, values["theta0"], k)
        ),
        "fourier": _Native(
            openmm.PeriodicTorsionForce,
            lambda force, atoms, k, values: force.addTorsion(*atoms, round(values["n"]), values["phase"], k),
        ),
    }
)
OPENMMS_OWN = frozenset({*_NATIVE, *PAIR_FEATURES})
"""Features that OpenMM computes by its own formula."""


def bonded_forces(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[openmm.Force]:
    """The forces of all terms but plain pair terms; a term with a coefficient of exactly zero is left out."""
    factors = _factors(table, values)
    native: dict[str, openmm.Force] = {}
    custom: dict[tuple[int, ...], float] = defaultdict(float)
    coefficients = values[table.coefficients] * table.multipliers
    for row, coefficient in zip(table.products.tolist(), coefficients.tolist(), strict=True):
        if coefficient == 0.0:
            continue
        term = tuple(sorted(i for i in row if i >= 0))
        first = factors[term[0]]
        if len(term) == 1 and first.feature.name in PAIR_FEATURES:
            continue
        if len(term) == 1 and first.feature.name in _NATIVE:
            kind = _NATIVE[first.feature.name]
            force = native.setdefault(first.feature.name, kind.force())
            kind.add(force, first.atoms, coefficient, first.parameters)
        else:
            custom[term] += coefficient
    features = {rows.feature.name: rows.feature for rows in table.features}
    forces = [
        _force(features, template)
        for alike in _alike_bonds(table, factors, custom)
        for template in _split(features, alike)
    ]
    return [*native.values(), *forces]


def _factors(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[_Factor]:
    """All feature rows in turn."""
    rows = [
        (block.feature, tuple(atoms), {name: float(values[index[i]]) for name, index in block.parameters.items()})
        for block in table.features
        for i, atoms in enumerate(table.coordinates[block.feature.coordinate][block.coordinate].tolist())
    ]
    here: dict[tuple, list[Mapping[str, float]]] = defaultdict(list)
    for feature, atoms, parameters in rows:
        here[feature.name, _smallest(feature, atoms)].append(parameters)
    telling = {block.feature.name: _telling_parameters(block.feature, here) for block in table.features}
    seen: Counter[tuple] = Counter()
    factors = []
    for feature, atoms, parameters in rows:
        kind = tuple((name, parameters[name]) for name in telling[feature.name])
        key = feature.name, _smallest(feature, atoms), kind
        factors.append(_Factor(feature, atoms, parameters, kind, seen[key]))
        seen[key] += 1
    return factors


def _telling_parameters(feature: Feature, here: Mapping[tuple, list[Mapping[str, float]]]) -> list[str]:
    """Parameters with few values that differ among the rows of one coordinate: periodicities, centres on a grid."""
    found = []
    for name in feature.parameters:
        values = [{row[name] for row in rows} for (owner, _), rows in here.items() if owner == feature.name]
        most = max(map(len, values))
        if most > 1 and len(set().union(*values)) <= 2 * most:
            found.append(name)
    return found


def _alike_bonds(
    table: TermTable, factors: Sequence[_Factor], terms: Mapping[tuple[int, ...], float]
) -> list[list[_Bond]]:
    """The terms fused by sets of atoms, in groups of alike sets."""
    sets: dict[tuple[int, ...], list[tuple[int, ...]]] = defaultdict(list)
    for term in terms:
        sets[tuple(sorted({atom for i in term for atom in factors[i].atoms}))].append(term)
    surroundings = _Surroundings(table)
    groups: dict[tuple, list[_Bond]] = defaultdict(list)
    filled: dict[tuple, Counter[_Product]] = defaultdict(Counter)
    for atoms, own in sorted(sets.items(), key=lambda item: (-len(item[1]), item[0])):
        shape, arrangements = surroundings.shape(atoms)
        candidates = []
        for arrangement in arrangements:
            place = {atom: i for i, atom in enumerate(arrangement)}
            slots = {i: _slot(factors[i], place) for i in {i for term in own for i in term}}
            products = {term: tuple(sorted(slots[i] for i in term)) for term in own}
            overlap = sum(filled[shape][p] > 0 for p in products.values())
            candidates.append((-overlap, sorted(products.values()), arrangement, slots, products))
        _, _, arrangement, slots, products = min(candidates, key=lambda candidate: candidate[:3])
        filled[shape].update(products.values())
        groups[shape].append(
            _Bond(
                arrangement,
                {products[term]: terms[term] for term in own},
                {slot: factors[i].parameters for i, slot in slots.items()},
            )
        )
    return list(groups.values())


class _Surroundings:
    """Which sets of atoms are alike: those with the same coordinates among their atoms."""

    def __init__(self, table: TermTable) -> None:
        self._bonds = {tuple(sorted(atoms)) for atoms in table.coordinates.get("bond", np.empty((0, 2), int)).tolist()}
        self._inside: dict[frozenset[int], list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
        for kind, rows in table.coordinates.items():
            if COORDINATES[kind].n_atoms > 2:
                for atoms in rows.tolist():
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
        return (len(atoms), edges, inside_shape), arrangements


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


def _slot(factor: _Factor, place: Mapping[int, int]) -> _Slot:
    atoms = _smallest(factor.feature, [place[atom] for atom in factor.atoms])
    return _Slot(factor.feature.name, atoms, factor.kind, factor.ordinal)


def _smallest(feature: Feature, atoms: Sequence[int]) -> tuple[int, ...]:
    """The first of all orders of a coordinate's atoms that leave the feature unchanged."""
    orders = _equal_orders(feature.coordinate, feature.expression, tuple(feature.parameters))
    return min(tuple(atoms[i] for i in order) for order in orders)


@cache
def _equal_orders(kind: str, expression: Expression, parameters: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Orders of a coordinate's atoms that leave an expression unchanged, found by trying all of them."""
    coordinate = COORDINATES[kind]
    orders = list(permutations(range(coordinate.n_atoms)))
    positions = torch.tensor(_ANYWHERE, dtype=torch.float64)[torch.tensor(orders)]
    values = expression.evaluate(
        {name: variable.of(positions) for name, variable in coordinate.variables.items()}
        | {name: torch.tensor(0.7 + 0.1 * i) for i, name in enumerate(parameters)}
    )
    slack = 1e-9 * abs(float(values[0]))
    return [order for order, value in zip(orders, values.tolist(), strict=True) if abs(value - values[0]) <= slack]


@dataclass(frozen=True)
class _Block:
    """Terms that become one expression, and the bonds that need it."""

    products: tuple[_Product, ...]
    coordinates: frozenset[tuple[str, tuple[int, ...]]]
    bonds: frozenset[int]
    cost: float = field(init=False)

    def __post_init__(self) -> None:
        coordinates = sum(_COSTS[kind] for kind, _ in self.coordinates)
        cost = _FORCE_COST + len(self.bonds) * (coordinates + _TERM_COST * len(self.products))
        object.__setattr__(self, "cost", cost)

    def __add__(self, other: "_Block") -> "_Block":
        return _Block(self.products + other.products, self.coordinates | other.coordinates, self.bonds | other.bonds)


def _split(features: Mapping[str, Feature], bonds: Sequence[_Bond]) -> list[list[_Bond]]:
    """Alike bonds, divided into groups of terms that are worth one expression and do not make it too long."""
    support: dict[_Product, set[int]] = defaultdict(set)
    for i, bond in enumerate(bonds):
        for term in bond.coefficients:
            support[term].add(i)
    together: dict[tuple, list[_Product]] = defaultdict(list)
    for term in sorted(support):
        coordinates = frozenset((features[slot.feature].coordinate, slot.atoms) for slot in term)
        together[coordinates, frozenset(support[term])].append(term)
    blocks = [
        _Block(tuple(terms[i : i + LONGEST]), *key)
        for key, terms in together.items()
        for i in range(0, len(terms), LONGEST)
    ]
    return [[_part(bonds[i], block.products) for i in sorted(block.bonds)] for block in _merge(blocks)]


def _merge(blocks: list[_Block]) -> list[_Block]:
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


def _part(bond: _Bond, products: Iterable[_Product]) -> _Bond:
    coefficients = {term: bond.coefficients.get(term, 0.0) for term in products}
    slots = {slot for term in coefficients for slot in term}
    return _Bond(bond.atoms, coefficients, {slot: bond.constants[slot] for slot in slots if slot in bond.constants})


def _force(features: Mapping[str, Feature], bonds: Sequence[_Bond]) -> openmm.CustomCompoundBondForce:
    """One force for bonds with the same products."""
    products = list(bonds[0].coefficients)
    slots = sorted({slot for term in products for slot in term})
    used = sorted({atom for slot in slots for atom in slot.atoms})
    # A per-bond parameter called x1, y1, z1, x2 … would silently mean a particle's coordinate.
    columns: dict[tuple[float, ...], str] = {}
    definitions = []
    for i, slot in enumerate(slots):
        feature = features[slot.feature]
        names = {}
        for name in feature.parameters:
            known = [bond.constants[slot][name] for bond in bonds if slot in bond.constants]
            values = tuple(bond.constants[slot][name] if slot in bond.constants else known[0] for bond in bonds)
            alike = len(set(values)) == 1
            names[name] = f"({values[0]!r})" if alike else columns.setdefault(values, f"constant{len(columns)}")
        places = [f"p{used.index(atom) + 1}" for atom in slot.atoms]
        definitions.append(f"f{i}={feature.openmm(places, names)}")
    terms = [(f"coefficient{i}", tuple(slots.index(slot) for slot in term)) for i, term in enumerate(products)]
    force = openmm.CustomCompoundBondForce(len(used), "; ".join([_sum(terms), *definitions]))
    for name in [*columns.values(), *(name for name, _ in terms)]:
        force.addPerBondParameter(name)
    constants = np.array(list(columns)).reshape(len(columns), len(bonds)).T.tolist()
    for bond, own in zip(bonds, constants, strict=True):
        force.addBond([bond.atoms[atom] for atom in used], own + [bond.coefficients[term] for term in products])
    return force


def _sum(terms: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    """A sum of coefficients times features, with the most frequent feature factored out first."""
    counts = Counter(i for _, factors in terms for i in set(factors))
    if not counts or max(counts.values()) == 1:
        return "+".join("*".join([name, *(f"f{i}" for i in factors)]) for name, factors in terms)
    common = max(counts, key=lambda i: (counts[i], -i))
    inner = [(name, _without(factors, common)) for name, factors in terms if common in factors]
    outer = [term for term in terms if common not in term[1]]
    return f"f{common}*({_sum(inner)})" + (f"+{_sum(outer)}" if outer else "")


def _without(factors: tuple[int, ...], factor: int) -> tuple[int, ...]:
    place = factors.index(factor)
    return factors[:place] + factors[place + 1 :]
