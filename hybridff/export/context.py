"""Contexts on OpenMM's Reference platform: seeds, states as arrays, and minimisation that survives NaN."""

import signal

import numpy as np
import openmm
from jaxtyping import Float
from openmm import unit

_SETTLED = 3000
"""Minimiser iterations where a minimum is wanted; without a limit, OpenMM never comes back from a NaN."""
BIAS_GROUP = 31
"""Force group of springs, whose energy does not count."""
_INTERRUPTIONS = ("", str(int(signal.SIGTERM)))
"""All the words of the error that OpenMM makes of Ctrl-C, and of a kill, during a callback."""


def new_context(system: openmm.System, integrator: openmm.Integrator) -> openmm.Context:
    """A context on the Reference platform: double precision, and the fastest for one molecule."""
    return openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))


def openmm_seed(seed: int) -> int:
    """The seed for OpenMM that stands for a seed of ours, of at least 0; OpenMM takes 0 to mean a random one."""
    return seed + 1


def langevin(temperature: float, friction: float, step: float, seed: int) -> openmm.LangevinMiddleIntegrator:
    """Langevin dynamics, the same for a seed of at least 0.

    ``temperature`` is in K, ``friction`` in 1/ps, ``step`` in ps.
    """
    integrator = openmm.LangevinMiddleIntegrator(temperature, friction, step)
    integrator.setRandomNumberSeed(openmm_seed(seed))
    return integrator


def energy_in(state: openmm.State) -> float:
    """Potential energy [kJ/mol]."""
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def positions_in(state: openmm.State) -> Float[np.ndarray, "atoms 3"]:
    """Positions [nm]."""
    return state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)


def forces_in(state: openmm.State) -> Float[np.ndarray, "atoms 3"]:
    """Forces [kJ/mol/nm]."""
    return state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)


def minimise(
    context: openmm.Context, tolerance: float = 10.0, iterations: int = _SETTLED
) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """Relaxed positions [nm] and their energy [kJ/mol] without springs; NaN where the minimiser breaks down.

    ``tolerance`` is the root mean square force where it ends [kJ/mol/nm].
    """
    try:
        openmm.LocalEnergyMinimizer.minimize(context, tolerance, iterations)
        state = context.getState(getEnergy=True, getPositions=True, groups=set(range(BIAS_GROUP)))
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        return np.full((context.getSystem().getNumParticles(), 3), np.nan), np.nan
    return positions_in(state), energy_in(state)


def run_steps(context: openmm.Context, steps: int) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """Positions [nm] and potential energy [kJ/mol] after so many steps of dynamics; NaN where these break down."""
    try:
        context.getIntegrator().step(steps)
        state = context.getState(getEnergy=True, getPositions=True)
    except (openmm.OpenMMException, ValueError) as error:
        raise_unless_nan(error)
        return np.full((context.getSystem().getNumParticles(), 3), np.nan), np.nan
    return positions_in(state), energy_in(state)


def raise_unless_nan(error: Exception) -> None:
    """Raise what is not OpenMM's way of saying that numbers are no longer finite; an interruption as such."""
    raise_interruption(error)
    if "nan" not in str(error).lower() and "infinite" not in str(error).lower():
        raise error


def raise_interruption(error: Exception) -> None:
    """Raise ``KeyboardInterrupt`` where an error is what OpenMM makes of Ctrl-C or a kill during a callback."""
    if str(error).strip() in _INTERRUPTIONS:
        raise KeyboardInterrupt(int(signal.SIGINT if not str(error).strip() else signal.SIGTERM)) from error
