"""Functional forms: which rows a force field has."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.gaff.class2 import class2_form
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.features import FEATURES
from hybridff.gaff.formfile import read_form
from hybridff.gaff.nonbonded import all_pairs
from hybridff.gaff.parameters import Parameters, numbered_labels
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES
from hybridff.molecule import Molecule
from hybridff.units import DEGREE

Form = Literal["harmonic", "near-pairs", "class2"]
Share = Literal["symmetry", "types"]


@dataclass(frozen=True, kw_only=True)
class FormOptions:
    """Functional form, and which parameters are one."""

    form: Form | Path = "near-pairs"
    """Functional form: harmonic is GAFF's; near-pairs adds Lennard-Jones between atoms one and two bonds apart;
    or a TOML file with a form of your own."""

    share: Share = "symmetry"
    """Which parameters are one: those of equivalent atoms of the molecule, or those of equal atom types."""

    fourier: int = 0
    """Add torsion terms n = 1 … FOURIER where GAFF has none; 0 keeps GAFF's."""

    def __post_init__(self) -> None:
        if isinstance(self.form, Path):
            if self.form.suffix != ".toml":
                raise InputError(
                    f"there is no form {self.form}; choose from {', '.join(get_args(Form))}, or name a file that ends "
                    "in .toml."
                )
            base = read_form(self.form).base
            if self.fourier and base in (None, "class2"):
                raise InputError(
                    f"{self.form}: option fourier adds to GAFF's torsions, which {base or 'no base'} does not have."
                )
        if not 0 <= self.fourier <= _MOST_FOURIER:
            raise InputError(f"option fourier has to be from 0 to {_MOST_FOURIER}, not {self.fourier}.")

    @property
    def files(self) -> tuple[Path, ...]:
        """The file that the form comes from, if any."""
        return (self.form,) if isinstance(self.form, Path) else ()

    def unmatched(self, parameters: Parameters) -> list[str]:
        """Names of rows of the user's own form that have no coefficient among some parameters."""
        return read_form(self.form).unmatched(parameters) if isinstance(self.form, Path) else []


_MOST_FOURIER = 6
"""Beyond it a term fits noise: GAFF itself has none above 4."""
_LINEAR = 175 * DEGREE
_INNER_SIGMA = 0.85
"""Smallest sigma that a fit may give a pair, in units of its starting one."""
_NEAR_SIGMA = 0.75
"""The same for near pairs, in units of their starting distance."""


class _Entry(NamedTuple):
    """A number of a row: what it is, which rows share it, its starting value, and its label."""

    quantity: str
    group: tuple
    value: float
    label: str


class _Builder:
    """Collects the rows of a term table and their parameters; equal entries become one parameter."""

    def __init__(self) -> None:
        self._parameters: dict[tuple, int] = {}
        self._entries: list[_Entry] = []
        self._coordinates: dict[str, dict[tuple[int, ...], int]] = {}
        self._rows: dict[str, list[tuple[int, dict[str, int]]]] = {}
        self._terms: list[tuple[str, int, int, str]] = []

    def add(self, group: str, feature: str, atoms: Sequence[int], coefficient: _Entry, **parameters: _Entry) -> None:
        """Add a term of one feature to a group of energies."""
        coordinates = self._coordinates.setdefault(FEATURES[feature].coordinate, {})
        coordinate = coordinates.setdefault(tuple(atoms), len(coordinates))
        rows = self._rows.setdefault(feature, [])
        indices = {name: self._index(entry) for name, entry in parameters.items()}
        self._terms.append((feature, len(rows), self._index(coefficient), group))
        rows.append((coordinate, indices))

    def _index(self, entry: _Entry) -> int:
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
            indices = {key: _integers([row[1][key] for row in rows]) for key in FEATURES[name].parameters}
            features.append(FeatureRows(FEATURES[name], _integers([row[0] for row in rows]), indices))
        table = TermTable(
            {
                kind: _integers(list(self._coordinates.get(kind, {}))).reshape(-1, COORDINATES[kind].n_atoms)
                for kind in COORDINATES
            },
            tuple(features),
            products=_integers([first[feature] + row for feature, row, _, _ in self._terms])[:, None],
            multipliers=np.ones(len(self._terms)),
            coefficients=_integers([coefficient for _, _, coefficient, _ in self._terms]),
            groups=tuple(group for _, _, _, group in self._terms),
        )
        return table, Parameters(values, tuple(quantities), labels)


