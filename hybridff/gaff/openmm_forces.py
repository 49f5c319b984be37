"""A term table as OpenMM forces: native ones where OpenMM has the form, a few fused custom ones for everything else.

A ``CustomCompoundBondForce`` per term would compute every distance and angle anew for every term. So all terms on the
same atoms are *fused* into one bond. Sets of atoms that are alike (same bonds, angles and torsions among them) get
their atoms in the same order and share a force: one expression with the terms of all of them, whose coefficients and
constants are per-bond parameters, zero where a set lacks a term. Expressions are kept short, since OpenMM's time to
compile one grows faster than its length.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    {"bond": 1.0, "pair": 1.0, "angle": 4.0, "torsion": 10.0, "out_of_plane": 15.0}
)
"""Cost of a coordinate in one bond of a force, in units of a distance: its value and derivatives."""
_ATOM_COST = 0.5
"""Of adding up the forces on one atom."""
_FEATURE_COST = 1.0
_TERM_COST = 0.3
_FORCE_COST = 300.0
"""What one more force has to save: it is compiled, and takes some 1.5 µs of a step on CUDA, whatever its length."""
_NO_LENGTH = 0.1
"""Of a bond without stiffness [nm]."""
_MOST_BONDS = 4
"""Of a centre whose bonds are not in line."""
_MOST_SHUFFLED = 4
"""Coordinates of an expression whose orders are all tried in order to find an equal one."""
_ANYWHERE = [[0.1, 0.0, 0.02], [0.0, 0.11, -0.03], [-0.13, 0.02, 0.1], [0.05, -0.1, 0.14]]
"""Four atoms without symmetry [nm]."""


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
    groups = [group for alike in _alike_bonds(table, factors, custom) for group in _split(features, alike)]
    forces = [_force(features, group) for group in _joined(features, groups)]
    if forces:
        _connect(native.setdefault("harmonic_bond", openmm.HarmonicBondForce()), table)
    return [*native.values(), *forces]


def _connect(force: openmm.HarmonicBondForce, table: TermTable) -> None:
    """Add the table's bonds that are missing, without energy: custom forces do not tell OpenMM what a molecule is."""
    present = {frozenset(force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())}
    for i, j in table.coordinates["bond"].tolist():
        if frozenset((i, j)) not in present:
            force.addBond(i, j, _NO_LENGTH, 0.0)


def feature_rows(
    table: TermTable, values: Float[np.ndarray, " parameters"]
) -> list[tuple[Feature, tuple[int, ...], dict[str, float]]]:
    """Feature, atoms and parameters of all feature rows in turn, as ``table.products`` counts them."""
    return [
        (block.feature, tuple(atoms), {name: float(values[index[i]]) for name, index in block.parameters.items()})
        for block in table.features
        for i, atoms in enumerate(table.coordinates[block.feature.coordinate][block.coordinate].tolist())
    ]


