"""Geometries relaxed by a force field with some torsions held, or all free."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm
import torch
from jaxtyping import Float

from hybridff.export.context import BIAS_GROUP, minimise, new_context
from hybridff.export.routes import Route, to_openmm
from hybridff.gaff.forcefield import ForceField
from hybridff.geometry import torsion

_HOLD = 2000.0
"""Strength of the springs that hold torsions [kJ/mol]."""
_TOLERANCE, _STEPS = 20.0, 500
"""When the minimiser stops: root mean square force [kJ/mol/nm], iterations."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A force field's OpenMM Context, with springs on some torsions."""

    torsions: tuple[tuple[int, int, int, int], ...]
    """Atoms of the torsions that can be held."""
    springs: openmm.CustomTorsionForce
    """What holds them."""
    context: openmm.Context
    """Context on the Reference platform."""

    def held(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[Float[np.ndarray, "atoms 3"], float]:
        """Positions [nm] relaxed with the torsions held where they are, and their energy without the springs [kJ/mol].

        Not numbers where atoms are on top of each other.
        """
        angles = torsion(torch.as_tensor(positions[np.array(self.torsions)])).tolist()
        for i, (atoms, angle) in enumerate(zip(self.torsions, angles, strict=True)):
            self.springs.setTorsionParameters(i, *atoms, [angle])
        self.springs.updateParametersInContext(self.context)
        return self._relaxed(positions, _HOLD)

    def free(self, positions: Float[np.ndarray, "atoms 3"]) -> tuple[Float[np.ndarray, "atoms 3"], float]:
        """The same with nothing held."""
        return self._relaxed(positions, 0.0)

    def references(
        self, frames: Float[np.ndarray, "frames atoms 3"]
    ) -> tuple[Float[np.ndarray, "references atoms 3"], float]:
        """Frames relaxed with their torsions held [nm], and the mean of their energies [kJ/mol].

        Those that do not relax are left out; the mean is not a number where none does.
        """
        found = [relaxed for relaxed in map(self.held, frames) if math.isfinite(relaxed[1])]
        mean = float(np.mean([energy for _, energy in found])) if found else math.nan
        return np.array([positions for positions, _ in found]).reshape(-1, *frames.shape[1:]), mean

    def _relaxed(
        self, positions: Float[np.ndarray, "atoms 3"], strength: float
    ) -> tuple[Float[np.ndarray, "atoms 3"], float]:
        self.context.setPositions(positions)
        self.context.setParameter("hold", strength)
        return minimise(self.context, _TOLERANCE, _STEPS)


def relaxation_of(force_field: ForceField, torsions: Sequence[tuple[int, int, int, int]], route: Route) -> Relaxation:
    """A force field ready to relax geometries, exported by one of its two routes."""
    springs = openmm.CustomTorsionForce("hold*(1-cos(theta-theta0))")
    springs.addPerTorsionParameter("theta0")
    springs.addGlobalParameter("hold", _HOLD)
    for atoms in torsions:
        springs.addTorsion(*atoms, [0.0])
    springs.setForceGroup(BIAS_GROUP)
    system = to_openmm(force_field, route)
    system.addForce(springs)
    return Relaxation(tuple(torsions), springs, new_context(system, openmm.VerletIntegrator(0.001)))