def build_form(
    form: Form | Path,
    molecule: Molecule,
    start: ClassOneParameters,
    *,
    share: Share,
    fourier: int = 0,
    geometries: Float[np.ndarray, "frames atoms 3"] | None = None,
) -> tuple[TermTable, Parameters]:
    """The rows of a functional form, with the values of ``start``.

    ``form`` is "harmonic", GAFF's own (harmonic bonds and angles, Fourier torsions and impropers, Lennard-Jones and
    Coulomb pairs), or "near-pairs", the same with Lennard-Jones pairs also between atoms one and two bonds apart, zero
    at the start. These make bonds anharmonic and couple neighbouring bonds and angles, with OpenMM's native forces.
    "class2" is explained in its module; its reference lengths and angles are means over ``geometries``.

    A path names a TOML file with a form of the user's own, which adds its rows to those of another form.

    ``share`` says which rows have their parameters in common: those whose atoms are equivalent in the molecular graph
    ("symmetry"), or those whose atoms have the same types ("types"). Rows that start from different values never share.
    ``fourier`` adds, with amplitude zero, the torsion terms n = 1 … ``fourier`` that GAFF does not have.

    Torsions without amplitude about a linear group of atoms are left out: they have no defined angle.
    """
    if isinstance(form, Path):
        own = read_form(form)
        base = None
        if own.base is not None:
            base = build_form(own.base, molecule, start, share=share, fourier=fourier, geometries=geometries)
        return own.joined(base, molecule, start, geometries, by_type=share == "types")
    if form == "class2":
        return class2_form(molecule, start, geometries)
    keys: Sequence = start.types if share == "types" else molecule.equivalent_atoms().tolist()
    name = _namer(molecule, start.types, share)
    builder = _Builder()

    def chain(atoms: Sequence[int]) -> tuple:
        key = tuple(keys[a] for a in atoms)
        return min(key, key[::-1])

    bonds, angles = start.bonds, start.angles
    for atoms, r0, k in zip(bonds.atoms.tolist(), bonds.r0.tolist(), bonds.k.tolist(), strict=True):
        where, label = (chain(atoms), r0, k), name(atoms)
        stiffness = _Entry("bond k", where, k, label)
        builder.add("bond", "harmonic_bond", atoms, stiffness, r0=_Entry("bond r0", where, r0, label))
    for atoms, theta0, k in zip(angles.atoms.tolist(), angles.theta0.tolist(), angles.k.tolist(), strict=True):
        where, label = (chain(atoms), theta0, k), name(atoms)
        stiffness = _Entry("angle k", where, k, label)
        builder.add("angle", "harmonic_angle", atoms, stiffness, theta0=_Entry("angle theta0", where, theta0, label))
    for atoms, n, phase, k, improper in _torsions(start, fourier):
        group = "improper" if improper else "torsion"
        key = (keys[atoms[2]], *sorted(keys[a] for a in _outer(atoms))) if improper else chain(atoms)
        builder.add(
            group,
            "fourier",
            atoms,
            _Entry(f"{group} k", (key, n, phase), k, f"{name(atoms, improper)} n={n}"),
            n=_Entry("torsion n", (), float(n), f"{n}"),
            phase=_Entry("torsion phase", (), phase, f"{phase / DEGREE:.1f}"),
        )
    pairs = all_pairs(start.nonbonded)
    for atoms, product, sigma, epsilon in zip(
        pairs.atoms.tolist(), pairs.charge_product.tolist(), pairs.sigma.tolist(), pairs.epsilon.tolist(), strict=True
    ):
        label = name(atoms)
        if epsilon != 0:
            where, depth = (chain(atoms), sigma, epsilon), epsilon * _INNER_SIGMA**-6
            wall = 4 * (epsilon * _INNER_SIGMA**-12 - depth)
            _add_pair(builder, "pair", atoms, where, label, sigma=_INNER_SIGMA * sigma, epsilon=depth, repulsion=wall)
        if product != 0:
            builder.add("coulomb", "coulomb", atoms, _Entry("pair charge product", (chain(atoms),), product, label))
    if form == "near-pairs":
        for path, distance in _near_pairs(start, chain):
            ends = [path[0], path[-1]]
            sigma = _NEAR_SIGMA * distance
            _add_pair(builder, "near", ends, (chain(path), sigma), name(path), sigma=sigma, epsilon=0.0, repulsion=0.0)
    return builder.build()


def _add_pair(
    builder: _Builder,
    kind: str,
    atoms: Sequence[int],
    where: tuple,
    label: str,
    *,
    sigma: float,
    epsilon: float,
    repulsion: float,
) -> None:
    """A Lennard-Jones pair as one of fixed sigma plus a repulsion.

    With both coefficients positive the pair is a Lennard-Jones pair of at least this sigma: no fit opens a hole inside.
    """
    entry = {"sigma": _Entry("pair sigma", (sigma,), sigma, label)}
    builder.add("lennard_jones", "lennard_jones", atoms, _Entry(f"{kind} epsilon", where, epsilon, label), **entry)
    builder.add("lennard_jones", "repulsion", atoms, _Entry(f"{kind} repulsion", where, repulsion, label), **entry)


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


def _integers(values: list) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _torsions(start: ClassOneParameters, fourier: int) -> list[tuple[list[int], int, float, float, bool]]:
    """The torsion rows: those of ``start``, then those that ``fourier`` adds; none about a linear group."""
    t = start.torsions
    linear = {
        (a, b, c)
        for (i, j, k), theta0 in zip(start.angles.atoms.tolist(), start.angles.theta0, strict=True)
        if theta0 > _LINEAR
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

    def name(atoms: Sequence[int], improper: bool = False) -> str:
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
