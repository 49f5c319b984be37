"""Options of a fit: the argument in Python, the table in a TOML file and the flags on the command line."""

import math
from dataclasses import dataclass
from typing import Literal

from hybridff.errors import InputError


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How to fit a force field to reference energies and forces."""

    pairs: Literal["none", "lennard-jones", "walled", "all"] = "all"
    """Which pair interactions inside the molecule are refit: none, Lennard-Jones alone, also charges but for pairs
    without a wall (those of hydroxyl hydrogens), or all. Those with other molecules never change."""

    prior_scale: float | None = None
    """Factor on the width of every prior: how far parameters may move from the starting force field. If not given, it
    is the one of 1, 0.5 and 0.25 that predicts training frames best that are left out of a class II fit to few frames,
    1 with many; for other forms the one of 0.1, 0.3 and 1 that does best on the validation frames."""

    energy_weight: float = 1.0
    """Factor on the weight of energies against forces, which is learnt from the residuals."""

    size: Literal["small", "medium", "full"] = "full"
    """How many rows of the class II form are kept: about 40 or 80 per atom, or all that the data say anything about."""

    widths: Literal["shipped", "learnt"] = "shipped"
    """Prior widths of the class II form: those learnt from other molecules, or learnt from these data."""

    max_iterations: int = 200
    """Gauss-Newton steps at most."""

    def __post_init__(self) -> None:
        if self.max_iterations < 1:
            raise InputError(f"option max_iterations has to be at least 1, not {self.max_iterations}.")
        for name in ("prior_scale", "energy_weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"option {name} has to be a positive number, not {value}.")

    def most_rows(self, n_atoms: int) -> float:
        """Rows that a molecule's class II form may keep."""
        return {"small": 40.0, "medium": 80.0, "full": math.inf}[self.size] * n_atoms

    @property
    def frozen(self) -> tuple[str, ...]:
        """Quantities (see ``QUANTITIES``) that the fit leaves alone."""
        return {
            "none": ("pair repulsion", "pair epsilon", "pair charge product", "bare pair charge product"),
            "lennard-jones": ("pair charge product", "bare pair charge product"),
            "walled": ("bare pair charge product",),
            "all": (),
        }[self.pairs]
