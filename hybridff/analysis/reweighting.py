"""Populations that another method would have, from energies of some frames of a model (R. W. Zwanzig, 1954)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from hybridff.units import BOLTZMANN

_RESAMPLED = 500
"""Choices of runs and frames that the errors come from."""


@dataclass(frozen=True, eq=False)
class Reweighted:
    """Populations of basins by another method than the one that was sampled."""

    populations: Float[np.ndarray, " basins"]
    """Shares of the basins."""
    errors: Float[np.ndarray, " basins"]
    """Standard errors of the shares, by the bootstrap of runs and frames."""
    spread: float
    """Root mean square of the difference of the methods' energies, less its mean [kJ/mol]."""


def reweighted(
    shares: Float[np.ndarray, "runs basins"],
    basins: Int[np.ndarray, " frames"],
    differences: Float[np.ndarray, " frames"],
    temperature: float,
    seed: int = 0,
) -> Reweighted:
    """Shares of basins changed by -kT ln <exp(-ΔE/kT)> over the frames of each, ΔE the other method less the sampled.

    ``shares`` are those of the independent runs of the sampled method at a temperature [K], ``basins`` what each
    labelled frame belongs to, ``differences`` ΔE [kJ/mol], whose zero does not matter. A basin without labelled frames
    has no weight. Source: R. W. Zwanzig, J. Chem. Phys. 22, 1420 (1954).
    """
    thermal, off = BOLTZMANN * temperature, differences - differences.mean()
    frames = [np.flatnonzero(basins == i) for i in range(shares.shape[1])]

    def populations(runs: Int[np.ndarray, " runs"], chosen: list[Int[np.ndarray, " _"]]) -> Float[np.ndarray, " _"]:
        weights = [np.mean(np.exp(-off[own] / thermal)) if len(own) else 0.0 for own in chosen]
        found = shares[runs].mean(0) * weights
        return found / found.sum()

    random = np.random.default_rng(seed)
    sampled = [
        populations(
            random.integers(len(shares), size=len(shares)),
            [random.choice(own, len(own)) if len(own) else own for own in frames],
        )
        for _ in range(_RESAMPLED)
    ]
    left = np.concatenate([off[own] for own in frames])
    return Reweighted(populations(np.arange(len(shares)), frames), np.std(sampled, 0), float(np.sqrt(np.mean(left**2))))
