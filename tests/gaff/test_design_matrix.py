from dataclasses import replace

import numpy as np
import pytest
import torch
from models import distorted, force_field
from tables import ATOMS, TRIAL, by_torch, frames, table

from hybridff.gaff.design import linear_form
from hybridff.gaff.design_matrix import Columns, DesignMatrix, columns, fill_upper
from hybridff.gaff.energy import TermEnergy
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import FeatureRows, TermTable
from hybridff.geometry import COORDINATES

PRODUCTS = (
    (("harmonic_bond", 0),),
    (("wagging", 1), ("second_angle", 0)),
    (("fourier", 0), ("coulomb", 1), ("angle_value", 1)),
    (("bent_torsion", 1),),
    (("bond_length", 0), ("bond_length", 0), ("tilt", 0)),
)
OWN = [1, 3, 1, 0, 3]
"""The column of each product; column 2 has none."""


def in_columns(multipliers: list[float] | None = None) -> tuple[TermTable, Parameters]:
    terms, parameters = table(*PRODUCTS, multipliers=multipliers)
    return replace(terms, coefficients=np.array(OWN)), parameters


def term_by_term(
    terms: TermTable, parameters: Parameters, x: np.ndarray, own: list[int], n_columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces per unit of coefficient, by torch, added to the columns one after the other."""
    ones = parameters.with_values(np.append(parameters.values, 1.0))
    ones = replace(ones, quantities=("torsion k",) * len(ones), labels=tuple(map(str, range(len(ones)))))
    terms = replace(terms, coefficients=np.full(len(own), len(parameters)))
    positions = torch.tensor(x, requires_grad=True)
    energies = TermEnergy(terms, ones).term_energies(positions)
    energy, force = np.zeros((n_columns, len(x))), np.zeros((n_columns, *x.shape))
    for i, column in enumerate(own):
        (gradient,) = torch.autograd.grad(energies[:, i].sum(), positions, retain_graph=True)
        energy[column] += energies[:, i].detach().numpy()
        force[column] -= gradient.numpy()
    return energy, force.reshape(n_columns, len(x), -1)


def assert_same(actual: Columns, energy: np.ndarray, force: np.ndarray) -> None:
    """Both are double precision, with sums in another order."""
    np.testing.assert_allclose(actual.energy, energy, rtol=1e-12, atol=1e-12 * np.abs(energy).max())
    np.testing.assert_allclose(actual.force, force, atol=1e-12 * np.abs(force).max())


@pytest.mark.parametrize("multipliers", [None, [-1.0] * 5, [1, -1, 0.5, -2, -1]], ids=["one", "minus one", "several"])
def test_columns_are_the_terms_that_point_to_them(multipliers: list[float] | None) -> None:
    terms, parameters = in_columns(multipliers)
    actual = columns(terms, 4, parameters.values, frames())
    assert_same(actual, *term_by_term(terms, parameters, frames(), OWN, 4))
    assert not actual.energy[2].any()
    assert not actual.force[2].any()
    assert actual.energy[[0, 1, 3]].all()


@pytest.mark.parametrize("name", TRIAL)
def test_every_feature_is_a_column(name: str) -> None:
    terms, parameters = table(((name, 0),), ((name, 1),), ((name, 0), (name, 1)))
    own = [0, 1, 1]
    actual = columns(replace(terms, coefficients=np.array(own)), 2, parameters.values, frames())
    assert_same(actual, *term_by_term(terms, parameters, frames(), own, 2))


def test_a_multiplier_of_minus_one_changes_the_sign() -> None:
    terms, parameters = in_columns()
    plain = columns(terms, 4, parameters.values, frames())
    minus = columns(replace(terms, multipliers=-terms.multipliers), 4, parameters.values, frames())
    np.testing.assert_array_equal(minus.energy, -plain.energy)
    np.testing.assert_array_equal(minus.force, -plain.force)


def test_padding_may_stand_anywhere_in_a_product() -> None:
    terms, parameters = in_columns()
    turned = columns(replace(terms, products=terms.products[:, ::-1].copy()), 4, parameters.values, frames())
    plain = columns(terms, 4, parameters.values, frames())
    assert (terms.products == -1).any()
    assert_same(turned, plain.energy, plain.force)


def test_forces_are_differences_of_the_energy() -> None:
    terms, parameters = in_columns()
    step = 1e-6
    moves = step * np.eye(15).reshape(15, 5, 3)
    up, down = (columns(terms, 4, parameters.values, frames(1) + sign * moves).energy for sign in (1, -1))
    force = columns(terms, 4, parameters.values, frames(1)).force[:, 0]
    # Central differences at 1e-6 nm: third derivatives of some 1e4 leave 1e-8, rounding 1e-9.
    np.testing.assert_allclose((down - up) / (2 * step), force, atol=1e-6 * np.abs(force).max())


def test_the_weighted_columns_are_the_energy() -> None:
    terms, parameters = table(*PRODUCTS, multipliers=[1, -1, -1, 1, -1])
    parts = columns(replace(terms, coefficients=np.arange(5)), 5, parameters.values, frames())
    weights = parameters.values[terms.coefficients]
    energy, forces = by_torch(terms, parameters, frames())
    np.testing.assert_allclose(weights @ parts.energy, energy, rtol=1e-12)
    actual = np.tensordot(weights, parts.force, 1).reshape(forces.shape)
    np.testing.assert_allclose(actual, forces, atol=1e-12 * np.abs(forces).max())


def test_the_columns_of_each_frame_are_its_own() -> None:
    model = force_field("acetaldehyde")
    values, x = model.parameter_table.values, distorted("acetaldehyde", 5)
    form = linear_form(model.table, values, np.flatnonzero(model.parameter_table.adjustable).tolist())
    together = columns(form.table, len(form.weights) + 1, values, x)
    largest = np.abs(together.force).max(axis=(1, 2))[:, None] + 1e-300
    for frame in range(5):
        alone = columns(form.table, len(form.weights) + 1, values, x[frame : frame + 1])
        np.testing.assert_allclose(alone.energy[:, 0], together.energy[:, frame], rtol=1e-13)
        np.testing.assert_allclose(alone.force[:, 0] / largest, together.force[:, frame] / largest, atol=1e-13)


@pytest.mark.parametrize("order", [1, 3])
def test_a_table_without_terms_leaves_the_columns_empty(order: int) -> None:
    none = np.empty(0, dtype=int)
    coordinates = {kind: np.empty((0, coordinate.n_atoms), dtype=int) for kind, coordinate in COORDINATES.items()}
    rows = tuple(FeatureRows(feature, none, dict.fromkeys(feature.parameters, none)) for feature in TRIAL.values())
    for features in ((), rows):
        empty = TermTable(coordinates, features, np.empty((0, order), dtype=int), np.empty(0), none, ())
        parts = columns(empty, 1, np.empty(0), frames())
        np.testing.assert_array_equal(parts.energy, np.zeros((1, 4)))
        np.testing.assert_array_equal(parts.force, np.zeros((1, 4, 15)))


def acetaldehyde(n_frames: int) -> tuple[DesignMatrix, np.ndarray]:
    model = force_field("acetaldehyde")
    adjustable = np.flatnonzero(model.parameter_table.adjustable).tolist()
    form = linear_form(model.table, model.parameter_table.values, adjustable)
    design = DesignMatrix.of(form.table, len(form.weights) + 1, model.parameter_table.values)
    return design, distorted("acetaldehyde", n_frames)


def test_forces_are_kept_for_the_atoms_alone_that_they_act_on() -> None:
    design, x = acetaldehyde(3)
    found = design.at(x)
    acts = np.zeros((design.n_columns, x.shape[1]), dtype=bool)
    for atom in range(x.shape[1]):
        acts[design.places.columns[design.places.of_atom(atom)], atom] = True
    assert len(design.places.columns) == acts.sum() < 0.7 * acts.size
    assert not found.force.reshape(design.n_columns, 3, -1, 3)[~np.repeat(acts[:, None], 3, 1)].any()


def test_products_of_forces_atom_by_atom_are_those_of_all_components() -> None:
    design, x = acetaldehyde(4)
    found, n = design.at(x), design.n_columns
    dense, forces = found.force.reshape(n, -1), np.random.default_rng(0).normal(size=x.shape)
    matrix, vector = np.zeros((n, n)), np.zeros(n)
    for part in (slice(0, 1), slice(1, 4)):
        design.at(x[part]).add_force_products(forces[part], matrix, vector)
    fill_upper(matrix)
    squares = (dense**2).sum(1)
    lengths = np.where(squares > 0, np.sqrt(squares), 1.0)
    # Sums of the same products in another order, in units of the lengths of the columns.
    scaled, expected = (products / np.outer(lengths, lengths) for products in (matrix, dense @ dense.T))
    np.testing.assert_allclose(scaled, expected, atol=1e-14)
    np.testing.assert_allclose(vector / lengths, dense @ forces.ravel() / lengths, atol=1e-13)
    np.testing.assert_allclose(found.force_squares(), squares, rtol=1e-12)


def test_forces_of_sums_of_columns_are_the_sums_of_their_forces() -> None:
    design, x = acetaldehyde(4)
    found, weights = design.at(x), np.random.default_rng(0).normal(size=(3, design.n_columns))
    expected = np.tensordot(weights, found.force, 1)
    np.testing.assert_allclose(found.combined_forces(weights), expected, atol=1e-12 * np.abs(expected).max())


def test_atoms_without_coordinates_have_no_places() -> None:
    terms, parameters = in_columns()
    x = np.concatenate([frames(), frames() + 1.0], 1)
    found = columns(terms, 4, parameters.values, x)
    assert found.force.shape == (4, 4, 30)
    np.testing.assert_array_equal(found.force[..., 15:], 0.0)
    np.testing.assert_array_equal(found.force[..., :15], columns(terms, 4, parameters.values, frames()).force)


def test_a_lower_triangle_is_mirrored() -> None:
    matrix = np.random.default_rng(0).normal(size=(150, 150))
    expected = np.tril(matrix) + np.tril(matrix, -1).T
    fill_upper(matrix)
    np.testing.assert_array_equal(matrix, expected)


def test_no_frames_give_columns_without_frames() -> None:
    terms, parameters = in_columns()
    parts = columns(terms, 4, parameters.values, frames(0))
    assert parts.energy.shape == (4, 0)
    assert parts.force.shape == (4, 0, 15)


def test_the_coordinates_of_these_tests_are_of_every_kind() -> None:
    assert set(ATOMS) == set(COORDINATES)
    used = {(feature.coordinate, name) for feature in TRIAL.values() for name in feature.variables}
    assert used == {(kind, name) for kind, coordinate in COORDINATES.items() for name in coordinate.variables}
