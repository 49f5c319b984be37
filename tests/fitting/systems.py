"""Linear systems of synthetic data, and what their posterior is by other means."""

import numpy as np
from synthetic import dense

from hybridff.fitting.estimate import Estimate
from hybridff.fitting.linear_problem import LinearSystem
from hybridff.fitting.options import FitOptions
from hybridff.fitting.pruning import pruned_system
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField


def system_of(start: ForceField, frames: Frames) -> LinearSystem:
    """The whole system of one molecule, with the conformers that its frames do not show."""
    return pruned_system([(start, frames)], FitOptions())


def least_squares(system: LinearSystem, found: Estimate) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and right-hand side whose least squares are minus the logarithm of the posterior, row by row."""
    ((model, frames),) = system.problem.pairs
    energies, forces, energy_left, force_left = dense(model, frames)
    noise, restraints, conformers = found.hyperparameters.noise, system.restraints, found.conformers
    blocks = [
        (forces / noise.force, force_left / noise.force),
        ((energies - energies.mean(0)) / noise.energy, (energy_left - energy_left.mean()) / noise.energy),
        (restraints.weights.toarray(), restraints.targets),
        (conformers.rows.T, conformers.targets),
        (np.diag(np.sqrt(found.hyperparameters.precision)), np.zeros(len(found.moves))),
    ]
    matrices, sides = zip(*blocks, strict=True)
    return np.concatenate(matrices), np.concatenate(sides)


def objective(system: LinearSystem, found: Estimate, moves: np.ndarray) -> float:
    """Minus the logarithm of the posterior at some moves, up to a constant."""
    squares, noise, restraints = system.data.squares(moves), found.hyperparameters.noise, system.restraints
    return 0.5 * (
        squares.force / noise.force**2
        + squares.energy / noise.energy**2
        + float(((restraints.weights @ moves - restraints.targets) ** 2).sum())
        + found.conformers.square(moves)
        + float((found.hyperparameters.precision * moves**2).sum())
    )
