"""Geometries of metadynamics on torsions by any method: over barriers that dynamics do not cross, all else thermal.

By OpenMM's ``app.Metadynamics``, well-tempered: A. Barducci, G. Bussi, M. Parrinello, Phys. Rev. Lett. 100, 020603
(2008).
"""

from collections.abc import Iterator, Sequence
from math import pi

import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float
from openmm import app

from hybridff.analysis.populations import distinguishing_rotors
from hybridff.analysis.torsions import Torsion
from hybridff.analysis.trajectories import system_of
from hybridff.export.context import langevin
from hybridff.export.hot_geometries import BrokenRun, Walk, one_run
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import find_rotors
from hybridff.progress import Progress, silent
from hybridff.sampling.dynamics import DynamicsOptions, Visited, walk_of
from hybridff.units import BOLTZMANN

_WIDTH = 0.35
"""Width of the Gaussians that are added along a torsion [rad]."""
_EVERY = 0.025
"""Time between two Gaussians [ps]."""
_FACTOR = 20.0
"""Temperature at which torsions are sampled in the end, over that of the dynamics."""
_SHORTEST = 10.0
"""Length of a run [ps], at least: 400 Gaussians of kT, falling as the bias grows."""


def metadynamics(
    molecule: Molecule,
    calculator: BaseCalculator,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    options: DynamicsOptions,
    *,
    progress: Progress = silent,
) -> Visited:
    """Geometries of metadynamics on torsions about bonds that turn, two in each run; deterministic for a seed.

    Runs begin with the starts [nm] in turn and take 10 ps at least, in which geometries are equally far apart. None
    without bonds that turn. Raises as ``dynamics`` does.
    """
    groups = biased_torsions(molecule)
    if not groups:
        return Visited(starts[:0])
    counts = [wanted // len(groups) + (1 if row < wanted % len(groups) else 0) for row in range(len(groups))]
    found, broken = [], []
    for row, (group, count) in enumerate(zip(groups, counts, strict=True)):
        if not count:
            continue
        walk = walk_of(options, max(options.apart, _SHORTEST / count), options.seed + row)
        for own in _biased_run(molecule, calculator, starts[row % len(starts)], group, count, walk):
            if isinstance(own, BrokenRun):
                broken.append(own.reason)
            else:
                found.append(own)
            progress(min(1.0, len(found) / wanted))
    return Visited(np.array(found).reshape(-1, *starts.shape[1:]), tuple(broken))


def biased_torsions(molecule: Molecule) -> list[tuple[Torsion, ...]]:
    """Torsions that are biased together, two in each group but the last; only those that tell conformers apart."""
    rotors = distinguishing_rotors(molecule) or find_rotors(molecule)
    return [tuple(rotors[row : row + 2]) for row in range(0, len(rotors), 2)]


def _biased_run(
    molecule: Molecule,
    calculator: BaseCalculator,
    start: Float[np.ndarray, "atoms 3"],
    torsions: Sequence[Torsion],
    count: int,
    walk: Walk,
) -> Iterator[Float[np.ndarray, "atoms 3"] | BrokenRun]:
    """Geometries [nm] of one run with a bias that grows where its torsions have been."""
    system = system_of(calculator, molecule)
    every, height = max(1, round(_EVERY / walk.step)), BOLTZMANN * walk.temperature
    variables = [app.BiasVariable(_angle(own), -pi, pi, _WIDTH, periodic=True) for own in torsions]
    bias = app.Metadynamics(system, variables, walk.temperature, _FACTOR, height, every)
    integrator = langevin(walk.temperature, walk.friction, walk.step, walk.seed)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(molecule.to_openmm_topology(), system, integrator, platform)
    yield from one_run(simulation.context, start, count, walk, lambda steps: bias.step(simulation, steps))


def _angle(torsion: Torsion) -> openmm.CustomTorsionForce:
    """A force whose energy is the angle of a torsion [rad]."""
    found = openmm.CustomTorsionForce("theta")
    found.addTorsion(*torsion)
    return found
