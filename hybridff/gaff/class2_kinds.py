"""Coefficients of the class II form: their units, prior widths and bounds, by family of terms."""

import math
from collections.abc import Mapping

from hybridff.gaff.parameters import Quantity
from hybridff.units import KCAL_MOL


def _kind(width: float | None, lower: float = -math.inf, unit: str = "kcal/mol") -> Quantity:
    scale = KCAL_MOL if unit == "kcal/mol" else 1.0
    return Quantity(unit, scale, None if width is None else width * scale, lower)


KINDS: Mapping[str, Quantity] = {
    "constant": _kind(None, unit="1"),
    "pair baseline": _kind(None),
    "bond 1": _kind(6.4),
    "bond 2": _kind(21.0, 0.0),
    "bond 3": _kind(11.0),
    "bond 4": _kind(14.0, 0.0),
    "angle 1": _kind(30.0),
    "angle 2": _kind(19.0, 0.0),
    "angle 3": _kind(24.0),
    "angle 4": _kind(15.0, 0.0),
    "torsion 1": _kind(3.3),
    "torsion 2": _kind(1.4),
    "torsion 3": _kind(0.37),
    "torsion 4": _kind(0.048),
    "out of plane 2": _kind(8.8, 0.0),
    "pair local": _kind(0.92),
    "pair soft": _kind(0.055),
    "bond·bond 0": _kind(13.0),
    "bond·bond 1": _kind(3.4),
    "bond·bond 2": _kind(2.5),
    "bond²·bond": _kind(7.4),
    "bond·angle in": _kind(24.0),
    "bond·angle² in": _kind(23.0),
    "bond²·angle in": _kind(11.0),
    "bond·bond·angle in": _kind(17.0),
    "bond·angle 0": _kind(4.8),
    "bond·angle 1": _kind(3.1),
    "bond·angle 2": _kind(1.2),
    "bond·angle 3": _kind(0.36),
    "angle·angle 0": _kind(15.0),
    "angle·angle 1": _kind(3.2),
    "angle·angle 2": _kind(1.8),
    "angle·angle 3": _kind(0.58),
    "angle²·angle 0": _kind(12.0),
    "angle·angle·torsion 1": _kind(13.0),
    "angle·angle·torsion 2": _kind(2.9),
    "angle·angle·torsion 3": _kind(0.79),
    "angle·torsion 1": _kind(4.4),
    "angle·torsion 2": _kind(1.4),
    "angle·torsion 3": _kind(0.39),
    "middle bond·torsion 1": _kind(4.3),
    "middle bond·torsion 2": _kind(2.5),
    "middle bond·torsion 3": _kind(0.31),
    "end bond·torsion 1": _kind(1.7),
    "end bond·torsion 2": _kind(0.92),
    "end bond·torsion 3": _kind(0.14),
    "bond·angle·torsion": _kind(5.1),
    "touching bond·torsion 1": _kind(0.78),
    "touching bond·torsion 2": _kind(0.87),
    "touching bond·torsion 3": _kind(0.047),
    "touching angle·torsion 1": _kind(1.4),
    "touching angle·torsion 2": _kind(0.74),
    "touching angle·torsion 3": _kind(0.1),
    "torsion·torsion": _kind(1.9),
    "linear bend": _kind(30.0),
    "linear bend·linear bend": _kind(10.0),
    "linear bend·bond": _kind(5.0),
    "linear bend·angle": _kind(10.0),
    "pair·bond": _kind(3.1),
    "pair·angle": _kind(2.8),
    "contact·bond": _kind(11.0),
    "contact·angle": _kind(10.0),
    "pair·torsion": _kind(1.2),
    "out of plane·out of plane": _kind(3.2),
    "out of plane·torsion": _kind(1.7),
}
"""Prior widths are geometric means of those that the evidence prefers for 27 molecules, of which no table of accuracy
has any (scripts/learn_widths.py): alanine dipeptide, butane and hexane by density functional theory, and 24 of up to 16
atoms by GFN2-xTB."""
