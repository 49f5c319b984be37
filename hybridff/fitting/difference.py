"""Prior knowledge of what reference data change in a force field that another level of theory has taught."""

from dataclasses import replace

from hybridff.gaff.class2_kinds import KINDS
from hybridff.gaff.forcefield import ForceField

FACTOR = 0.2
"""Prior widths of the differences, in units of those around stock GAFF."""


def around(taught: ForceField) -> ForceField:
    """A force field whose parameters have priors around their values, as wide as levels of theory differ.

    Widths of class II families are fractions of the shipped ones, whatever widths ``taught`` has been fitted with.
    """
    kinds = {}
    for name, kind in taught.parameter_table.kinds.items():
        width = KINDS.get(name, kind).prior_width
        kinds[name] = kind if width is None else replace(kind, prior_width=FACTOR * width)
    return taught.with_kinds(kinds)
