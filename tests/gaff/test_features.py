from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces
from tables import PLAUSIBLE, TRIAL, assert_routes_agree, by_torch, frames, table
from torch import Tensor

from hybridff import geometry
from hybridff.errors import InputError
from hybridff.expressions.expression import Expression
from hybridff.gaff import energy, openmm_forces
from hybridff.gaff.features import FEATURES, Feature, Parameter
from hybridff.gaff.openmm_native import add_feature
from hybridff.geometry import COORDINATES

every_feature = pytest.mark.parametrize("feature", TRIAL.values(), ids=TRIAL)


def plausible(feature: Feature) -> dict[str, float]:
    return {name: PLAUSIBLE[parameter.unit] for name, parameter in feature.parameters.items()}


def torch_value(feature: Feature, positions: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    coordinate = COORDINATES[feature.coordinate]
    atoms = positions[..., : coordinate.n_atoms, :]
    return feature.evaluate({name: coordinate.variables[name].of(atoms) for name in feature.variables}, parameters)


def custom_force(feature: Feature, parameters: Mapping[str, float]) -> openmm.CustomCompoundBondForce:
    """The declaration as OpenMM's own user would type it."""
    n = COORDINATES[feature.coordinate].n_atoms
    force = openmm.CustomCompoundBondForce(n, feature.openmm([f"p{i + 1}" for i in range(n)], {}))
    for name in parameters:
        force.addPerBondParameter(name)
    force.addBond(range(n), list(parameters.values()))
    return force


@every_feature
def test_torch_and_openmm_agree_on_the_declaration(feature: Feature) -> None:
    values = plausible(feature)
    x = torch.tensor(frames(), requires_grad=True)
    value = torch_value(
        feature, x, {name: torch.tensor(number, dtype=torch.float64) for name, number in values.items()}
    )
    (gradient,) = torch.autograd.grad(value.sum(), x)
    expected, forces = openmm_energy_forces([custom_force(feature, values)], frames())
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-10)
    np.testing.assert_allclose(-gradient, forces, rtol=1e-10, atol=1e-10 * np.abs(forces).max())


@every_feature
def test_derivatives_of_positions_and_parameters_match_finite_differences(feature: Feature) -> None:
    names, values = [*feature.parameters], plausible(feature)

    def function(x: Tensor, *numbers: Tensor) -> Tensor:
        return torch_value(feature, x, dict(zip(names, numbers, strict=True)))

    inputs = [torch.tensor(frames(2), requires_grad=True)]
    inputs += [torch.tensor(values[name], dtype=torch.float64, requires_grad=True) for name in names]
    # Derivatives reach 1e9 in a coordinate of 0.1 nm (r^-12): differences need a step far below 1e-6 of that.
    assert torch.autograd.gradcheck(function, inputs, eps=1e-7, rtol=1e-4)
    assert torch.autograd.gradgradcheck(function, inputs, eps=1e-7, rtol=1e-4)


def native_harmonic_bond(p: Mapping[str, float]) -> openmm.Force:
    force = openmm.HarmonicBondForce()
    force.addBond(0, 1, p["r0"], 1.0)
    return force


def native_harmonic_angle(p: Mapping[str, float]) -> openmm.Force:
    force = openmm.HarmonicAngleForce()
    force.addAngle(0, 1, 2, p["theta0"], 1.0)
    return force


def native_fourier(p: Mapping[str, float]) -> openmm.Force:
    force = openmm.PeriodicTorsionForce()
    force.addTorsion(0, 1, 2, 3, int(p["n"]), p["phase"], 1.0)
    return force


def native_pair(charge_product: float, sigma: float, epsilon: float) -> openmm.Force:
    force = openmm.NonbondedForce()
    for _ in range(5):
        force.addParticle(0.0, 1.0, 0.0)
    force.addException(0, 1, charge_product, sigma, epsilon)
    return force


