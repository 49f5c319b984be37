"""What kernels are trained on, beside the terms whose coefficients their fit has left open."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import orth

from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import SAMPLE, Hyperparameters
from hybridff.corrections.posterior import Priors
from hybridff.fitting.posterior import Posterior
from hybridff.hybrid.hot_frames import HotFrames
from hybridff.hybrid.pseudo_frames import PseudoFrames
from hybridff.hybrid.residual import Residual


@dataclass(frozen=True, eq=False)
class Held:
    """Coefficients of the terms that stay where they are: a solution would have taken them out of their bounds."""

    places: Int[np.ndarray, " held"]
    """Places of the coefficients among the fitted ones."""
    directions: Float[np.ndarray, "rank directions"]
    """Orthonormal directions of the posterior that would move them."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What kernels are trained on: frames, pseudo-frames, hot frames, and what the fit of the terms has left open."""

    residual: Residual
    """What the terms leave of the training frames, the most wanted points first."""
    fragments: tuple[Fragment, ...]
    """The atoms and descriptor of each kernel."""
    begin: Hyperparameters
    """Hyperparameters that the search begins with; their amplitudes scale the equations of kernels with few points."""
    pseudo_frames: PseudoFrames
    posterior: Posterior | None = None
    """Posterior of the terms' coefficients, without what is held; None where no coefficient may move."""
    n_points: int | None = None
    """Points of each kernel at most, fewer than there are frames; None for one at each frame."""
    hot: HotFrames | None = None
    """Hot frames beside kernels with few points."""
    held: tuple[Held, ...] = ()
    """Coefficients that are held, in the order in which solutions took them out of their bounds."""

    def holding(self, places: Int[np.ndarray, " held"]) -> "TrainingData":
        """Some of the fitted coefficients held where their fit has left them, in all later solutions."""
        assert self.posterior is not None
        spread = self.posterior.spread
        directions = orth(spread[:, places])
        rest = replace(self.posterior, spread=spread - directions @ (directions.T @ spread))
        return replace(self, posterior=rest, held=(*self.held, Held(places, directions)))

    def with_pseudo_frames(self, more: PseudoFrames) -> "TrainingData":
        """More pseudo-frames, after those that there are."""
        return replace(self, pseudo_frames=self.pseudo_frames + more)

    def with_pseudo_energy(self, energy: float) -> "TrainingData":
        """Kernels that should add this to the energies of all pseudo-frames [kJ/mol]."""
        return replace(self, pseudo_frames=self.pseudo_frames.with_energy(energy))

    def priors(self, state: Hyperparameters) -> Priors:
        """Priors of the kernels whose forces at some of the frames have the amplitudes of ``state``."""
        some = np.arange(len(self.residual))[:SAMPLE]
        return state.priors(self.fragments, self.residual.subset(some).projected().points(self.fragments))