def _factors(table: TermTable, values: Float[np.ndarray, " parameters"]) -> list[_Factor]:
    """All feature rows in turn."""
    rows = feature_rows(table, values)
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
    """Which sets of atoms are alike: those with the same bonds, angles and torsions among their atoms.

    An out-of-plane coordinate is defined wherever a centre has three bonds of which no two are in line: at all centres
    of up to four bonds but square-planar ones. Sets with centres of more bonds are alike only among themselves.
    """

    def __init__(self, table: TermTable) -> None:
        self._bonds = {tuple(sorted(atoms)) for atoms in table.coordinates.get("bond", np.empty((0, 2), int)).tolist()}
        self._n_bonds = Counter(atom for bond in self._bonds for atom in bond)
        self._inside: dict[frozenset[int], list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
        for kind, rows in table.coordinates.items():
            if COORDINATES[kind].n_atoms > 2 and kind != "out_of_plane":
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


def _slot(factor: _Factor, place: Mapping[int, int]) -> _Slot:
    atoms = _smallest(factor.feature, [place[atom] for atom in factor.atoms])
    return _Slot(factor.feature.name, atoms, factor.kind, factor.ordinal)


def _smallest(feature: Feature, atoms: Sequence[int]) -> tuple[int, ...]:
    """The first of all orders of a coordinate's atoms that leave the feature unchanged."""
    orders = _equal_orders(feature.coordinate, feature.expression, tuple(feature.parameters))
    return min(tuple(atoms[i] for i in order) for order in orders)


@cache
def _equal_orders(kind: str, expression: Expression, parameters: tuple[str, ...]) -> list[tuple[int, ...]]:
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


@dataclass(frozen=True)
class _Block:
    """Terms that become one expression, the bonds that need it, and what they are made of."""

    products: tuple[_Product, ...]
    bonds: frozenset[int]
    slots: frozenset[_Slot]
    coordinates: frozenset[tuple[str, tuple[int, ...]]]
    cost: float = field(init=False)

    def __post_init__(self) -> None:
        atoms = {atom for _, members in self.coordinates for atom in members}
        each = sum(_COSTS[kind] for kind, _ in self.coordinates) + _ATOM_COST * len(atoms)
        each += _FEATURE_COST * len(self.slots) + _TERM_COST * len(self.products)
        object.__setattr__(self, "cost", _FORCE_COST + len(self.bonds) * each)

    def __add__(self, other: "_Block") -> "_Block":
        return _Block(
            self.products + other.products,
            self.bonds | other.bonds,
            self.slots | other.slots,
            self.coordinates | other.coordinates,
        )


def _split(features: Mapping[str, Feature], bonds: Sequence[_Bond]) -> list[list[_Bond]]:
    """Alike bonds, divided into groups of terms that are worth one expression and do not make it too long."""
    support: dict[_Product, set[int]] = defaultdict(set)
    for i, bond in enumerate(bonds):
        for term in bond.coefficients:
            support[term].add(i)
    together: dict[tuple, list[_Product]] = defaultdict(list)
    for term in sorted(support):
        together[_coordinates(features, term), frozenset(support[term])].append(term)
    blocks = [
        _Block(part, needed, frozenset(slot for term in part for slot in term), frozenset(coordinates))
        for (coordinates, needed), terms in together.items()
        for i in range(0, len(terms), LONGEST)
        for part in (tuple(terms[i : i + LONGEST]),)
    ]
    return [[_part(bonds[i], block.products) for i in sorted(block.bonds)] for block in _merge(blocks)]


def _coordinates(features: Mapping[str, Feature], slots: Iterable[_Slot]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Distinct coordinates in turn."""
    return tuple(dict.fromkeys((features[slot.feature].coordinate, slot.atoms) for slot in slots))


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


def _joined(features: Mapping[str, Feature], groups: Iterable[Sequence[_Bond]]) -> list[list[_Bond]]:
    """Groups that turn out to have the same products, in other surroundings or with other numbers of atoms, as one."""
    joined: dict[tuple[_Product, ...], list[_Bond]] = defaultdict(list)
    for group in groups:
        atoms = _simplest_order(features, list(group[0].coefficients))
        for bond in group:
            renumbered = _renumbered(features, bond, atoms)
            joined[tuple(renumbered.coefficients)].append(renumbered)
    return list(joined.values())


def _simplest_order(features: Mapping[str, Feature], products: Sequence[_Product]) -> tuple[int, ...]:
    """The order of the atoms, numbered by coordinate, that gives the first of all possible lists of products."""
    slots = dict.fromkeys(slot for term in products for slot in term)
    coordinates = [atoms for _, atoms in _coordinates(features, slots)]
    if len(coordinates) > _MOST_SHUFFLED:
        return tuple(sorted({atom for atoms in coordinates for atom in atoms}))
    orders = {
        tuple(dict.fromkeys(atom for atoms in directed for atom in atoms))
        for shuffled in permutations(coordinates)
        for directed in product(*((atoms, atoms[::-1]) for atoms in shuffled))
    }
    return min(orders, key=lambda order: (sorted(_renamed(features, products, order).values()), order))


def _renamed(
    features: Mapping[str, Feature], products: Iterable[_Product], atoms: Sequence[int]
) -> dict[_Product, _Product]:
    """Products with the numbers of the atoms replaced by their places in an order of them."""
    place = {atom: i for i, atom in enumerate(atoms)}
    return {term: tuple(sorted(_moved(features[slot.feature], slot, place) for slot in term)) for term in products}


def _moved(feature: Feature, slot: _Slot, place: Mapping[int, int]) -> _Slot:
    return slot._replace(atoms=_smallest(feature, [place[atom] for atom in slot.atoms]))


def _renumbered(features: Mapping[str, Feature], bond: _Bond, atoms: Sequence[int]) -> _Bond:
    place = {atom: i for i, atom in enumerate(atoms)}
    names = _renamed(features, bond.coefficients, atoms)
    return _Bond(
        tuple(bond.atoms[atom] for atom in atoms),
        {names[term]: bond.coefficients[term] for term in sorted(names, key=lambda term: names[term])},
        {_moved(features[slot.feature], slot, place): constants for slot, constants in bond.constants.items()},
    )


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
    definitions: dict[str, str] = {}
    parts: dict[_Slot, tuple[str, ...]] = {}
    for slot in slots:
        feature = features[slot.feature]
        names = {}
        for name in feature.parameters:
            known = [bond.constants[slot][name] for bond in bonds if slot in bond.constants]
            values = tuple(bond.constants[slot][name] if slot in bond.constants else known[0] for bond in bonds)
            alike = len(set(values)) == 1
            names[name] = f"({values[0]!r})" if alike else columns.setdefault(values, f"constant{len(columns)}")
        places = [f"p{used.index(atom) + 1}" for atom in slot.atoms]
        texts = [_text(feature, part, places, names) for part in feature.expression.factors()]
        parts[slot] = tuple(definitions.setdefault(text, f"f{len(definitions)}") for text in texts)
    terms = [
        (f"coefficient{i}", tuple(part for slot in term for part in parts[slot])) for i, term in enumerate(products)
    ]
    text = "; ".join([_sum(terms), *(f"{name}={definition}" for definition, name in definitions.items())])
    force = openmm.CustomCompoundBondForce(len(used), text)
    for name in [*columns.values(), *(name for name, _ in terms)]:
        force.addPerBondParameter(name)
    constants = np.array(list(columns)).reshape(len(columns), len(bonds)).T.tolist()
    for bond, own in zip(bonds, constants, strict=True):
        force.addBond([bond.atoms[atom] for atom in used], own + [bond.coefficients[term] for term in products])
    return force


def _text(feature: Feature, part: Expression, atoms: Sequence[str], parameters: Mapping[str, str]) -> str:
    """A factor of a feature's expression in OpenMM's syntax."""
    own = {name: parameter for name, parameter in feature.parameters.items() if name in part.names}
    return _forward(replace(feature, expression=part, parameters=own, span=()).openmm(atoms, parameters))


def _forward(text: str) -> str:
    """An expression with the atoms of every distance, angle and dihedral in the smaller of two equal orders."""

    def smaller(found: re.Match[str]) -> str:
        atoms = [int(atom[1:]) for atom in found[2].split(",")]
        return f"{found[1]}({','.join(f'p{atom}' for atom in min(atoms, atoms[::-1]))})"

    return re.sub(r"(distance|angle|dihedral)\(([^()]*)\)", smaller, text)


def _sum(terms: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """A sum of coefficients times factors, with the most frequent factor taken out first."""
    counts = Counter(factor for _, factors in terms for factor in dict.fromkeys(factors))
    if not counts or max(counts.values()) == 1:
        return "+".join("*".join([name, *factors]) for name, factors in terms)
    common = max(counts, key=lambda factor: counts[factor])
    inner = [(name, _without(factors, common)) for name, factors in terms if common in factors]
    outer = [term for term in terms if common not in term[1]]
    return f"{common}*({_sum(inner)})" + (f"+{_sum(outer)}" if outer else "")


def _without(factors: tuple[str, ...], factor: str) -> tuple[str, ...]:
    place = factors.index(factor)
    return factors[:place] + factors[place + 1 :]