NATIVE: dict[str, Callable[[Mapping[str, float]], openmm.Force]] = {
    "harmonic_bond": native_harmonic_bond,
    "harmonic_angle": native_harmonic_angle,
    "fourier": native_fourier,
    "coulomb": lambda p: native_pair(1.0, 1.0, 0.0),
    "lennard_jones": lambda p: native_pair(0.0, p["sigma"], 1.0),
}


@pytest.mark.parametrize("name", NATIVE)
def test_gaffs_features_are_openmms_own_forces(name: str) -> None:
    feature = FEATURES[name]
    expected = openmm_energy_forces([NATIVE[name](plausible(feature))], frames())
    actual = openmm_energy_forces([custom_force(feature, plausible(feature))], frames())
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-10)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-10, atol=1e-10 * np.abs(expected[1]).max())


def test_repulsion_is_what_lennard_jones_has_without_its_dispersion() -> None:
    r = torch.tensor([0.1, 0.3, 0.5], dtype=torch.float64)
    sigma = {"sigma": torch.tensor(0.3, dtype=torch.float64)}
    dispersion = -4 * (0.3 / r) ** 6
    whole, repulsion = (FEATURES[name].evaluate({"r": r}, sigma) for name in ("lennard_jones", "repulsion"))
    torch.testing.assert_close(4 * repulsion + dispersion, whole, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.span])
def test_the_span_is_the_feature_up_to_a_constant(name: str) -> None:
    feature = FEATURES[name]
    parameters = {key: torch.tensor(value, dtype=torch.float64) for key, value in plausible(feature).items()}
    (variable,) = feature.variables
    q = {variable: torch.linspace(0.1, 3.0, 50, dtype=torch.float64)}
    parts = [weight.evaluate(parameters) * FEATURES[part].evaluate(q, {}) for part, weight in feature.span]
    rest = feature.evaluate(q, parameters) - torch.stack(parts).sum(0)
    torch.testing.assert_close(rest, rest[:1].expand(50), rtol=0, atol=1e-14)
    assert rest[0] != 0, "the constant is really left out"


def test_a_span_consists_of_features_of_the_same_coordinate_without_parameters() -> None:
    for feature in FEATURES.values():
        for part, weight in feature.span:
            assert FEATURES[part].coordinate == feature.coordinate
            assert not FEATURES[part].parameters
            assert weight.names <= set(feature.parameters)


def test_every_declaration_stands_under_its_own_name_with_a_source() -> None:
    assert all(feature.name == name and feature.source for name, feature in FEATURES.items())


@pytest.mark.parametrize(
    ("coordinate", "expression", "parameters", "sentence"),
    [
        ("bond", "k*r", (), r"feature trial: k is not declared as a parameter\."),
        ("bond", "theta", (), r"feature trial: theta is not declared as a parameter\."),
        ("angle", "theta", ("k",), r"feature trial: parameter k does not occur in it\."),
        ("improper", "phi", (), r"coordinate 'improper' is not one of bond, pair, angle, torsion, out_of_plane\."),
        ("torsion", "phi*theta3", (), r"feature trial: theta3 is not declared as a parameter\."),
        (
            "torsion",
            "phi*theta1",
            ("theta1",),
            r"feature trial: parameter theta1 has a variable's name\.",
        ),
    ],
)
def test_a_declaration_with_wrong_names_is_refused(
    coordinate: str, expression: str, parameters: tuple[str, ...], sentence: str
) -> None:
    declared = {name: Parameter("1", "") for name in parameters}
    with pytest.raises(InputError, match=sentence):
        Feature("trial", coordinate, Expression(expression), declared, "")


def test_a_feature_knows_the_variables_that_it_reads() -> None:
    assert TRIAL["fourier"].variables == ("phi",)
    assert TRIAL["bent_torsion"].variables == ("phi", "theta1", "theta2")
    assert TRIAL["second_angle"].variables == ("theta2",)


