"""Parameter sets: what fits of some molecules say of the coefficients of any other.

The rows of a molecule without data and those of the set have one Gaussian prior together (``related_priors``), so that
the posterior of the set's rows gives that of the molecule's: rows that the set knows have its values, others those of
their nearest relatives with the deviation that relatives leave open, and rows without relatives stay at their start.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.linalg import qr

from hybridff.errors import FitError
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.related_priors import OWN, Row, Shares, covariance, families_of, label_of, rows_of
from hybridff.fitting.result import FitResult
from hybridff.gaff.environments import LEVELS
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters, plain_label

_NOTHING = 1e-9
"""Part of the prior variance that is as good as none."""


@dataclass(frozen=True, eq=False)
class ParameterSet:
    """Coefficients by the environments of their rows, with their posterior, a Gaussian."""

    rows: tuple[Row, ...]
    """Quantity and labels of each coefficient, from the widest label to the narrowest."""
    changes: Float[np.ndarray, " n"]
    """Most probable change of each coefficient from its start [kJ/mol]."""
    spread: Float[np.ndarray, "rank n"]
    """The covariance of the changes is ``spread.T @ spread`` [(kJ/mol)²]."""
    widths: Mapping[str, float]
    """Prior width of each quantity in the fit [kJ/mol]."""
    scale: float
    """Factor that makes these deviations those seen on frames that were not trained on."""
    shares: Shares
    """What relatives had in common in the fit before there were data."""

    @classmethod
    def of_fit(cls, result: FitResult, origin: Parameters | None = None) -> "ParameterSet":
        """What a fit with rows shared by environment says of its rows; those of one molecule alone are left out.

        Where the fit began with what a cheap level had taught, ``origin`` are the parameters of its molecules in one
        vector before that, which the changes of the set count from, and with them the prior widths.

        Raises ``FitError`` for a fit without such rows.
        """
        if result.shared is None or result.shares is None:
            raise FitError("a parameter set is made of rows shared by environment; fit with share environment.")
        fitted = result.shared.fitted
        rows = rows_of(result.start, fitted)
        kept = np.array([bool(levels) for _, levels in rows], dtype=bool)
        chosen = fitted[kept]
        names = dict.fromkeys(result.start.quantities[i] for i in chosen)
        widths = {name: result.prior_scale * (result.start.kinds[name].prior_width or 0.0) for name in names}
        changes = (result.end.values - result.start.values)[chosen]
        if origin is not None:
            widths = {name: math.hypot(width, origin.kinds[name].prior_width or 0.0) for name, width in widths.items()}
            changes = result.end.values[chosen] - _values_of(result.start, origin)[chosen]
        return cls(
            rows=tuple(row for row, own in zip(rows, kept, strict=True) if own),
            changes=changes,
            spread=qr(result.shared.spread[:, kept], mode="r", check_finite=False)[0][: kept.sum()],
            widths=widths,
            scale=result.shared.scale,
            shares=result.shares,
        )

    def apply(self, force_field: ForceField, positions: Float[np.ndarray, "frames atoms 3"]) -> "Applied":
        """The force field with what the set says of its rows; energies count from their mean over geometries [nm]."""
        parameters = force_field.parameter_table
        fitted = np.flatnonzero(parameters.adjustable)
        rows = rows_of(parameters, fitted)
        weights, left = self._conditional(parameters, fitted, rows)
        values = parameters.values.copy()
        values[fitted] += weights.T @ self.changes
        values = np.clip(values, *parameters.bounds)
        spread = np.vstack([self.scale * (weights.T @ self.spread.T).T, left.toarray()])
        posterior = Posterior(fitted, spread, np.zeros(len(fitted))).about(force_field, positions)
        return Applied(force_field.with_values(values), posterior, tuple(rows), self.levels_known(rows))

    def levels_known(self, rows: Sequence[Row]) -> Int[np.ndarray, " rows"]:
        """Up to which of ``LEVELS`` the set has rows with the labels of some rows, as an index; -1 for none."""
        known = {label_of(row, level) for row in self.rows for level in range(len(row[1]))}
        levels = [[label_of(row, level) in known for level in range(len(row[1]))] for row in rows]
        return np.array([sum(own) - 1 for own in levels])

    def _conditional(
        self, parameters: Parameters, fitted: Int[np.ndarray, " m"], rows: Sequence[Row]
    ) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Weights of the set's changes in those of other rows (n, m), and a root of what these leave open (k, m)."""
        families: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, row in enumerate(self.rows):
            families[label_of(row, 0)].append(place)
        widths = parameters.prior_widths[fitted]
        entries: list[tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"], Float[np.ndarray, "_ _"]]] = []
        roots: list[tuple[list[int], Float[np.ndarray, "_ _"]]] = []
        for members in families_of(rows):
            own = [rows[place] for place in members]
            quantity, levels = own[0]
            places = families.get(label_of(own[0], 0), []) if levels else []
            weight, open_part = _given([self.rows[place] for place in places], own, self.shares)
            entries.append((np.array(places, dtype=np.int64), np.array(members), weight))
            width = self.widths[quantity] if places else widths[members[0]]
            roots.append((members, width * open_part))
        return _matrix(entries, (len(self.rows), len(rows))), _stacked(roots, len(rows))


@dataclass(frozen=True, eq=False)
class Applied:
    """A molecule's force field by a parameter set."""

    force_field: ForceField
    """The force field with the set's values."""
    posterior: Posterior
    """What is known of its coefficients."""
    rows: tuple[Row, ...]
    """Quantity and labels of each coefficient that a fit would move."""
    levels: Int[np.ndarray, " rows"]
    """The narrowest of ``LEVELS`` on which the set knows each, as an index; -1 for none."""

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of rows that are known on each level, from the narrowest to the widest, and "guessed"."""
        found = Counter(self.levels.tolist())
        named = {LEVELS[level]: found[level] for level in reversed(range(len(LEVELS)))}
        return {**named, "guessed": found[-1]}


def _values_of(parameters: Parameters, origin: Parameters) -> Float[np.ndarray, " parameters"]:
    """Values that others have of the same quantities and labels; where several have one label, in their order."""
    values = dict(zip(_numbered(origin), origin.values.tolist(), strict=True))
    return np.array([values[key] for key in _numbered(parameters)])


def _numbered(parameters: Parameters) -> list[tuple[str, str, int]]:
    """Quantity and label of each parameter, and how many before it have the same."""
    seen, found = Counter[tuple[str, str]](), []
    for key in zip(parameters.quantities, map(plain_label, parameters.labels), strict=True):
        found.append((*key, seen[key]))
        seen[key] += 1
    return found


def _given(
    known: Sequence[Row], others: Sequence[Row], shares: Shares
) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "k m"]]:
    """Weights of some rows in relatives of them, and a root of what they leave open, in units of the prior width.

    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equation 2.19.
    """
    among = covariance(known, known, shares) + OWN * np.eye(len(known))
    between = covariance(known, others, shares)
    weight = np.linalg.solve(among, between)
    place = {row: i for i, row in enumerate(known)}
    same = [(place[row], j) for j, row in enumerate(others) if row in place]
    for i, j in same:
        weight[:, j] = 0.0
        weight[i, j] = 1.0
    left = covariance(others, others, shares) - between.T @ weight
    exact = [j for _, j in same]
    left[exact, :] = left[:, exact] = 0.0
    values, vectors = np.linalg.eigh((left + left.T) / 2)
    kept = values > _NOTHING
    return weight, np.sqrt(values[kept])[:, None] * vectors[:, kept].T


def _matrix(
    entries: Sequence[tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"], Float[np.ndarray, "_ _"]]],
    shape: tuple[int, int],
) -> sparse.csr_array:
    """A matrix of blocks, each with the numbers of its rows and columns."""
    if not entries:
        return sparse.csr_array(shape)
    rows = np.concatenate([np.repeat(places, len(members)) for places, members, _ in entries])
    columns = np.concatenate([np.tile(members, len(places)) for places, members, _ in entries])
    values = np.concatenate([weight.ravel() for _, _, weight in entries])
    return sparse.csr_array((values, (rows, columns)), shape=shape)


def _stacked(roots: Sequence[tuple[list[int], Float[np.ndarray, "_ _"]]], n_columns: int) -> sparse.csr_array:
    """Roots of independent parts below each other, each with the numbers of its columns."""
    entries, first = [], 0
    for members, root in roots:
        entries.append((np.arange(first, first + len(root)), np.array(members), root))
        first += len(root)
    return _matrix(entries, (first, n_columns))
