import itertools

import numpy as np
import openmm
import pytest
from helpers import openmm_energy_forces
from tables import TRIAL, assert_routes_agree, by_openmm, by_torch, frames, table

from hybridff.expression import Expression
from hybridff.gaff import openmm_forces
from hybridff.gaff.features import Feature, Parameter
from hybridff.gaff.openmm_forces import bonded_forces

FACTORS = [(name, row) for name in TRIAL for row in (0, 1)]
PRODUCTS = [pair for pair in itertools.combinations_with_replacement(FACTORS, 2) if pair[0][0] != pair[1][0]]
TRIPLES = [tuple(FACTORS[i] for i in np.random.default_rng(n).integers(0, len(FACTORS), 3)) for n in range(40)]


def name(term: tuple[tuple[str, int], ...]) -> str:
    return "*".join(f"{feature}{row}" for feature, row in term)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("feature", [name for name in TRIAL if name not in openmm_forces.PAIR_FEATURES])
def test_single_features_agree_with_torch(feature: str, row: int) -> None:
    assert_routes_agree(*table(((feature, row),)), frames())


def test_products_of_two_features_agree_with_torch() -> None:
    for product in PRODUCTS:
        assert_routes_agree(*table(product), frames(2))


@pytest.mark.parametrize("product", TRIPLES, ids=name)
def test_products_of_three_features_agree_with_torch(product: tuple[tuple[str, int], ...]) -> None:
    assert_routes_agree(*table(product), frames())


def test_a_feature_times_itself_is_its_square() -> None:
    terms, parameters = table((("bond_length", 0), ("bond_length", 0)))
    expected = -1.7 * np.linalg.norm(frames()[:, 1] - frames()[:, 0], axis=1) ** 2
    for route in (by_torch, by_openmm):
        np.testing.assert_allclose(route(terms, parameters, frames())[0], expected, rtol=1e-14)


def test_shorter_products_are_padded() -> None:
    products = ((("harmonic_bond", 0),), (("harmonic_bond", 1), ("fourier", 0), ("angle_value", 1)))
    terms, parameters = table(*products, (("coulomb", 0), ("harmonic_angle", 1)))
    assert (terms.products == -1).sum() == 3
    assert_routes_agree(terms, parameters, frames())
    parts = [by_torch(*table(product), frames()) for product in products]
    assert all(part[0].shape == (4,) for part in parts)


def test_terms_of_one_shape_share_a_force_and_single_terms_are_native() -> None:
    terms, parameters = table(
        (("harmonic_bond", 0),),
        (("harmonic_bond", 1),),
        (("harmonic_angle", 0),),
        (("fourier", 0),),
        (("harmonic_bond", 0), ("harmonic_angle", 0)),  # the bond lies in the angle
        (("harmonic_bond", 1), ("harmonic_angle", 1)),  # so it does here, elsewhere
        (("harmonic_bond", 0), ("fourier", 1)),  # another shape
    )
    forces = bonded_forces(terms, parameters.values)
    natives = [openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce]
    assert [type(force) for force in forces[:3]] == natives
    assert forces[0].getNumBonds() == 2
    assert {type(force) for force in forces[3:]} == {openmm.CustomCompoundBondForce}
    assert sum(force.getNumBonds() for force in forces[3:]) == 3
    assert_routes_agree(terms, parameters, frames())


def test_single_pair_terms_are_left_to_the_nonbonded_force() -> None:
    terms, parameters = table(*(((feature, 0),) for feature in openmm_forces.PAIR_FEATURES))
    assert bonded_forces(terms, parameters.values) == []


def test_terms_with_a_coefficient_of_zero_are_left_out() -> None:
    terms, parameters = table((("harmonic_bond", 0),), (("coulomb", 0), ("fourier", 0)))
    values = parameters.values.copy()
    values[terms.coefficients] = 0.0
    assert bonded_forces(terms, values) == []


@pytest.mark.parametrize("parameter", ["x1", "y1", "z2", "p1", "coefficient", "f0_x1", "r0", "distance", "d"])
def test_no_name_of_a_parameter_collides_with_openmms_own(parameter: str) -> None:
    expression = Expression(f"sin(3*theta + {parameter})")
    trial = Feature("trial", "angle", expression, {parameter: Parameter("rad", "a shift")}, "")
    products = (("trial", 0), ("harmonic_bond", 1)), (("trial", 0), ("trial", 1))
    assert_routes_agree(*table(*products, declarations={**TRIAL, "trial": trial}), frames())


def test_multipliers_multiply_native_and_custom_terms() -> None:
    products = (
        (("fourier", 0),),
        (("harmonic_bond", 1), ("tilt", 0)),
        (("bent_torsion", 1),),
        (("harmonic_angle", 0),),
    )
    terms, parameters = table(*products, multipliers=[-1, -1, 1, 0.5])
    assert_routes_agree(terms, parameters, frames())
    plain, _ = table(*products)
    negative = parameters.values.copy()
    negative[terms.coefficients] *= [-1, -1, 1, 0.5]
    expected = by_openmm(plain, parameters.with_values(negative), frames())
    for actual, value in zip(by_openmm(terms, parameters, frames()), expected, strict=True):
        np.testing.assert_array_equal(actual, value)


def test_a_force_passes_through_openmms_xml_without_change() -> None:
    terms, parameters = table((("fourier", 0), ("coulomb", 1)), (("harmonic_angle", 0),))
    forces = bonded_forces(terms, parameters.values)
    copies = [openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(force)) for force in forces]
    energies, gradients = openmm_energy_forces(copies, frames())
    expected, expected_forces = by_openmm(terms, parameters, frames())
    np.testing.assert_array_equal(energies, expected)
    np.testing.assert_array_equal(gradients, expected_forces)


def test_native_torsions_have_whole_periodicities() -> None:
    terms, parameters = table((("fourier", 0),))
    values = parameters.values.copy()
    values[0] = 3 - 1e-16
    (force,) = bonded_forces(terms, values)
    assert force.getTorsionParameters(0)[4] == 3
