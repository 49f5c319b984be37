"""Relaxed scans of torsions, fast enough for a report: OpenMM's minimiser, with a stiff force that holds the torsion.

``hybridff.analysis.scan`` holds torsions exactly and takes any method; these agree with it within 0.05 kcal/mol.
"""

from collections.abc import Callable

import numpy as np
import openmm
import torch
from jaxtyping import Float

from hybridff.analysis.scan import Scan
from hybridff.export import best_route, to_openmm
from hybridff.fit.conformers import Rotor, turn
from hybridff.gaff.forcefield import ForceField
from hybridff.geometry import torsion
from hybridff.holes import BIAS_GROUP, minimise, new_context
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

EVERY = 15.0
"""From one angle to the next [degrees]."""
_HOLD = 8000.0
"""Of the torsion [kJ/mol]; it gives way by less than half a degree."""
_TOLERANCE, _STEPS = 5.0, 500
"""Of relaxing: force [kJ/mol/nm] and steps."""


class QuickScan:
    """Scans of a force field."""

    def __init__(self, model: ForceField) -> None:
        self._molecule = model.molecule
        self._hold = openmm.CustomTorsionForce("hold*(1-cos(theta-theta0))")
        self._hold.addGlobalParameter("hold", _HOLD)
        self._hold.addPerTorsionParameter("theta0")
        self._hold.addTorsion(0, 0, 0, 0, [0.0])
        self._hold.setForceGroup(BIAS_GROUP)
        self._system = to_openmm(model, best_route(model, "Reference"))
        self._system.addForce(self._hold)

    def __call__(
        self,
        positions: Float[np.ndarray, "atoms 3"],
        rotor: Rotor,
        every: float = EVERY,
        progress: Callable[[float], None] | None = None,
    ) -> Scan:
        """Energies along one torsion, from positions [nm].

        Every point is relaxed from either side and the lower energy counts, as in ``hybridff.analysis.scan``.
        """
        angles = np.arange(-180.0, 180.0 - 1e-9, every)
        energies, places = np.full(len(angles), np.inf), np.zeros((len(angles), *positions.shape))
        self._hold.setTorsionParameters(0, *rotor, [0.0])
        context = new_context(self._system, openmm.VerletIntegrator(0.001))
        here, done = positions, 0
        begin = int(np.abs(np.exp(1j * angles * DEGREE) - np.exp(1j * _angle(positions, rotor))).argmin())
        order = [*range(begin, len(angles)), *range(begin)]
        for sweep in (order, order[::-1]):
            for i in sweep:
                done += 1
                turned = turn(self._molecule, here, rotor, float(angles[i] * DEGREE))
                self._hold.setTorsionParameters(0, *rotor, [angles[i] * DEGREE])
                self._hold.updateParametersInContext(context)
                context.setPositions(turned)
                found, energy = minimise(context, _TOLERANCE, _STEPS)
                if not np.isfinite(energy):
                    continue
                here = found
                if energy / KCAL_MOL < energies[i]:
                    energies[i], places[i] = energy / KCAL_MOL, found / ANGSTROM
                if progress is not None:
                    progress(done / (2 * len(angles)))
        energies[~np.isfinite(energies)] = np.nan
        return Scan((angles,), energies - np.nanmin(energies), places)


def _angle(positions: Float[np.ndarray, "atoms 3"], rotor: Rotor) -> float:
    return float(torsion(torch.as_tensor(positions[list(rotor)])))
