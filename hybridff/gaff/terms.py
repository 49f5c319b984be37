"""The term table: coordinates, features, terms. Data only; torch, the fit and OpenMM read the same rows.

A bonded force field is three tables. *Coordinates* are internal coordinates with their atoms. *Features* are
functions of one coordinate, with parameters. *Terms* are a coefficient times a product of one to three features. GAFF
is a list of such rows; so is any richer form.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from hybridff.gaff.features import Feature
from hybridff.geometry import COORDINATES


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Rows of one feature: which coordinate each reads, and where its parameters stand in the parameter vector."""

    feature: Feature
    coordinate: Int[np.ndarray, " rows"]
    """Row in the table of the feature's kind of coordinate."""
    parameters: Mapping[str, Int[np.ndarray, " rows"]]

    def __len__(self) -> int:
        return len(self.coordinate)


@dataclass(frozen=True, eq=False)
class SingleTerms:
    """Terms of one feature each, as indices of coordinates and of the parameter vector."""

    coordinates: Int[np.ndarray, " found"]
    coefficients: Int[np.ndarray, " found"]
    multipliers: Float[np.ndarray, " found"]
    parameters: Mapping[str, Int[np.ndarray, " found"]]


@dataclass(frozen=True, eq=False)
class TermTable:
    """Coordinates, features and terms of one molecule; numbers are indices, values stand in a ``Parameters``."""

    coordinates: Mapping[str, Int[np.ndarray, "rows atoms"]]
    """Atoms of each coordinate, by kind (keys of ``COORDINATES``)."""
    features: tuple[FeatureRows, ...]
    products: Int[np.ndarray, "terms order"]
    """Rows of the concatenated features; -1 pads shorter products."""
    multipliers: Float[np.ndarray, " terms"]
    """Fixed factor of each term: mostly 1; -1 where a symmetry of the molecule turns a product into minus another."""
    coefficients: Int[np.ndarray, " terms"]
    """Place of each term's coefficient in the parameter vector."""
    groups: tuple[str, ...]
    """The reported energy that each term belongs to: bond, angle, torsion, improper, lennard_jones, coulomb …"""

    @property
    def n_features(self) -> int:
        """Number of feature rows."""
        return sum(len(rows) for rows in self.features)

    def single_feature_terms(self, feature: str) -> Iterator[SingleTerms]:
        """All terms that consist of one feature of this name, a block of feature rows at a time."""
        single = (self.products >= 0).sum(1) == 1
        row = self.products.max(1, initial=-1)
        offset = 0
        for rows in self.features:
            if rows.feature.name == feature:
                found = single & (row >= offset) & (row < offset + len(rows))
                own = row[found] - offset
                parameters = {name: index[own] for name, index in rows.parameters.items()}
                yield SingleTerms(rows.coordinate[own], self.coefficients[found], self.multipliers[found], parameters)
            offset += len(rows)


class Term(NamedTuple):
    """A coefficient times a product of features."""

    rows: Sequence[int]
    """Rows of the concatenated features."""
    coefficient: int
    """Place of the coefficient in the parameter vector."""
    group: str
    multiplier: float = 1.0


def term_table(
    coordinates: Mapping[str, Sequence[Sequence[int]]], features: Sequence[FeatureRows], terms: Sequence[Term]
) -> TermTable:
    """The table of some terms; kinds of coordinates that are not given have no rows."""
    order = max((len(term.rows) for term in terms), default=1)
    products = integers([[*term.rows, *[-1] * (order - len(term.rows))] for term in terms])
    return TermTable(
        {kind: integers(coordinates.get(kind, [])).reshape(-1, COORDINATES[kind].n_atoms) for kind in COORDINATES},
        tuple(features),
        products=products.reshape(-1, order),
        multipliers=np.array([term.multiplier for term in terms], dtype=float),
        coefficients=integers([term.coefficient for term in terms]),
        groups=tuple(term.group for term in terms),
    )


def integers(values: Sequence) -> Int[np.ndarray, "..."]:
    """Indices as an array, which may be empty."""
    return np.array(values, dtype=np.int64)
