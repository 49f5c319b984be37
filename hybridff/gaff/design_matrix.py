"""Columns of a linear form on frames: the energy and forces that each weight multiplies.

The force of a column acts on few of the atoms: on 4 of aspirin's 21. It is kept for these *places* alone, a column on
an atom each, in the order of the atoms, so that products of columns are sums over atoms of small dense products.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from numba import njit, prange
from scipy.linalg import blas

from hybridff.gaff.terms import TermTable
from hybridff.geometry import COORDINATES

_MOST_ATOMS = max(kind.n_atoms for kind in COORDINATES.values())


@dataclass(frozen=True, eq=False)
class Places:
    """The atoms that the force of each column acts on: a place for each, those of the first atom first."""

    columns: Int[np.ndarray, " places"]
    """Column of each place, in ascending order for each atom."""
    first: Int[np.ndarray, " atoms_and_end"]
    """First place of each atom, and the number of all."""

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the molecule."""
        return len(self.first) - 1

    def of_atom(self, atom: int) -> slice:
        """The places of an atom."""
        return slice(int(self.first[atom]), int(self.first[atom + 1]))


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of some frames."""

    energy: Float[np.ndarray, "columns frames"]
    """Energies that each weight multiplies [kJ/mol per unit of weight]."""
    places: Places
    """Where the forces act."""
    forces: Float[np.ndarray, "places 3 frames"]
    """Force of a column on an atom that each weight multiplies [kJ/mol/nm per unit of weight]."""

    @property
    def force(self) -> Float[np.ndarray, "columns frames components"]:
        """Forces on all atoms, most of them zero [kJ/mol/nm per unit of weight]."""
        n_columns, n_frames = self.energy.shape
        found = np.zeros((n_columns, n_frames, self.places.n_atoms, 3))
        for atom in range(self.places.n_atoms):
            own = self.places.of_atom(atom)
            found[self.places.columns[own], :, atom] = self.forces[own].transpose(0, 2, 1)
        return found.reshape(n_columns, n_frames, 3 * self.places.n_atoms)

    def force_squares(self) -> Float[np.ndarray, " columns"]:
        """Sum of the squared forces of each column [(kJ/mol/nm per unit of weight)²]."""
        squares = np.einsum("paf,paf->p", self.forces, self.forces)
        return np.bincount(self.places.columns, squares, len(self.energy))

    def combined_forces(
        self, weights: Float[np.ndarray, "rows columns"]
    ) -> Float[np.ndarray, "rows frames components"]:
        """Forces of several sums of columns [kJ/mol/nm], in the precision of the weights.

        Fastest with the weights of each column side by side in memory.
        """
        n_frames = self.energy.shape[1]
        found = np.empty((len(weights), n_frames, self.places.n_atoms, 3), dtype=weights.dtype)
        for atom in range(self.places.n_atoms):
            own = self.places.of_atom(atom)
            forces = self.forces[own].reshape(own.stop - own.start, 3 * n_frames).astype(weights.dtype, copy=False)
            some = weights.T[self.places.columns[own]].T @ forces
            found[:, :, atom] = some.reshape(len(weights), 3, n_frames).transpose(0, 2, 1)
        return found.reshape(len(weights), n_frames, 3 * self.places.n_atoms)

    def force_sums(self, weights: Float[np.ndarray, "frames atoms 3 sums"]) -> Float[np.ndarray, "columns sums"]:
        """Sums over frames, atoms and axes of the forces of each column times some weights [kJ/mol/nm]."""
        found = np.zeros((len(self.energy), weights.shape[-1]))
        for atom in range(self.places.n_atoms):
            own = self.places.of_atom(atom)
            factors = weights[:, atom].transpose(1, 0, 2).reshape(-1, weights.shape[-1])
            found[self.places.columns[own]] += self.forces[own].reshape(own.stop - own.start, len(factors)) @ factors
        return found

    def add_force_products(
        self,
        forces: Float[np.ndarray, "frames atoms 3"],
        matrix: Float[np.ndarray, "columns columns"],
        vector: Float[np.ndarray, " columns"],
    ) -> None:
        """Add the products of the columns' forces with each other to the lower triangle of ``matrix``, those with some
        ``forces`` [kJ/mol/nm] to ``vector``.
        """
        for atom in range(self.places.n_atoms):
            own = self.places.of_atom(atom)
            columns = self.places.columns[own]
            rows = self.forces[own].reshape(len(columns), 3 * len(forces))
            if rows.size:
                _add_lower(blas.dsyrk(1.0, rows.T, trans=1).T, columns, matrix)
                vector[columns] += rows @ np.ascontiguousarray(forces[:, atom].T).ravel()


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """The columns of a term table as functions of positions."""

    table: TermTable
    """The terms; their ``coefficients`` are numbers of columns."""
    values: Float[np.ndarray, " parameters"]
    """Serves the parameters of features."""
    places: Places
    """Where the forces act."""
    first: Int[np.ndarray, " columns_and_end"]
    """First term of each column in the order of ``products``, and the number of all."""
    products: Int[np.ndarray, "terms order"]
    """Rows of features of each term, as in the table, column by column."""
    multipliers: Float[np.ndarray, " terms"]
    """Fixed factor of each term."""
    targets: Int[np.ndarray, "terms order most"]
    """Place of each atom of each feature of each term; -1 pads."""

    @classmethod
    def of(cls, table: TermTable, n_columns: int, values: Float[np.ndarray, " parameters"]) -> "DesignMatrix":
        """The columns of a table whose ``coefficients`` are column numbers."""
        order = np.argsort(table.coefficients, kind="stable")
        column, products = table.coefficients[order], table.products[order]
        first = np.searchsorted(column, np.arange(n_columns + 1))
        atoms = np.where(products[..., None] >= 0, _atoms(table)[products], -1)
        n_atoms = max((int(own.max(initial=-1)) for own in table.coordinates.values()), default=-1) + 1
        keys = atoms * n_columns + column[:, None, None]
        known, places = np.unique(keys[atoms >= 0], return_inverse=True)
        targets = np.full(atoms.shape, -1)
        targets[atoms >= 0] = places
        starts = np.searchsorted(known, n_columns * np.arange(n_atoms + 1))
        where = Places(known % n_columns, starts)
        return cls(table, values, where, first, products, table.multipliers[order], targets)

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.first) - 1

    def at(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Columns:
        """All columns at some positions [nm]."""
        n_frames, n_atoms, _ = positions.shape
        value, gradient = _features(self.table, self.values, torch.as_tensor(positions))
        energy = np.zeros((self.n_columns, n_frames))
        forces = np.zeros((len(self.places.columns), 3, n_frames))
        _accumulate((self.first, self.products, self.multipliers, self.targets), (value, gradient), energy, forces)
        missing = np.full(n_atoms - self.places.n_atoms, self.places.first[-1])
        return Columns(energy, Places(self.places.columns, np.append(self.places.first, missing)), forces)

    def frames_of(self, n_bytes: int) -> int:
        """Number of frames whose columns take about so much memory, at least one."""
        numbers = 3 * len(self.places.columns) + self.n_columns + (3 * _MOST_ATOMS + 1) * self.table.n_features
        return max(1, n_bytes // (8 * numbers))


def columns(
    table: TermTable,
    n_columns: int,
    values: Float[np.ndarray, " parameters"],
    positions: Float[np.ndarray, "frames atoms 3"],
) -> Columns:
    """All columns of a table whose ``coefficients`` are column numbers; ``values`` serves parameters of features."""
    return DesignMatrix.of(table, n_columns, values).at(positions)


def fill_upper(matrix: Float[np.ndarray, "n n"]) -> None:
    """Make a matrix symmetric whose lower triangle is filled, in place."""
    _mirror(matrix)


def _atoms(table: TermTable) -> Int[np.ndarray, "features most"]:
    """Atoms of every feature row; -1 pads."""
    parts = [np.full((0, _MOST_ATOMS), -1)]
    for rows in table.features:
        own = table.coordinates[rows.feature.coordinate][rows.coordinate]
        parts.append(np.pad(own, ((0, 0), (0, _MOST_ATOMS - own.shape[1])), constant_values=-1))
    return np.concatenate([*parts, np.full((1, _MOST_ATOMS), -1)])  # the last one is that of no feature


def _features(
    table: TermTable, values: np.ndarray, positions: torch.Tensor
) -> tuple[Float[np.ndarray, "features frames"], Float[np.ndarray, "features most 3 frames"]]:
    """Every feature row, and its gradient with respect to its atoms."""
    n_frames = len(positions)
    value = np.empty((table.n_features, n_frames))
    gradient = np.empty((table.n_features, _MOST_ATOMS, 3, n_frames))
    first = 0
    for rows in table.features:
        kind, own = COORDINATES[rows.feature.coordinate], slice(first, first + len(rows))
        atoms = torch.as_tensor(table.coordinates[rows.feature.coordinate][rows.coordinate])
        x = positions[:, atoms].transpose(0, 1).contiguous().requires_grad_()
        variables = {name: kind.variables[name].of(x) for name in rows.feature.variables}
        parameters = {name: torch.as_tensor(values[index])[:, None] for name, index in rows.parameters.items()}
        feature = rows.feature.evaluate(variables, parameters)
        (slope,) = torch.autograd.grad(feature.sum(), x)
        value[own], gradient[own, : kind.n_atoms] = feature.detach().numpy(), slope.permute(0, 2, 3, 1).numpy()
        first += len(rows)
    return value, gradient


@njit(cache=True, parallel=True)
@no_type_check
def _accumulate(terms, features, energy, forces):
    """Add every term to its column of energies and forces, in place; each column by one thread."""
    first, products, multipliers, targets = terms
    value, gradient = features
    for column in prange(len(first) - 1):
        product = np.empty(value.shape[1])
        for term in range(first[column], first[column + 1]):
            _multiply(products[term], -1, multipliers[term], value, product)
            energy[column] += product
            for i in range(products.shape[1]):
                row = products[term, i]
                if row >= 0:
                    _multiply(products[term], i, multipliers[term], value, product)
                    _push(product, gradient[row], targets[term, i], forces)


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
def _push(product, gradient, targets, forces):
    """Subtract a product times the gradient of a feature from the forces at its places."""
    for i in range(len(targets)):
        if targets[i] >= 0:
            for axis in range(3):
                slope, force = gradient[i, axis], forces[targets[i], axis]
                for frame in range(len(product)):
                    force[frame] -= product[frame] * slope[frame]


@njit(cache=True, parallel=True)
@no_type_check
def _add_lower(products, columns, matrix):
    """Add the lower triangle of the products of some columns, given in ascending order, to that of all."""
    for i in prange(len(columns)):
        row = matrix[columns[i]]
        for j in range(i + 1):
            row[columns[j]] += products[i, j]


@njit(cache=True, parallel=True)
@no_type_check
def _mirror(matrix):
    """Copy the lower triangle to the upper one, in tiles that stay in the processor's cache."""
    size = 64
    for tile in prange(-(-len(matrix) // size)):
        start, end = tile * size, min((tile + 1) * size, len(matrix))
        for left in range(0, end, size):
            for i in range(start, end):
                for j in range(left, min(left + size, i)):
                    matrix[j, i] = matrix[i, j]
