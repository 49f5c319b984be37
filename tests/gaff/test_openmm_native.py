import numpy as np
import openmm
import pytest
from helpers import openmm_energy_forces
from openmm import unit

from hybridff.gaff.openmm_native import (
    NATIVE_OF_FEATURE,
    NATIVE_OF_FORCE,
    NativeForce,
    add_feature,
    numbers,
    pair_energy,
)

POSITIONS = np.random.default_rng(0).uniform(0.0, 0.3, (4, 4, 3))
VALUES = {"length": 0.13, "angle": 1.9, "n": 3, "phase": 0.4, "k": 250.0, **{f"c{i}": 1.5 - i for i in range(6)}}

every_force = pytest.mark.parametrize("native", NATIVE_OF_FORCE.values(), ids=lambda native: native.force.__name__)


@every_force
def test_the_formula_is_that_of_openmms_own_force(native: NativeForce) -> None:
    own, custom = native.force(), native.custom_force(native.energy)
    atoms, values = range(native.n_atoms), [VALUES[name] for name in native.parameters]
    native.add(own, atoms, values)
    native.add_custom(custom, atoms, values)
    for found, expected in zip(*(openmm_energy_forces([force], POSITIONS) for force in (custom, own)), strict=True):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-9)


@every_force
def test_terms_are_read_as_they_were_added(native: NativeForce) -> None:
    force = native.force()
    values = tuple(VALUES[name] for name in native.parameters)
    native.add(force, range(native.n_atoms), values)
    assert list(native.terms(force)) == [(list(range(native.n_atoms)), values)]


@pytest.mark.parametrize("name", NATIVE_OF_FEATURE)
def test_a_features_parameters_stand_where_openmm_has_them(name: str) -> None:
    native = NATIVE_OF_FEATURE[name]
    force = native.force()
    add_feature(force, name, range(native.n_atoms), 250.0, {"r0": 0.13, "theta0": 1.9, "phase": 0.4, "n": 3.0})
    ((_, values),) = native.terms(force)
    assert dict(zip(native.parameters, values, strict=True)) == {key: VALUES[key] for key in native.parameters}


def test_numbers_lose_their_units_and_nothing_else() -> None:
    quantities = 1.5 * unit.angstrom, 2.0 * unit.kilocalorie_per_mole, 3, 90 * unit.degree
    length, energy, count, angle = numbers(quantities)
    assert (length, energy, angle) == pytest.approx((0.15, 8.368, np.pi / 2), rel=1e-12)
    assert count == 3
    assert isinstance(count, int)


def test_the_energy_of_a_pair_is_that_of_the_nonbonded_force() -> None:
    pair = openmm.CustomBondForce(pair_energy())
    for name in ("charges", "sigma", "epsilon"):
        pair.addPerBondParameter(name)
    pair.addBond(0, 1, (-0.2, 0.3, 0.5))
    own = openmm.NonbondedForce()
    for _ in range(4):
        own.addParticle(0.0, 1.0, 0.0)
    own.addException(0, 1, -0.2, 0.3, 0.5)
    positions = POSITIONS + np.array([[0.0] * 3, [0.3] * 3, [0.0] * 3, [0.0] * 3])
    for found, expected in zip(*(openmm_energy_forces([force], positions) for force in (pair, own)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-9)
