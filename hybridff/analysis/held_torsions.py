"""Geometries relaxed by any method with some torsions held at angles, near or far from where they are."""

from collections.abc import Callable, Sequence

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.torsions import Torsion, angles_of, wrapped
from hybridff.analysis.trajectories import system_of
from hybridff.export.ase_atoms import FORCE_EV, Relaxation, Turn, relaxed_but_torsions, turned
from hybridff.export.calculator import MoleculeCalculator
from hybridff.export.context import BIAS_GROUP, minimise, new_context
from hybridff.molecules.graph import far_side
from hybridff.molecules.molecule import Molecule
from hybridff.units import DEGREE

LARGEST_FORCE = 2e-3 * FORCE_EV
"""Largest force on an atom of a relaxed geometry, along what may relax [kJ/mol/nm]."""
_MOST_STEPS = 500
"""Steps of a relaxation, at most."""
_LONGEST_STEP = 0.01
"""How far an atom moves in a step by ASE, at most [nm]."""
_FARTHEST = 30.0 * DEGREE
"""Angle of a turn, at most, before what is in the way can relax [rad]."""
_HOLD = 2e5
"""Strength of the force that holds torsions while OpenMM relaxes the rest [kJ/mol]."""
_TOLERANCE = 1.0
"""Root mean square force at which OpenMM's minimiser ends [kJ/mol/nm]."""
Relax = Callable[[Float[np.ndarray, "atoms 3"], Turn], tuple[Float[np.ndarray, "atoms 3"], float] | None]
"""Positions [nm] relaxed with torsions held, and their energy [kJ/mol]; None where the relaxation does not end."""


def relaxed_at(
    molecule: Molecule,
    begin: Float[np.ndarray, "atoms 3"],
    torsions: Sequence[Torsion],
    wanted: Float[np.ndarray, " torsions"],
    relax: Relax,
) -> tuple[Float[np.ndarray, "atoms 3"], float] | None:
    """Positions [nm] relaxed at some angles [rad], and their energy [kJ/mol]; None where a relaxation does not end.

    The way there is gone in steps of thirty degrees at most, each relaxed, so that what is in the way can move.
    """
    found, energy = begin, np.nan
    for turn in _steps(begin, torsions, wanted):
        ended = relax(turned_to(molecule, found, turn), turn)
        if ended is None:
            return None
        found, energy = ended
    return found, energy


def _steps(
    positions: Float[np.ndarray, "atoms 3"], torsions: Sequence[Torsion], wanted: Float[np.ndarray, " torsions"]
) -> list[Turn]:
    """Ways to some angles, none further than what is in the way can relax after."""
    ways = wrapped(wanted - angles_of(positions[None], torsions)[0])
    n_steps = max(1, int(np.ceil(np.abs(ways).max() / _FARTHEST)))
    return [
        list(zip(torsions, (wanted - ways * left / n_steps).tolist(), strict=True)) for left in reversed(range(n_steps))
    ]


def turned_to(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], turn: Turn) -> Float[np.ndarray, "atoms 3"]:
    """With torsions at some angles, all else as it is."""
    for own, angle in turn:
        positions = turned(positions, own, angle, far_side(molecule, own[1], own[2]))
    return positions


def held_relaxation(molecule: Molecule, calculator: BaseCalculator, torsions: Sequence[Torsion]) -> Relax:
    """By OpenMM where it can call the method and its long first steps do no harm, by ASE elsewhere."""
    if isinstance(calculator, MoleculeCalculator):
        return _by_openmm(molecule, calculator, torsions)
    how = Relaxation(LARGEST_FORCE, _MOST_STEPS, _LONGEST_STEP)
    return lambda positions, turn: relaxed_but_torsions(molecule.numbers, positions, calculator, how, turn)


def _by_openmm(molecule: Molecule, calculator: BaseCalculator, torsions: Sequence[Torsion]) -> Relax:
    """OpenMM's minimiser with a stiff force on the torsions: some hundred times as fast as ASE's.

    The torsion gives way by δ, some thousandths of a degree; the energy is put back by δ times the force's torque.
    """
    hold = openmm.CustomTorsionForce(f"{_HOLD}*(1-cos(theta-theta0))")
    hold.addPerTorsionParameter("theta0")
    hold.setForceGroup(BIAS_GROUP)
    for own in torsions:
        hold.addTorsion(*own, [0.0])
    system = system_of(calculator, molecule)
    system.addForce(hold)
    context = new_context(system, openmm.VerletIntegrator(0.001))

    def relax(positions: Float[np.ndarray, "atoms 3"], turn: Turn) -> tuple[Float[np.ndarray, "atoms 3"], float] | None:
        for row, (own, angle) in enumerate(turn):
            hold.setTorsionParameters(row, *own, [angle])
        hold.updateParametersInContext(context)
        context.setPositions(positions)
        found, energy = minimise(context, _TOLERANCE, _MOST_STEPS)
        if not np.isfinite(energy):
            return None
        off = wrapped(angles_of(found[None], torsions)[0] - np.array([angle for _, angle in turn]))
        return found, float(energy + _HOLD * (off**2).sum())

    return relax
