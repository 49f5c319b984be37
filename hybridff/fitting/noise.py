"""What a model is expected to miss, which weighs its data: the noise of energies and of forces."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Noise:
    """What a model is expected to miss: standard deviations of its residuals."""

    energy: float
    """Standard deviation of energies [kJ/mol]."""
    force: float
    """Standard deviation of force components [kJ/mol/nm]."""


LEAST = Noise(1e-6, 1e-5)
"""Least noise, for data that a model follows exactly."""


@dataclass(frozen=True)
class Squares:
    """Sums of squared residuals."""

    energy: float
    """Sum over the energies [(kJ/mol)²]."""
    force: float
    """Sum over the force components [(kJ/mol/nm)²]."""

    def __add__(self, other: "Squares") -> "Squares":
        return Squares(self.energy + other.energy, self.force + other.force)


def training_loss(squares: Squares, noise: Noise) -> float:
    """Half the sum of squared residuals in units of the noise."""
    return 0.5 * (squares.energy / noise.energy**2 + squares.force / noise.force**2)
