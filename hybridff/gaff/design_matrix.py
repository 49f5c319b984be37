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
    """Energies that each weight multiplies [kJ/mol per unit of weight]."""
    force: Float[np.ndarray, "columns frames components"]
    """Forces that each weight multiplies [kJ/mol/nm per unit of weight]."""


def columns(
    table: TermTable,
    n_columns: int,
    values: Float[np.ndarray, " parameters"],
    positions: Float[np.ndarray, "frames atoms 3"],
) -> Columns:
    """All columns of a table whose ``coefficients`` are column numbers; ``values`` serves parameters of features."""
    n_frames, n_atoms, _ = positions.shape
    features = _features(table, values, torch.as_tensor(positions))
    energy = np.zeros((n_columns, n_frames))
    force = np.zeros((n_columns, n_frames, n_atoms, 3))
    _accumulate((table.products, table.coefficients, table.multipliers), features, energy, force)
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
def _accumulate(terms, features, energy, force):
    """Add every term to its column of energies and forces, in place."""
    products, coefficients, multipliers = terms
    value, gradient, atoms = features
    product = np.empty(value.shape[1])
    for term in range(len(products)):
        column = coefficients[term]
        _multiply(products[term], -1, multipliers[term], value, product)
        energy[column] += product
        for i in range(products.shape[1]):
            row = products[term, i]
            if row >= 0:
                _multiply(products[term], i, multipliers[term], value, product)
                _push(product, gradient[row], atoms[row], force[column])


@njit(cache=True)
@no_type_check
def _multiply(rows, left_out, multiplier, value, product):
    """Write the product of all features of a term but one."""
    product[:] = multiplier
    for i in range(len(rows)):
        if i != left_out and rows[i] >= 0:
            product *= value[rows[i]]


@njit(cache=True)
@no_type_check
def _push(product, gradient, atoms, force):
    """Subtract a product times the gradient of a feature from the forces on its atoms."""
    for place in range(len(atoms)):
        if atoms[place] >= 0:
            for frame in range(len(product)):
                for axis in range(3):
                    force[frame, atoms[place], axis] -= product[frame] * gradient[frame, place, axis]
