"""Contexts on OpenMM's Reference platform, and minimisation that survives forces that are no numbers."""

import numpy as np
import openmm
from jaxtyping import Float

_SETTLED = 3000
"""Minimiser iterations where a minimum is wanted; without a limit, OpenMM never comes back from a NaN."""
BIAS_GROUP = 31
"""Force group of springs, whose energy does not count."""


def new_context(system: openmm.System, integrator: openmm.Integrator) -> openmm.Context:
    """On the Reference platform: double precision, and the fastest for one molecule."""
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


def minimise(
    context: openmm.Context, tolerance: float = 10.0, iterations: int = _SETTLED
) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """Relaxed positions and their energy without the bias of a scan; NaN where the minimiser breaks down."""
    try:
        openmm.LocalEnergyMinimizer.minimize(context, tolerance, iterations)
        state = context.getState(getEnergy=True, getPositions=True, groups=set(range(BIAS_GROUP)))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        return np.full((context.getSystem().getNumParticles(), 3), np.nan), np.nan
    return state.getPositions(asNumpy=True)._value, state.getPotentialEnergy()._value


def raise_unless_nan(error: Exception) -> None:
    """Raise what is not OpenMM's way of saying that numbers are no longer finite."""
    if "nan" not in str(error).lower() and "infinite" not in str(error).lower():
        raise error