def test_the_angles_of_a_torsion_are_those_of_its_first_and_last_three_atoms() -> None:
    first, last = (Feature("trial", "torsion", Expression(f"sin({name})"), {}, "") for name in ("theta1", "theta2"))
    alone = Feature("trial", "angle", Expression("sin(theta)"), {}, "")
    x = torch.tensor(frames())
    assert torch.equal(torch_value(first, x, {}), torch_value(alone, x, {}))
    assert torch.equal(torch_value(last, x, {}), torch_value(alone, x[:, 1:], {}))


# What follows tests the tests: a comparison that cannot fail proves nothing.


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        pytest.param("harmonic_bond", "0.5*(r + r0)^2", id="sign"),
        pytest.param("harmonic_bond", "(r - r0)^2", id="factor"),
        pytest.param("harmonic_angle", "0.5*(theta - theta0*180/3.141592653589793)^2", id="unit"),
        pytest.param("fourier", "1 + cos(phase*phi - n)", id="order of parameters"),
        pytest.param("fourier", "1 + cos(n*phi + phase)", id="sign of the phase"),
    ],
)
def test_a_wrong_declaration_is_caught(name: str, expression: str) -> None:
    assert_routes_agree(*table(((name, 0),)), frames())
    wrong = replace(FEATURES[name], expression=Expression(expression))
    with pytest.raises(AssertionError):
        assert_routes_agree(*table(((name, 0),), declarations={name: wrong}), frames())


def vary(monkeypatch: pytest.MonkeyPatch, kind: str, variable: str, **changes: Any) -> None:
    """Let torch see another variable than OpenMM does."""
    variables = COORDINATES[kind].variables
    wrong = replace(COORDINATES[kind], variables={**variables, variable: replace(variables[variable], **changes)})
    monkeypatch.setattr(energy, "COORDINATES", MappingProxyType({**COORDINATES, kind: wrong}))


def test_a_wrong_order_of_atoms_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    product = (("harmonic_angle", 0), ("harmonic_bond", 0))
    assert_routes_agree(*table(product), frames())
    vary(monkeypatch, "angle", "theta", places=(1, 0, 2))
    with pytest.raises(AssertionError):
        assert_routes_agree(*table(product), frames())


def test_a_wrong_sign_of_the_torsion_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    vary(monkeypatch, "torsion", "phi", function=lambda x: -geometry.torsion(x))
    with pytest.raises(AssertionError):
        assert_routes_agree(*table((("fourier", 0),)), frames())


def test_a_wrong_order_of_neighbours_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    product = (("wagging", 0), ("harmonic_bond", 0))
    assert_routes_agree(*table(product), frames())
    vary(monkeypatch, "out_of_plane", "s", places=(0, 2, 1, 3))
    with pytest.raises(AssertionError):
        assert_routes_agree(*table(product), frames())


def test_a_wrong_native_mapping_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(
        force: openmm.Force, feature: str, atoms: Sequence[int], k: float, constants: Mapping[str, float]
    ) -> None:
        add_feature(force, feature, atoms, 2 * k, constants)

    monkeypatch.setattr(openmm_forces, "add_feature", wrong)
    with pytest.raises(AssertionError):
        assert_routes_agree(*table((("harmonic_bond", 0),)), frames())


def test_forces_are_differences_of_the_energy() -> None:
    terms, parameters = table((("fourier", 0), ("harmonic_bond", 1)), (("coulomb", 0), ("harmonic_angle", 1)))
    x, step = frames(1), 1e-6
    _, forces = by_torch(terms, parameters, x)
    moves = step * np.eye(15).reshape(15, 5, 3)
    up, _ = by_torch(terms, parameters, x + moves)
    down, _ = by_torch(terms, parameters, x - moves)
    # Central differences at 1e-6 nm: third derivatives of some 1e4 leave 1e-8, rounding 1e-9.
    np.testing.assert_allclose((down - up) / (2 * step), forces.ravel(), atol=1e-6 * np.abs(forces).max())
