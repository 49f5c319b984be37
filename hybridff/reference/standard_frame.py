"""The standard frame of a molecule: centre of mass and principal axes, so that how it lay before does not matter."""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class StandardFrame:
    """Where a molecule's own axes are."""

    centre: Float[np.ndarray, "3"]
    """Centre of mass [nm]."""
    axes: Float[np.ndarray, "3 3"]
    """Right-handed axes, one in each column."""

    def into(self, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
        """Positions [nm] along these axes."""
        return np.ascontiguousarray((positions - self.centre) @ self.axes)

    def turned_back(self, vectors: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
        """Vectors along these axes, such as forces, as they were before."""
        return vectors @ self.axes.T


def standard_frame(numbers: Int[np.ndarray, " atoms"], positions: Float[np.ndarray, "atoms 3"]) -> StandardFrame:
    """The standard frame of a geometry [nm].

    Its axes are the principal ones of the masses, each weighted by one and its atom's place in the order, so that those
    of symmetric tops are known too. An axis points to where the sum of the cubes is positive, the last one as the right
    hand wants it. Two frames of the same geometry may differ by signs where sums vanish by symmetry; integration grids
    have that symmetry themselves.
    """
    masses = atomic_masses[numbers]
    weights = masses * (1.0 + np.arange(len(masses)) / len(masses))
    centre = masses @ positions / masses.sum()
    own = positions - np.average(positions, axis=0, weights=weights)
    _, axes = np.linalg.eigh((own * weights[:, None]).T @ own)
    axes = axes[:, ::-1]
    along = own @ axes
    axes[:, :2] *= np.where(weights @ along[:, :2] ** 3 < 0, -1.0, 1.0)
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return StandardFrame(centre, axes)
