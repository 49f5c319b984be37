"""A functional form of the user's own: rows by pattern, made for a molecule and added to those of another form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.features import Feature
from hybridff.gaff.parameters import Parameters, Quantity, Share, numbered_labels, plain_label
from hybridff.gaff.patterns import Pattern, Site, places
from hybridff.gaff.products import Factor, ProductRow, product_table, type_label
from hybridff.gaff.rest_geometry import reference_of
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.gaff.topology import Topology
from hybridff.geometry import COORDINATES
from hybridff.molecules.molecule import Molecule

Base = Literal["harmonic", "near-pairs", "morse", "class2"]


@dataclass(frozen=True)
class UserFeature:
    """A feature with the values of its parameters."""

    feature: Feature
    constants: Mapping[str, tuple[float, ...] | None]
    """Values of each parameter [internal units]: several make a feature of each; None is the reference value."""
    parity: int
    """What a mirror image multiplies it by."""

    def choices(self, reference: float) -> list[tuple[float, ...]]:
        """All values of its parameters, in the order of their declaration."""
        return list(product(*((reference,) if values is None else values for values in self.constants.values())))

    @property
    def varied(self) -> tuple[int, ...]:
        """Which of the parameters have several values."""
        return tuple(i for i, values in enumerate(self.constants.values()) if values is not None and len(values) > 1)


@dataclass(frozen=True)
class UserRow:
    """Products of some features wherever a pattern fits."""

    name: str
    features: tuple[str, ...]
    pattern: Pattern
    quantity: Quantity
    start: float
    """Coefficient at the start [kJ/mol]."""


@dataclass(frozen=True)
class UserForm:
    """What a TOML file says."""

    path: Path
    name: str
    base: Base | None
    """The form whose rows these are added to, if any."""
    features: Mapping[str, UserFeature]
    rows: tuple[UserRow, ...]

    def joined(
        self,
        base: tuple[TermTable, Parameters] | None,
        molecule: Molecule,
        start: ClassOneParameters,
        geometries: Float[np.ndarray, "frames atoms 3"] | None,
        *,
        share: Share = "symmetry",
    ) -> tuple[TermTable, Parameters]:
        """The rows of the base and its own, for one molecule.

        Reference values are means over ``geometries``, or those of ``start`` where there are none. Rows of equal atom
        types ``share`` their coefficients where "types" do, and then have the references of ``start``. Raises
        ``InputError`` when nothing fits the molecule, or a row has the name of a quantity of the base.
        """
        topology = Topology(molecule)
        rest = reference_of(topology, molecule, start, geometries, share=share)
        site = Site(topology, start.types, np.array(rest.contacts), np.array(rest.linear, dtype=bool))
        shared = partial(type_label, topology, start.types) if share == "types" else None
        kinds: dict[str, Quantity] = {"constant": Quantity("1", 1.0, None)}
        rows = []
        for row in self.rows:
            for quantity, factors in self._products(row, site, rest.values):
                kinds[quantity] = row.quantity
                rows.append(ProductRow(quantity, factors, row.start, self._group(row)))
        if base is None:
            if not rows:
                raise InputError(f"{self.path}: none of its rows fits {molecule.name}; change their patterns.")
            return product_table(site.topology, rows, kinds, shared)
        taken = sorted((set(kinds) - {"constant"}) & set(base[1].quantities))
        if taken:
            raise InputError(
                f"{self.path}: the form {self.base} has a {taken[0]!r} itself; give that row another name."
            )
        return _together(base, product_table(site.topology, rows, kinds, shared))

    def unmatched(self, parameters: Parameters) -> list[str]:
        """Names of the rows that have no coefficient among some parameters."""
        found = set(parameters.quantities)
        return [row.name for row in self.rows if found.isdisjoint(quantity for quantity, _ in self.variants(row))]

    def _products(
        self, row: UserRow, site: Site, references: Mapping[str, Sequence[float]]
    ) -> Iterator[tuple[str, tuple[Factor, ...]]]:
        """The quantities and factors of a row, before symmetry; a feature that occurs twice has the same values."""
        own = {name: self.features[name] for name in dict.fromkeys(row.features)}
        kinds = [own[name].feature.coordinate for name in row.features]
        for found in places(row.pattern, kinds, site):
            for quantity, chosen in self.variants(row):
                factors = []
                for name, kind, coordinate in zip(row.features, kinds, found, strict=True):
                    choices = own[name].choices(references[kind][coordinate] if kind in references else 0.0)
                    factors.append(Factor(own[name].feature, coordinate, choices[chosen[name]]))
                yield quantity, tuple(factors)

    def variants(self, row: UserRow) -> list[tuple[str, dict[str, int]]]:
        """Names of a row's coefficients, and which values each feature has: those that vary tell them apart."""
        names = list(dict.fromkeys(row.features))
        choices = [self.features[name].choices(0.0) for name in names]
        found = []
        for indices in product(*(range(len(values)) for values in choices)):
            varied = [
                values[index][i]
                for name, values, index in zip(names, choices, indices, strict=True)
                for i in self.features[name].varied
            ]
            quantity = " ".join([row.name, *(f"{value:.6g}" for value in varied)])
            found.append((quantity, dict(zip(names, indices, strict=True))))
        return found

    def _group(self, row: UserRow) -> str:
        kinds = {self.features[name].feature.coordinate for name in row.features}
        if len(kinds) > 1 or (len(row.features) > 1 and row.pattern.relation != "same"):
            return "coupling"
        (kind,) = kinds
        return "improper" if kind == "out_of_plane" else kind


def _together(base: tuple[TermTable, Parameters], own: tuple[TermTable, Parameters]) -> tuple[TermTable, Parameters]:
    """Two tables of one molecule in one."""
    (first, parameters), (second, others) = base, own
    coordinates, place = {}, {}
    for kind, rows in first.coordinates.items():
        index = {tuple(atoms): i for i, atoms in enumerate(rows.tolist())}
        place[kind] = np.array(
            [index.setdefault(tuple(atoms), len(index)) for atoms in second.coordinates[kind].tolist()], dtype=np.int64
        )
        coordinates[kind] = np.array(list(index), dtype=np.int64).reshape(-1, COORDINATES[kind].n_atoms)
    moved = tuple(
        FeatureRows(
            rows.feature,
            place[rows.feature.coordinate][rows.coordinate],
            {name: index + len(parameters) for name, index in rows.parameters.items()},
        )
        for rows in second.features
    )
    order = max(first.products.shape[1], second.products.shape[1])
    products = [
        np.pad(table.products, ((0, 0), (0, order - table.products.shape[1])), constant_values=-1)
        for table in (first, second)
    ]
    products[1] = np.where(products[1] < 0, -1, products[1] + first.n_features)
    quantities = (*parameters.quantities, *others.quantities)
    labels = numbered_labels(quantities, [plain_label(label) for label in (*parameters.labels, *others.labels)])
    table = TermTable(
        coordinates,
        (*first.features, *moved),
        np.concatenate(products),
        np.concatenate([first.multipliers, second.multipliers]),
        np.concatenate([first.coefficients, second.coefficients + len(parameters)]),
        (*first.groups, *second.groups),
    )
    values = np.concatenate([parameters.values, others.values])
    return table, Parameters(values, quantities, labels, {**parameters.kinds, **others.kinds})
