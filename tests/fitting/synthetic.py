"""Data that a force field makes itself, and forms whose coefficients are free of bounds."""

from dataclasses import replace
from functools import cache

import numpy as np
from models import class_one_of, distorted, molecule

from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField

OFFSET = -4e5
"""Of the reference energies [kJ/mol]: that of a small molecule's total energy."""


def data(
    model: ForceField, n: int, *, width: float = 0.01, seed: int = 0, energy: float = 0.0, force: float = 0.0
) -> Frames:
    """Frames labelled by a force field, with Gaussian noise [kJ/mol, kJ/mol/nm]."""
    x = distorted(model.molecule.name, n, width, seed)
    energies, forces = predict(model, x)
    random = np.random.default_rng(seed + 1)
    energies = energies + OFFSET + random.normal(0, energy, energies.shape)
    return Frames(model.molecule.numbers, x, energies, forces + random.normal(0, force, forces.shape))


@cache
def class2(name: str) -> ForceField:
    """The class II form with means over the geometries of ``data``."""
    return ForceField.build(molecule(name), class_one_of(name), form="class2", geometries=distorted(name, 60))


def moved(model: ForceField, size: float, seed: int = 0) -> ForceField:
    """Coefficients drawn from priors of ``size`` times their width, put back within bounds."""
    p = model.parameter_table
    values = p.values + size * np.random.default_rng(seed).normal(size=len(p)) * p.prior_widths
    return model.with_values(np.clip(values, *p.bounds))


def unbounded(model: ForceField) -> ForceField:
    """The same form without bounds."""
    p = model.parameter_table
    kinds = {name: replace(kind, lower=-np.inf, upper=np.inf) for name, kind in p.kinds.items()}
    return ForceField(model.molecule, model.table, replace(p, kinds=kinds), model.nonbonded, model.origin)


def dense(model: ForceField, frames: Frames) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Columns of energies and of forces in moves, and what is left at the start of both, by torch's own gradients."""
    assert frames.forces is not None
    p = model.parameter_table
    energy_start, force_start = predict(model, frames.positions)
    fixed = np.where(p.adjustable, 0.0, p.values)
    energy_fixed, force_fixed = predict(model.with_values(fixed), frames.positions)
    energies, forces = [], []
    for i in np.flatnonzero(p.adjustable):
        values = fixed.copy()
        values[i] = p.prior_widths[i]
        energy, force = predict(model.with_values(values), frames.positions)
        energies.append(energy - energy_fixed)
        forces.append((force - force_fixed).ravel())
    residuals = frames.energies - energy_start
    return np.array(energies).T, np.array(forces).T, residuals, (frames.forces - force_start).ravel()
