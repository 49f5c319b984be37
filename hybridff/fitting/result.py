"""What a fit found."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hybridff.fitting.posterior import Posterior
from hybridff.fitting.problem import Noise
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters

_UNDETERMINED = 0.5
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fit: the force fields, and what the data said about every parameter."""

    force_fields: tuple[ForceField, ...]
    energy_offsets: tuple[float, ...]
    """Reference minus model energy of each molecule, the mean over its training frames [kJ/mol]."""
    start: Parameters
    end: Parameters
    deviations: Float[np.ndarray, " parameters"]
    """Posterior standard deviation of each parameter [internal units]; 0 for those not fitted."""
    noise: Noise
    loss_start: float
    """Training loss of the starting force field, at the final noise."""
    loss_end: float
    iterations: int
    converged: bool
    prior_scale: float
    seconds: float
    """Time in the solver."""
    posteriors: tuple[Posterior, ...] = ()
    """Of each molecule, where the fit is linear."""
    unseen: tuple[str, ...] = ()
    """Of each molecule, a sentence on conformers that no training frame shows; empty where there are none."""

    @property
    def force_field(self) -> ForceField:
        """The force field of a fit to one molecule."""
        (force_field,) = self.force_fields
        return force_field

    @property
    def energy_offset(self) -> float:
        """The energy offset of a fit to one molecule [kJ/mol]."""
        (offset,) = self.energy_offsets
        return offset

    @property
    def undetermined(self) -> np.ndarray:
        """True for parameters whose posterior is more than half as wide as their prior: shape (parameters,), bool."""
        return self.deviations > _UNDETERMINED * self.prior_scale * self.start.prior_widths

    @property
    def at_bound(self) -> np.ndarray:
        """True for parameters that ended at a bound: shape (parameters,), bool."""
        lower, upper = self.start.bounds
        slack = _ROUNDING * self.start.prior_widths
        beyond = (self.end.values <= lower + slack) | (self.end.values >= upper - slack)
        return (self.deviations > 0) & beyond

    def largest_moves(self, n: int) -> list[int]:
        """The ``n`` parameters that moved most, in units of their prior widths."""
        widths = np.where(self.start.adjustable, self.start.prior_widths, np.inf)
        moves = np.abs(self.end.values - self.start.values) / widths
        return [int(i) for i in np.argsort(-moves, kind="stable")[:n] if moves[i] > 0]
