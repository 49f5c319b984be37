"""Columns of a linear form on frames: the energy and forces that each weight multiplies."""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit

from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES

_MOST_ATOMS = max(kind.n_atoms for kind in COORDINATES.values())


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of some frames."""

    energy: Float[np.ndarray, "columns frames"]
    """[kJ/mol per unit of weight]"""
    force: Float[np.ndarray, "columns frames components"]
    """[kJ/mol/nm per unit of weight]"""


def columns(
    table: TermTable,
    n_columns: int,
    values: Float[np.ndarray, " parameters"],
    positions: Float[np.ndarray, "frames atoms 3"],
) -> Columns:
    """All columns of a table whose ``coefficients`` are column numbers; ``values`` serves parameters of features."""
    n_frames, n_atoms, _ = positions.shape
    value, gradient, atoms = _features(table, values, torch.as_tensor(positions))
    energy = np.zeros((n_columns, n_frames))
    force = np.zeros((n_columns, n_frames, n_atoms, 3))
    _accumulate(table.products, table.coefficients, table.multipliers, value, gradient, atoms, energy, force)
    return Columns(energy, force.reshape(n_columns, n_frames, 3 * n_atoms))


def _features(
    table: TermTable, values: np.ndarray, positions: torch.Tensor
) -> tuple[
    Float[np.ndarray, "features frames"], Float[np.ndarray, "features frames most 3"], Int[np.ndarray, "features most"]
]:
    """Every feature row, its gradient with respect to its atoms, and these atoms (-1 pads)."""
    n_frames = len(positions)
    value = np.empty((table.n_features, n_frames))
    gradient = np.zeros((table.n_features, n_frames, _MOST_ATOMS, 3))
    atoms = np.full((table.n_features, _MOST_ATOMS), -1)
    first = 0
    for rows in table.features:
        kind, own = COORDINATES[rows.feature.coordinate], slice(first, first + len(rows))
        atoms[own, : kind.n_atoms] = table.coordinates[rows.feature.coordinate][rows.coordinate]
        x = positions[:, torch.as_tensor(atoms[own, : kind.n_atoms])].transpose(0, 1).contiguous().requires_grad_()
        variables = {name: kind.variables[name].of(x) for name in rows.feature.variables}
        parameters = {name: torch.as_tensor(values[index])[:, None] for name, index in rows.parameters.items()}
        feature = rows.feature.evaluate(variables, parameters)
        (slope,) = torch.autograd.grad(feature.sum(), x)
        value[own], gradient[own, :, : kind.n_atoms] = feature.detach().numpy(), slope.numpy()
        first += len(rows)
    return value, gradient, atoms


@njit(cache=True)
@no_type_check
def _accumulate(products, coefficients, multipliers, value, gradient, atoms, energy, force):
    """Add every term to its column of energies and forces, in place."""
    order, n_frames = products.shape[1], value.shape[1]
    product = np.empty(n_frames)
    for term in range(len(products)):
        column, multiplier = coefficients[term], multipliers[term]
        product[:] = multiplier
        for i in range(order):
            if products[term, i] >= 0:
                product *= value[products[term, i]]
        energy[column] += product
        for i in range(order):
            row = products[term, i]
            if row < 0:
                continue
            product[:] = multiplier
            for j in range(order):
                if j != i and products[term, j] >= 0:
                    product *= value[products[term, j]]
            for place in range(atoms.shape[1]):
                atom = atoms[row, place]
                if atom < 0:
                    continue
                for frame in range(n_frames):
                    for axis in range(3):
                        force[column, frame, atom, axis] -= product[frame] * gradient[row, frame, place, axis]
