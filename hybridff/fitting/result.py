"""What a fit found."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from hybridff.fitting.noise import Noise
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.related_priors import Shares
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters

_UNDETERMINED = 0.5
"""Posterior deviation, in units of the prior's width, from which on a parameter counts as not determined."""
_ROUNDING = 1e-9
"""Distance from a bound that is none, in units of the prior's width."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fit: the force fields, and what the data said about every parameter."""

    force_fields: tuple[ForceField, ...]
    """The fitted force field of each molecule."""
    energy_offsets: tuple[float, ...]
    """Reference minus model energy of each molecule, the mean over its training frames [kJ/mol]."""
    start: Parameters
    """The parameters of all molecules in one vector, at the start, with the priors that were used."""
    end: Parameters
    """Parameters after the fit, in the order of the start."""
    deviations: Float[np.ndarray, " parameters"]
    """Posterior standard deviation of each parameter [internal units]; 0 for those not fitted."""
    noise: Noise
    """Standard deviations of the residuals, which weigh energies against forces unless an option says otherwise."""
    loss_start: float
    """Training loss of the starting force field, at the final noise."""
    loss_end: float
    """Training loss of the fitted force field."""
    iterations: int
    """Gauss-Newton steps; 1 for a fit in closed form."""
    converged: bool
    """Whether the fit ended before its steps ran out."""
    prior_scale: float
    """Factor on the widths of all priors."""
    seconds: float
    """Time in the solver [s]."""
    posteriors: tuple[Posterior, ...] = ()
    """What is known of each molecule's coefficients, where the fit is linear."""
    shared: Posterior | None = None
    """What is known of all molecules' coefficients together, in the order of the start and without means of energies,
    where rows are shared by environment."""
    shares: Shares | None = None
    """What relatives among these had in common before there were data."""
    unseen: tuple[str, ...] = ()
    """A sentence for each molecule on conformers that no training frame shows; empty where there are none."""
    left_out: float | None = None
    """Root mean square error of the forces of training frames, each by a fit without it [kJ/mol/nm]; None where none
    were left out."""

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
    def undetermined(self) -> Bool[np.ndarray, " parameters"]:
        """True for parameters whose posterior is more than half as wide as their prior."""
        return self.deviations > _UNDETERMINED * self.prior_scale * self.start.prior_widths

    @property
    def at_bound(self) -> Bool[np.ndarray, " parameters"]:
        """True for parameters that ended at a bound."""
        lower, upper = self.start.bounds
        slack = _ROUNDING * self.start.prior_widths
        beyond = (self.end.values <= lower + slack) | (self.end.values >= upper - slack)
        return (self.deviations > 0) & beyond

    def largest_moves(self, n: int) -> list[int]:
        """The ``n`` parameters that moved most, in units of their prior widths."""
        widths = np.where(self.start.adjustable, self.start.prior_widths, np.inf)
        moves = np.abs(self.end.values - self.start.values) / widths
        return [int(i) for i in np.argsort(-moves, kind="stable")[:n] if moves[i] > 0]
