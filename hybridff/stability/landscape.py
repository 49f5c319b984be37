"""The energy landscape of one molecule around its minimum: what lies below a geometry, and whether it is sound."""

from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float

from hybridff.export.context import minimise, new_context
from hybridff.molecules.limits import NOT_FINITE, Fault, Limits, chain_key, hot_limits, rest_limits
from hybridff.molecules.molecule import Molecule
from hybridff.units import KCAL_MOL

_WELL = 30 * KCAL_MOL
"""A conformer can be this much lower than the first minimum; what is lower is a false minimum."""
_IONIC_WELL = 150 * KCAL_MOL
"""Limit where atoms have formal charges, which may find each other."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """A System of one molecule, its minimum, and what counts as a sound structure; made by ``landscape_around``."""

    molecule: Molecule
    system: openmm.System
    minimum: Float[np.ndarray, "atoms 3"]
    """Positions of the minimum [nm]."""
    energy: float
    """Energy of the minimum [kJ/mol]."""
    hot: Limits
    """Limits of structures in dynamics."""
    rest: Limits
    """Limits of relaxed structures."""


def landscape_around(
    molecule: Molecule, system: openmm.System, minimum: Float[np.ndarray, "atoms 3"], energy: float
) -> Landscape:
    """The landscape around a minimum [nm] with this energy [kJ/mol], which sets the limits of sound structures."""
    return Landscape(molecule, system, minimum, energy, hot_limits(molecule, minimum), rest_limits(molecule, minimum))


def relax(system: openmm.System, positions: Float[np.ndarray, "atoms 3"]) -> tuple[Float[np.ndarray, "atoms 3"], float]:
    """The minimum below some positions [nm], and its energy [kJ/mol]; NaN where the minimiser breaks down."""
    context = new_context(system, openmm.VerletIntegrator(0.001))
    context.setPositions(positions)
    return minimise(context, tolerance=1.0)


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The minimum below a geometry, which may be none of the molecule."""

    positions: Float[np.ndarray, "atoms 3"]
    """Where it is [nm]."""
    height: float
    """Energy above the landscape's minimum [kJ/mol]; not finite where there is no bottom."""
    fault: Fault | None
    """What is wrong with it; None for a sound structure."""

    @property
    def well(self) -> Float[np.ndarray, "atoms 3"] | None:
        """Positions of a false minimum that has a bottom [nm]; None elsewhere."""
        return self.positions if self.fault is not None and np.isfinite(self.height) else None


def relaxed_below(landscape: Landscape, positions: Float[np.ndarray, "atoms 3"]) -> Relaxed:
    """The minimum below some positions [nm], and whether it is sound."""
    relaxed, energy = relax(landscape.system, positions)
    height = energy - landscape.energy
    fault = landscape.rest.fault(relaxed) or (None if np.isfinite(energy) else NOT_FINITE)
    well = _IONIC_WELL if np.any(landscape.molecule.formal_charges) else _WELL
    if fault is None and height < -well:
        fault = landscape.rest.closest(relaxed)
    return Relaxed(relaxed, height, fault)


def fault_class(molecule: Molecule, fault: Fault) -> tuple[int, ...]:
    """What faults of equivalent atoms have in common."""
    return chain_key(molecule.equivalent_atoms()[list(fault.atoms)])
