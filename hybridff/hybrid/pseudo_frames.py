"""Pseudo-frames: geometries without reference data, where kernels are to leave energies about as the terms have them.

Kernels as wide as the best ones do not fade: what they add to frames at 300 K, they add to, and make more of, far from
all frames. There the terms know better.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class PseudoFrames:
    """Geometries and what kernels should add to their energies."""

    positions: Float[np.ndarray, "frames atoms 3"]
    """Positions [nm]."""
    deviations: Float[np.ndarray, " frames"]
    """Deviations of the energies, over that of the noise of forces [nm]: only ratios of variances are ever known."""
    energies: Float[np.ndarray, " frames"]
    """Energies that kernels should add, above the mean of what they add to the frames [kJ/mol]."""

    def __len__(self) -> int:
        return len(self.positions)

    def __add__(self, other: "PseudoFrames") -> "PseudoFrames":
        return PseudoFrames(
            np.concatenate([self.positions, other.positions]),
            np.concatenate([self.deviations, other.deviations]),
            np.concatenate([self.energies, other.energies]),
        )

    @classmethod
    def at(cls, positions: Float[np.ndarray, "frames atoms 3"], deviation: float) -> "PseudoFrames":
        """Pseudo-frames at positions [nm] where kernels should add what they add to the frames on average.

        ``deviation`` [nm] is that of their energies over that of the noise of forces.
        """
        return cls(positions, np.full(len(positions), deviation), np.zeros(len(positions)))

    @classmethod
    def none(cls, n_atoms: int) -> "PseudoFrames":
        """No pseudo-frames of a molecule."""
        return cls.at(np.zeros((0, n_atoms, 3)), 0.0)

    def after(self, n: int) -> "PseudoFrames":
        """All but the first ``n``."""
        return PseudoFrames(self.positions[n:], self.deviations[n:], self.energies[n:])

    def with_energy(self, energy: float) -> "PseudoFrames":
        """The same geometries, where kernels should add another energy [kJ/mol]."""
        return replace(self, energies=np.full(len(self), energy))
