"""The rows of GAFF, as a term table is built of them: what they share, and their names."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.features import FEATURES
from hybridff.gaff.nonbonded import all_pairs
from hybridff.gaff.parameters import Parameters, Share, numbered_labels
from hybridff.gaff.rest_geometry import LINEAR
from hybridff.gaff.terms import FeatureRows, Term, TermTable, integers, term_table
from hybridff.molecules.molecule import Molecule
from hybridff.units import DEGREE

_BARE_SIGMA = 0.2
"""Pairs with a smaller sigma [nm], those of hydroxyl hydrogens, have no wall that holds stronger charges apart."""
_INNER_SIGMA = 0.85
"""Smallest sigma that a fit may give a pair, in units of its starting one."""
_NEAR_SIGMA = 0.75
"""Prior width of sigma for near pairs, in units of their starting distance."""
_GAFF_PERIODICITY = 3
"""Largest of most of GAFF's torsions; amplitudes beyond it are small."""


class Place(NamedTuple):
    """Some atoms, what their parameters are shared by, and the name of these parameters."""

    atoms: list[int]
    key: tuple
    label: str


class Entry(NamedTuple):
    """A number of a row: what it is, which rows share it, its starting value, and its label."""

    quantity: str
    group: tuple
    value: float
    label: str


class TermTableBuilder:
    """Collects the rows of a term table and their parameters; equal entries become one parameter."""

    def __init__(self) -> None:
        self._parameters: dict[tuple, int] = {}
        self._entries: list[Entry] = []
        self._coordinates: dict[str, dict[tuple[int, ...], int]] = {}
        self._rows: dict[str, list[tuple[int, dict[str, int]]]] = {}
        self._terms: list[tuple[str, int, int, str]] = []

    def add(self, group: str, feature: str, atoms: Sequence[int], coefficient: Entry, **parameters: Entry) -> None:
        """Add a term of one feature to a group of energies."""
        coordinates = self._coordinates.setdefault(FEATURES[feature].coordinate, {})
        coordinate = coordinates.setdefault(tuple(atoms), len(coordinates))
        rows = self._rows.setdefault(feature, [])
        indices = {name: self._index(entry) for name, entry in parameters.items()}
        self._terms.append((feature, len(rows), self._index(coefficient), group))
        rows.append((coordinate, indices))

    def _index(self, entry: Entry) -> int:
        index = self._parameters.setdefault(entry[:3], len(self._entries))
        if index == len(self._entries):
            self._entries.append(entry)
        return index

    def build(self) -> tuple[TermTable, Parameters]:
        """The table and its parameters."""
        quantities = [entry.quantity for entry in self._entries]
        labels = numbered_labels(quantities, [entry.label for entry in self._entries])
        values = np.array([entry.value for entry in self._entries], dtype=float)
        features: list[FeatureRows] = []
        first: dict[str, int] = {}
        for name, rows in self._rows.items():
            first[name] = sum(len(block) for block in features)
            indices = {key: integers([row[1][key] for row in rows]) for key in FEATURES[name].parameters}
            features.append(FeatureRows(FEATURES[name], integers([row[0] for row in rows]), indices))
        terms = [Term([first[name] + row], coefficient, group) for name, row, coefficient, group in self._terms]
        table = term_table({kind: list(rows) for kind, rows in self._coordinates.items()}, features, terms)
        return table, Parameters(values, tuple(quantities), labels)


