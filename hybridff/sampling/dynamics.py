"""Geometries of Langevin dynamics by any method, from several starts."""

from dataclasses import dataclass

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.trajectories import system_of
from hybridff.export.hot_geometries import BrokenRun, Walk, walked
from hybridff.molecules.molecule import Molecule
from hybridff.progress import Progress, silent

FRICTION = 5.0
"""Friction [1/ps]: a molecule is as hot as asked after some 0.5 ps."""
_FEWEST = 4
"""Geometries of a run, where as many are wanted: each run has its warm-up."""


@dataclass(frozen=True, kw_only=True)
class DynamicsOptions:
    """How dynamics go."""

    temperature: float
    """Temperature [K]."""
    step: float = 0.001
    """Time step [ps]."""
    apart: float = 0.2
    """Time from one geometry to the next [ps]."""
    warm: float = 0.5
    """Time before the first geometry of a run [ps]."""
    seed: int = 0
    """Seed of velocities and random forces."""


@dataclass(frozen=True, eq=False)
class Visited:
    """What dynamics came to."""

    positions: Float[np.ndarray, "geometries atoms 3"]
    """Geometries [nm], run by run."""
    broken: tuple[str, ...] = ()
    """Why runs ended early, a sentence's half for each."""


def dynamics(
    molecule: Molecule,
    calculator: BaseCalculator,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    options: DynamicsOptions,
    *,
    progress: Progress = silent,
) -> Visited:
    """Geometries of dynamics, spread evenly over runs from the starts [nm]; deterministic for a seed.

    The runs begin with different starts, all of them where as many geometries are wanted, and are so long that at least
    four geometries come from each. By OpenMM's LangevinMiddleIntegrator, which calls other programs than force fields
    in every step.
    """
    runs = min(len(starts), max(1, wanted // _FEWEST))
    counts = [wanted // runs + (1 if run < wanted % runs else 0) for run in range(runs)]
    chosen = np.linspace(0, len(starts) - 1, runs).astype(int)
    walk = walk_of(options, options.apart, options.seed)
    found, broken = [], []
    for own in walked(system_of(calculator, molecule), starts[chosen], counts, walk):
        if isinstance(own, BrokenRun):
            broken.append(own.reason)
        else:
            found.append(own)
        progress(min(1.0, len(found) / wanted))
    return Visited(np.array(found).reshape(-1, *starts.shape[1:]), tuple(broken))


def walk_of(options: DynamicsOptions, apart: float, seed: int) -> Walk:
    """Runs of such dynamics whose geometries are so far apart [ps]."""
    return Walk(
        temperature=options.temperature,
        apart=max(1, round(apart / options.step)),
        warm=round(options.warm / options.step),
        friction=FRICTION,
        step=options.step,
        seed=seed,
    )
