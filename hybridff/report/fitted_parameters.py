"""The parameters of a fit: those that moved most, those that the data did not determine, and all of them."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from hybridff.document.blocks import Section, Table
from hybridff.fitting.result import FitResult
from hybridff.gaff.environments import short_label
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Quantity, plain_label

PARAMETERS = "parameters.csv"
"""The file of all parameters, beside a model."""
_MOST_MOVED = 12
_MOST_LISTED = 12
_MOST_NAMED = 60
"""Parameters that are named one by one."""
_MOST_ROWS = 25
"""Most rows of a family on the page, where there are more than ``_FEW_ENOUGH`` parameters altogether."""
_FEW_ENOUGH = 400
_MOST_TABLES = 12
"""Families with a table of their own."""
_HEADER = ("parameter", "of", "before", "after", "±", "unit", "")
_NOT_DETERMINED, _AT_BOUND = "not determined", "at its bound"


def own_parameters(result: FitResult, force_field: ForceField) -> np.ndarray:
    """True for parameters of a joint fit that this molecule has: shape (parameters,), bool."""
    table = force_field.parameter_table
    names = set(zip(table.quantities, map(plain_label, table.labels), strict=True))
    pairs = zip(result.start.quantities, map(plain_label, result.start.labels), strict=True)
    return np.array([pair in names for pair in pairs], dtype=bool)


def moved_section(result: FitResult, force_field: ForceField) -> Section:
    """The parameters that moved most, in units of their prior widths."""
    own, rows = own_parameters(result, force_field), _Rows(result)
    moved = [i for i in result.largest_moves(len(own)) if own[i]][:_MOST_MOVED]
    sentences = ["In units of their prior widths; ± is the posterior standard deviation."]
    if force_field.form == "near-pairs":
        sentences.append(
            "With near pairs, the shape of a bond or angle is the sum of several terms: r0, theta0 and k alone are not "
            "its equilibrium value and stiffness."
        )
    return Section("Parameters that moved most", tuple(sentences), Table(_HEADER, tuple(map(rows, moved))))


def undetermined_section(result: FitResult, force_field: ForceField) -> Section:
    """The parameters that the data could not determine."""
    title = "Not determined by these data"
    own = own_parameters(result, force_field)
    undetermined = np.flatnonzero(result.undetermined & own)
    fitted = int(((result.deviations > 0) & own).sum())
    if not len(undetermined):
        return Section(title, (f"None of the {fitted} fitted parameters.",))
    kinds: dict[str, list[str]] = {}
    for i in undetermined:
        kinds.setdefault(result.start.quantities[i], []).append(short_label(result.start.labels[i]))
    sentences = [
        f"{len(undetermined)} of {fitted} fitted parameters: their posterior is more than half as wide as their prior. "
        "Those that hardly moved are what they were at the start; the others count only in combination."
    ]
    if len(undetermined) > _MOST_NAMED:
        quantities = [result.start.quantities[i] for i in np.flatnonzero((result.deviations > 0) & own)]
        rows = tuple((kind, str(quantities.count(kind)), str(len(labels))) for kind, labels in kinds.items())
        return Section(
            title, tuple(sentences), Table(("family", "fitted", "not determined"), rows, "By family", folded=True)
        )
    for kind, labels in kinds.items():
        more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
        sentences.append(f"{kind} ({len(labels)}): {', '.join(labels[:_MOST_LISTED])}{more}.")
    return Section(title, tuple(sentences))


def parameter_section(result: FitResult, force_field: ForceField) -> Section:
    """All parameters by family, each family folded; only those that moved most where there are many."""
    members_of, rows = _own_rows(result, force_field), _Rows(result)
    families: dict[str, list[int]] = {}
    for i in members_of:
        families.setdefault(result.start.quantities[i], []).append(i)
    short = len(members_of) > _FEW_ENOUGH
    order = {i: place for place, i in enumerate(result.largest_moves(len(result.deviations)))}
    counts, listed = [], list[list[int]]()
    for name, members in families.items():
        fitted = [i for i in members if result.deviations[i] > 0]
        left, bound = (int(found[members].sum()) for found in (rows.undetermined, rows.at_bound))
        counts.append((name, str(len(members)), str(len(fitted)), str(left), str(bound)))
        listed.append(sorted(members, key=lambda i: order.get(i, len(order)))[:_MOST_ROWS] if short else members)
    if len(families) > _MOST_TABLES:
        caption = f"Up to {_MOST_ROWS} of each family, those that moved most" if short else "One by one"
        tables = [Table(_HEADER, tuple(rows(i) for own in listed for i in own), caption, folded=True)]
    else:
        tables = [
            Table(_HEADER[1:], tuple(rows(i)[1:] for i in own), f"{name}: {_of(len(own), len(members))}", folded=True)
            for (name, members), own in zip(families.items(), listed, strict=True)
        ]
    sentences = (
        f"The force field has {len(members_of)} parameters in {len(families)} families; ± is the posterior standard "
        f"deviation, and none stands where a parameter was not fitted. {PARAMETERS}, beside this page, has all of "
        "them.",
    )
    header = ("family", "parameters", "fitted", _NOT_DETERMINED, _AT_BOUND)
    families_table = Table(header, tuple(counts), "By family", folded=len(families) > _MOST_TABLES)
    return Section("All parameters", sentences, families_table, more=tuple(tables), page_only=True)


def _of(shown: int, total: int) -> str:
    return str(total) if shown == total else f"the {shown} that moved most of {total}"


def parameter_csv(result: FitResult, force_field: ForceField) -> str:
    """All parameters of a molecule as CSV, in the units of reports."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("parameter", "of", "start", "value", "posterior deviation", "prior width", "unit", "remark"))
    rows = _Rows(result, exact=True)
    for i in _own_rows(result, force_field):
        name, label, start, value, deviation, unit, remark = rows(i)
        width = rows.width(i)
        writer.writerow((name, label, start, value, deviation, width, unit, remark))
    return text.getvalue()


def _own_rows(result: FitResult, force_field: ForceField) -> Sequence[int]:
    return np.flatnonzero(own_parameters(result, force_field)).tolist()


class _Rows:
    """Parameters in words; what is known of all of them is worked out once, as there may be thousands."""

    def __init__(self, result: FitResult, *, exact: bool = False) -> None:
        self._result, self._exact, self._digits = result, exact, 8 if exact else 4
        self.undetermined, self.at_bound = result.undetermined & (result.deviations > 0), result.at_bound
        self._widths = result.start.prior_widths

    def __call__(self, i: int) -> tuple[str, ...]:
        result = self._result
        marks = {_AT_BOUND: self.at_bound[i], _NOT_DETERMINED: self.undetermined[i]}
        return (
            result.start.quantities[i],
            result.start.labels[i] if self._exact else short_label(result.start.labels[i]),
            *(self._number(i, values[i]) for values in (result.start.values, result.end.values)),
            self._number(i, result.deviations[i]) if result.deviations[i] > 0 else "",
            self._kind(i).unit,
            ", ".join(mark for mark, holds in marks.items() if holds),
        )

    def width(self, i: int) -> str:
        """Of the prior; nothing for constants."""
        return self._number(i, self._widths[i]) if self._widths[i] > 0 else ""

    def _kind(self, i: int) -> Quantity:
        return self._result.start.kinds[self._result.start.quantities[i]]

    def _number(self, i: int, value: float) -> str:
        return f"{value / self._kind(i).scale:.{self._digits}g}"