class ClassOneBuilder:
    """Adds the rows of GAFF to a builder, with the values of ``start``.

    Rows share parameters if their atoms are equivalent in the molecular graph (``share`` "symmetry") or have the same
    types ("types"). Rows that start from different values never share.
    """

    def __init__(self, molecule: Molecule, start: ClassOneParameters, share: Share) -> None:
        self.start = start
        self.builder = TermTableBuilder()
        self._keys: Sequence = start.types if share == "types" else molecule.equivalent_atoms().tolist()
        self._name = _namer(molecule, start.types, share)

    def chain(self, atoms: Sequence[int]) -> Place:
        """The place of a bond, angle, torsion or pair."""
        return Place(list(atoms), self._chain(atoms), self._name(atoms))

    def improper(self, atoms: Sequence[int]) -> Place:
        """The place of an improper torsion, whose central atom is the third."""
        key = (self._keys[atoms[2]], *sorted(self._keys[a] for a in _outer(atoms)))
        return Place(list(atoms), key, self._name(atoms, improper=True))

    def _chain(self, atoms: Sequence[int]) -> tuple:
        key = tuple(self._keys[a] for a in atoms)
        return min(key, key[::-1])

    def bonds(self) -> None:
        """Harmonic bonds."""
        bonds = self.start.bonds
        for atoms, r0, k in zip(bonds.atoms.tolist(), bonds.r0.tolist(), bonds.k.tolist(), strict=True):
            place = self.chain(atoms)
            where = (place.key, r0, k)
            stiffness, length = Entry("bond k", where, k, place.label), Entry("bond r0", where, r0, place.label)
            self.builder.add("bond", "harmonic_bond", atoms, stiffness, r0=length)

    def angles(self) -> None:
        """Harmonic angles."""
        angles = self.start.angles
        for atoms, theta0, k in zip(angles.atoms.tolist(), angles.theta0.tolist(), angles.k.tolist(), strict=True):
            place = self.chain(atoms)
            where = (place.key, theta0, k)
            quantity = "straight angle theta0" if theta0 == math.pi else "angle theta0"
            stiffness, rest = Entry("angle k", where, k, place.label), Entry(quantity, where, theta0, place.label)
            self.builder.add("angle", "harmonic_angle", atoms, stiffness, theta0=rest)

    def torsions(self, fourier: int) -> None:
        """Fourier torsions and impropers, with the terms n = 1 … ``fourier`` that GAFF does not have at zero."""
        present = {(*atoms, n) for atoms, n, *_ in _torsions(self.start, 0)}
        for atoms, n, phase, k, improper in _torsions(self.start, fourier):
            group = "improper" if improper else "torsion"
            place = self.improper(atoms) if improper else self.chain(atoms)
            high = n > _GAFF_PERIODICITY and (*atoms, n) not in present
            quantity = "torsion overtone k" if high else f"{group} k"
            self.builder.add(
                group,
                "fourier",
                atoms,
                Entry(quantity, (place.key, n, phase), k, f"{place.label} n={n}"),
                n=Entry("torsion n", (), float(n), f"{n}"),
                phase=Entry("torsion phase", (), phase, f"{phase / DEGREE:.1f}"),
            )

    def torsion_atoms(self) -> list[tuple[list[int], bool]]:
        """Atoms of every torsion once, and whether it is an improper."""
        found = {(tuple(atoms), improper): None for atoms, *_, improper in _torsions(self.start, 0)}
        return [(list(atoms), improper) for atoms, improper in found]

    def pairs(self) -> None:
        """Lennard-Jones and Coulomb pairs."""
        pairs = all_pairs(self.start.nonbonded)
        columns = (pairs.atoms, pairs.charge_product, pairs.sigma, pairs.epsilon)
        for atoms, product, sigma, epsilon in zip(*(column.tolist() for column in columns), strict=True):
            _, key, label = self.chain(atoms)
            if epsilon != 0:
                where, depth = (key, sigma, epsilon), epsilon * _INNER_SIGMA**-6
                wall = 4 * (epsilon * _INNER_SIGMA**-12 - depth)
                self._add_pair("pair", atoms, where, label, _INNER_SIGMA * sigma, depth, wall)
            if product != 0:
                bare = epsilon == 0 or sigma < _BARE_SIGMA
                charges = Entry("bare pair charge product" if bare else "pair charge product", (key,), product, label)
                self.builder.add("coulomb", "coulomb", atoms, charges)

    def near_pairs(self) -> None:
        """Lennard-Jones pairs one and two bonds apart, zero at the start."""
        for path, distance in _near_pairs(self.start, self._chain):
            sigma = _NEAR_SIGMA * distance
            where = (self._chain(path), sigma)
            self._add_pair("near", [path[0], path[-1]], where, self._name(path), sigma, 0.0, 0.0)

    def _add_pair(
        self, kind: str, atoms: Sequence[int], where: tuple, label: str, sigma: float, epsilon: float, repulsion: float
    ) -> None:
        """A Lennard-Jones pair as one of fixed sigma plus a repulsion.

        With both coefficients positive the pair is a Lennard-Jones pair of at least this sigma: no fit makes it
        attractive inside.
        """
        entry = Entry("pair sigma", (sigma,), sigma, label)
        depth, wall = (
            Entry(f"{kind} {name}", where, value, label)
            for name, value in (("epsilon", epsilon), ("repulsion", repulsion))
        )
        self.builder.add("lennard_jones", "lennard_jones", atoms, depth, sigma=entry)
        self.builder.add("lennard_jones", "repulsion", atoms, wall, sigma=entry)


