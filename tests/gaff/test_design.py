import numpy as np
import pytest
import torch
from models import EXAMPLES, distorted, force_field, perturbed
from tables import TRIAL, assert_routes_agree, by_torch, frames, table

from hybridff.errors import FitError
from hybridff.gaff.design import linear_form
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import TermTable


def fitted(parameters: Parameters) -> list[int]:
    return np.flatnonzero(parameters.adjustable).tolist()


def predicted(
    terms: TermTable, start: np.ndarray, values: np.ndarray, free: list[int], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Energies and forces as columns times weights."""
    form = linear_form(terms, start, free)
    parts = columns(form.table, len(form.weights) + 1, start, x)
    weights, _ = form.evaluate(values)
    forces = np.tensordot(weights, parts.force, 1).reshape(x.shape)
    return weights @ parts.energy, forces


@pytest.mark.parametrize("share", ["symmetry", "types"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_columns_times_weights_are_energies_and_forces(name: str, share: str) -> None:
    start = force_field(name, share="types" if share == "types" else "symmetry", fourier=3)
    model = perturbed(start, 0.5)
    x = distorted(name, 4)
    first, values = start.parameter_table.values, model.parameter_table.values
    energy, forces = predicted(model.table, first, values, fitted(start.parameter_table), x)
    expected, expected_forces = (part.numpy() for part in model.energy_forces(torch.tensor(x)))
    # 0.5 k r² - k r0 r cancels to a thousandth of itself in a bond.
    np.testing.assert_allclose(energy - energy[0], expected - expected[0], rtol=0, atol=1e-9 * np.ptp(expected))
    np.testing.assert_allclose(forces, expected_forces, rtol=0, atol=1e-10 * np.abs(expected_forces).max())


def test_fitting_nothing_leaves_one_column_with_everything() -> None:
    model = force_field("ethanol")
    x = distorted("ethanol", 3)
    form = linear_form(model.table, model.parameter_table.values, [])
    parts = columns(form.table, len(form.weights) + 1, model.parameter_table.values, x)
    energy, forces = (part.numpy() for part in model.energy_forces(torch.tensor(x)))
    assert parts.energy.shape == (1, 3)
    np.testing.assert_allclose(parts.energy[0], energy, rtol=1e-12)
    np.testing.assert_allclose(parts.force[0].reshape(x.shape), forces, atol=1e-11 * np.abs(forces).max())


@pytest.mark.parametrize("quantity", ["bond r0", "bond k", "angle theta0", "torsion k", "pair epsilon"])
def test_fitting_one_kind_of_parameter_keeps_the_rest(quantity: str) -> None:
    model = force_field("ethanol")
    parameters, x = model.parameter_table, distorted("ethanol", 3)
    free = [i for i, what in enumerate(parameters.quantities) if what == quantity]
    values = parameters.values.copy()
    values[free] *= 1.07
    energy, forces = predicted(model.table, parameters.values, values, free, x)
    changed = model.with_values(values)
    expected, expected_forces = (part.numpy() for part in changed.energy_forces(torch.tensor(x)))
    np.testing.assert_allclose(energy - energy[0], expected - expected[0], rtol=0, atol=1e-9 * np.ptp(expected))
    np.testing.assert_allclose(forces, expected_forces, rtol=0, atol=1e-10 * np.abs(expected_forces).max())


def test_parameters_that_are_shared_share_their_columns() -> None:
    model = force_field("ethanol")
    form = linear_form(model.table, model.parameter_table.values, fitted(model.parameter_table))
    single = ("bond", "angle")
    n_harmonic = sum(what in ("bond k", "angle k") for what in model.parameter_table.quantities)
    others = ("torsion k", "pair repulsion", "pair epsilon", "pair charge product", "bare pair charge product")
    n_others = sum(what in others for what in model.parameter_table.quantities)
    assert set(single) <= set(model.table.groups)
    assert len(form.weights) == 2 * n_harmonic + n_others


def test_derivatives_of_weights_match_finite_differences() -> None:
    model = perturbed(force_field("ethanol"), 0.3)
    values = model.parameter_table.values
    form = linear_form(model.table, values, fitted(model.parameter_table))
    _, slopes = form.evaluate(values)
    for i in fitted(model.parameter_table):
        step = np.zeros(len(values))
        step[i] = 1e-4 * abs(values[i])
        up, down = form.evaluate(values + step)[0], form.evaluate(values - step)[0]
        # Weights are products of two parameters: central differences are exact but for rounding.
        expected = (up - down) / (2 * step[i])
        np.testing.assert_allclose(slopes[:, [i]].toarray()[:, 0], expected, rtol=1e-9, atol=1e-9)


PRODUCTS = (
    (("harmonic_bond", 0),),
    (("harmonic_bond", 1), ("harmonic_angle", 0)),
    (("fourier", 0), ("angle_value", 1), ("coulomb", 1)),
    (("bond_length", 0), ("bond_length", 1), ("angle_value", 0)),
    (("tilt", 1), ("bent_torsion", 0)),
)


def coefficients(terms: TermTable) -> list[int]:
    return terms.coefficients.tolist()


@pytest.mark.parametrize("n", range(1, 6))
def test_products_on_shared_atoms_are_columns_too(n: int) -> None:
    terms, parameters = table(*PRODUCTS[:n], multipliers=[1, -1, 0.5, -1, -1][:n])
    assert_routes_agree(terms, parameters, frames())
    values = parameters.values.copy()
    values[terms.coefficients] *= np.arange(2.0, 2.0 + n)
    changed = parameters.with_values(values)
    energy, forces = predicted(terms, parameters.values, values, coefficients(terms), frames())
    expected, expected_forces = by_torch(terms, changed, frames())
    np.testing.assert_allclose(energy, expected, rtol=1e-11)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-11 * np.abs(expected_forces).max())


def test_parameters_inside_a_product_are_refused_because_a_span_leaves_out_a_constant() -> None:
    terms, parameters = table(PRODUCTS[1])
    linear_form(terms, parameters.values, coefficients(terms))
    with pytest.raises(FitError, match="cannot be fitted where it is one factor of a product"):
        linear_form(terms, parameters.values, range(len(parameters)))


def test_multipliers_stay_with_the_parts_of_a_span() -> None:
    terms, parameters = table((("harmonic_bond", 0),), (("harmonic_angle", 1),), multipliers=[-1, -1])
    values = parameters.values * 1.1
    energy, forces = predicted(terms, parameters.values, values, list(range(len(values))), frames())
    expected, expected_forces = by_torch(terms, parameters.with_values(values), frames())
    # The span leaves out a constant.
    np.testing.assert_allclose(energy - energy[0], expected - expected[0], atol=1e-12)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-12 * np.abs(expected_forces).max())


def test_parameters_in_a_product_are_refused_even_where_their_derivative_is_a_constant() -> None:
    terms, parameters = table((("bend", 0), ("bond_length", 0)))
    with pytest.raises(FitError, match="cannot be fitted where it is one factor of a product"):
        linear_form(terms, parameters.values, [0])


@pytest.mark.parametrize("name", [name for name, feature in TRIAL.items() if feature.parameters])
def test_a_feature_without_a_span_is_linearised(name: str) -> None:
    terms, parameters = table(((name, 0),), ((name, 1),))
    point = parameters.values
    free = list(range(len(point)))
    form = linear_form(terms, point, free)
    assert form.everywhere == bool(TRIAL[name].span)
    x = frames()
    expected, expected_forces = by_torch(terms, parameters, x)
    energy, forces = predicted(terms, point, point, free, x)
    np.testing.assert_allclose(energy - energy[0], expected - expected[0], atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(forces, expected_forces, atol=1e-12 * np.abs(expected_forces).max())
    parts = columns(form.table, len(form.weights) + 1, point, x)
    _, slopes = form.evaluate(point)
    jacobian = np.tensordot(slopes.toarray().T, parts.force, 1)
    for i in free:
        step = np.zeros(len(point))
        step[i] = 1e-6 * abs(point[i])
        up, down = (by_torch(terms, parameters.with_values(point + sign * step), x)[1] for sign in (1, -1))
        differences = (up - down) / (2 * step[i])
        # Central differences at a millionth of the value: rounding of the forces leaves 1e-10 / 1e-6.
        largest = max(np.abs(differences).max(), np.abs(expected_forces).max() / abs(point[i]))
        np.testing.assert_allclose(jacobian[i].reshape(differences.shape), differences, atol=1e-6 * largest)
