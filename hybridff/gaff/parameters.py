"""Parameters: every number of a bonded force field in one flat vector, with what it is and how far it may move."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

Share = Literal["symmetry", "types", "environment"]
"""What rows have in common that share their parameters."""


@dataclass(frozen=True)
class Quantity:
    """What a parameter is: its units, prior width and bounds.

    The prior of a fit is a Gaussian around the starting value; its width [internal unit] is the change that a
    chemist would find unsurprising. A width of None marks a constant that is never fitted.
    """

    unit: str
    """Unit in reports."""
    scale: float
    """Size of the report's unit in internal units."""
    prior_width: float | None
    lower: float = -math.inf
    upper: float = math.inf
    relative: bool = False
    """Prior width and bounds are in units of the starting value."""


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "bond r0": Quantity("Å", ANGSTROM, 0.05 * ANGSTROM, lower=0.5 * ANGSTROM, upper=4 * ANGSTROM),
        "bond k": Quantity("kcal/mol/Å²", KCAL_MOL / ANGSTROM**2, 200 * KCAL_MOL / ANGSTROM**2, lower=0.0),
        "bond depth": Quantity("kcal/mol", KCAL_MOL, 30 * KCAL_MOL, lower=80 * KCAL_MOL, upper=500 * KCAL_MOL),
        "bond range": Quantity("1/Å", 1 / ANGSTROM, 0.3 / ANGSTROM, lower=0.8 / ANGSTROM, upper=4 / ANGSTROM),
        "bond network output": Quantity("kcal/mol", KCAL_MOL, 0.3 * KCAL_MOL),
        "bond network slope": Quantity("1/Å", 1 / ANGSTROM, 5 / ANGSTROM, lower=1 / ANGSTROM, upper=15 / ANGSTROM),
        "bond network centre": Quantity("Å", ANGSTROM, 0.05 * ANGSTROM, lower=0.5 * ANGSTROM, upper=4 * ANGSTROM),
        "angle theta0": Quantity("°", DEGREE, 10 * DEGREE, lower=0.0, upper=math.pi),
        "straight angle theta0": Quantity("°", DEGREE, None),
        "angle k": Quantity("kcal/mol/rad²", KCAL_MOL, 60 * KCAL_MOL, lower=0.0),
        "angle network output": Quantity("kcal/mol", KCAL_MOL, KCAL_MOL),
        "angle network slope": Quantity("1", 1.0, 1.0, lower=1.0, upper=8.0),
        "angle network centre": Quantity("°", DEGREE, 5 * DEGREE, lower=10 * DEGREE, upper=170 * DEGREE),
        "torsion n": Quantity("1", 1.0, None),
        "torsion phase": Quantity("°", DEGREE, None),
        "torsion k": Quantity("kcal/mol", KCAL_MOL, 3 * KCAL_MOL),
        "torsion overtone k": Quantity("kcal/mol", KCAL_MOL, 0.3 * KCAL_MOL),
        "torsion network output": Quantity("kcal/mol", KCAL_MOL, 0.3 * KCAL_MOL),
        "torsion network slope": Quantity("1", 1.0, 1.0, lower=1.0, upper=8.0),
        "torsion network centre": Quantity("°", DEGREE, 20 * DEGREE, lower=10 * DEGREE, upper=170 * DEGREE),
        "improper network output": Quantity("kcal/mol", KCAL_MOL, 0.3 * KCAL_MOL),
        "improper k": Quantity("kcal/mol", KCAL_MOL, 10 * KCAL_MOL),
        "pair sigma": Quantity("Å", ANGSTROM, None),
        "pair epsilon": Quantity("kcal/mol", KCAL_MOL, 1.0, lower=0.01, relative=True),
        "pair repulsion": Quantity("kcal/mol", KCAL_MOL, 1.0, lower=0.01, relative=True),
        "near epsilon": Quantity("kcal/mol", KCAL_MOL, 10 * KCAL_MOL, lower=0.0),
        "near repulsion": Quantity("kcal/mol", KCAL_MOL, 100 * KCAL_MOL, lower=0.0),
        "pair charge product": Quantity("e²", 1.0, 0.1),
        "bare pair charge product": Quantity("e²", 1.0, 0.1),
    }
)


@dataclass(frozen=True, eq=False)
class Parameters:
    """A flat vector of parameters; the entries of a term table point into it."""

    values: Float[np.ndarray, " parameters"]
    """Values [internal units]."""
    quantities: tuple[str, ...]
    """Keys of ``kinds``."""
    labels: tuple[str, ...]
    """What each parameter belongs to: ``"c3-oh"``, say. Quantity and label together are unique."""
    kinds: Mapping[str, Quantity] = field(default_factory=lambda: QUANTITIES)
    """What the quantities are; a user's own form brings its own, and a fit may learn other prior widths."""

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: Float[np.ndarray, " parameters"]) -> "Parameters":
        """A copy with other values."""
        return replace(self, values=np.array(values))

    @property
    def prior_widths(self) -> Float[np.ndarray, " parameters"]:
        """Prior width of each, if these are the starting values [internal units]; 0 for constants."""
        return np.array([kind.prior_width or 0.0 for kind in self._own_kinds]) * self._units

    @property
    def adjustable(self) -> Bool[np.ndarray, " parameters"]:
        """True for those a fit may change."""
        return self.prior_widths > 0

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " parameters"], Float[np.ndarray, " parameters"]]:
        """Lowest and highest allowed values, if these are the starting values [internal units]."""
        lower, upper = (np.array([getattr(kind, name) for kind in self._own_kinds]) for name in ("lower", "upper"))
        for bound in (lower, upper):
            np.multiply(bound, self._units, out=bound, where=np.isfinite(bound))
        return lower, upper

    @property
    def _own_kinds(self) -> list[Quantity]:
        return [self.kinds[quantity] for quantity in self.quantities]

    @property
    def _units(self) -> Float[np.ndarray, " parameters"]:
        return np.where([kind.relative for kind in self._own_kinds], np.abs(self.values), 1.0)


def numbered_labels(quantities: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Labels with " #2", " #3", … added where a quantity has more than one entry of the same label."""
    seen: Counter[tuple[str, str]] = Counter()
    numbered = []
    for key in zip(quantities, labels, strict=True):
        seen[key] += 1
        numbered.append(key[1] if seen[key] == 1 else f"{key[1]} #{seen[key]}")
    return tuple(numbered)


def plain_label(label: str) -> str:
    """A label without the number that ``numbered_labels`` added."""
    return label.partition(" #")[0]


def same_value(value: float) -> float:
    """A value without what rounding makes of it: rows of equal atoms whose values differ in it alone share them."""
    return float(f"{value:.9g}")