def _near_pairs(start: ClassOneParameters, key: Callable[[Sequence[int]], tuple]) -> list[tuple[list[int], float]]:
    """Pairs one and two bonds apart, as the atoms between them, with their distance at the start's minimum [nm].

    Of several paths between two atoms of a small ring the first by ``key`` counts, whatever the order of the atoms.
    """
    bonds = list(zip(start.bonds.atoms.tolist(), start.bonds.r0.tolist(), strict=True))
    lengths = {frozenset(atoms): r0 for atoms, r0 in bonds}
    paths = {frozenset(atoms): [(atoms, r0)] for atoms, r0 in bonds}
    for (i, j, k), theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0.tolist(), strict=True):
        if frozenset((i, k)) not in lengths:
            a, b = lengths[frozenset((i, j))], lengths[frozenset((j, k))]
            distance = math.sqrt(a * a + b * b - 2 * a * b * math.cos(theta0))
            paths.setdefault(frozenset((i, k)), []).append(([i, j, k], distance))
    return [min(candidates, key=lambda candidate: key(candidate[0])) for candidates in paths.values()]


def _torsions(start: ClassOneParameters, fourier: int) -> list[tuple[list[int], int, float, float, bool]]:
    """The torsion rows: those of ``start``, then those that ``fourier`` adds; none about a linear group."""
    t = start.torsions
    linear = {
        (a, b, c)
        for (i, j, k), theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0, strict=True)
        if theta0 > LINEAR
        for a, b, c in ((i, j, k), (k, j, i))
    }
    columns = (t.atoms, t.periodicity, t.phase, t.k, t.improper)
    rows = [
        (atoms, n, phase, k, improper)
        for atoms, n, phase, k, improper in zip(*(column.tolist() for column in columns), strict=True)
        if improper or k != 0 or not _passes(atoms, linear)
    ]
    propers = dict.fromkeys(tuple(atoms) for atoms, _, _, _, improper in rows if not improper)
    present = {(*atoms, n) for atoms, n, _, _, improper in rows if not improper}
    extra = [
        (list(atoms), n, 0.0, 0.0, False)
        for atoms in propers
        for n in range(1, fourier + 1)
        if (*atoms, n) not in present and not _passes(atoms, linear)
    ]
    return rows + extra


def _passes(atoms: Sequence[int], linear: set[tuple]) -> bool:
    i, j, k, m = atoms
    return (i, j, k) in linear or (j, k, m) in linear


def _outer(atoms: Sequence[int]) -> list[int]:
    i, j, _, k = atoms
    return [i, j, k]


def _namer(molecule: Molecule, types: tuple[str, ...], share: Share) -> Callable[..., str]:
    """Labels: "c3-oh" for parameters shared by type, "C1-O3 (c3-oh)" for those of one environment.

    Chains run towards the later types and the outer atoms of impropers are sorted by type, so that equal groups of
    types have equal labels in every molecule.
    """

    def chain(atoms: Sequence[int]) -> list[str]:
        return [types[a] for a in atoms]

    def name(atoms: Sequence[int], *, improper: bool = False) -> str:
        if improper:
            i, j, k = sorted(_outer(atoms), key=lambda atom: types[atom])
            atoms = [i, j, atoms[2], k]
        else:
            atoms = min(atoms, atoms[::-1], key=chain)
        by_type = "-".join(chain(atoms))
        if share == "types":
            return by_type
        return "-".join(f"{molecule.symbols[a]}{a + 1}" for a in atoms) + f" ({by_type})"

    return name
