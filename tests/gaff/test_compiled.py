import numpy as np
import openmm
import pytest
from helpers import openmm_energy_forces
from models import EXAMPLES, distorted, force_field, lone_atom, molecule, perturbed
from openmm import unit
from tables import ATOMS, PLAUSIBLE, TRIAL, by_torch, frames, table

from hybridff.expressions.expression import Expression
from hybridff.expressions.syntax import FUNCTIONS
from hybridff.gaff.codegen import address, kernel
from hybridff.gaff.compiled import CompiledEnergy
from hybridff.gaff.compiled_loops import WIDTH
from hybridff.gaff.features import Feature, Parameter
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.terms import FeatureRows, TermTable

Factors = tuple[tuple[str, int], ...]

PRODUCTS: dict[str, tuple[Factors, ...]] = {
    "two": ((("bond_length", 0), ("angle_value", 1)), (("bond_length", 0), ("coulomb", 1))),
    "three": ((("bond_length", 0), ("angle_value", 1), ("fourier", 0)),),
    "a square": ((("angle_value", 0), ("angle_value", 0)),),
    "a cube": ((("wagging", 1), ("wagging", 1), ("wagging", 1)),),
    "a square times another": ((("bond_length", 0), ("fourier", 1), ("fourier", 1)), (("fourier", 1),)),
    "all lengths, with common factors": (
        (("bond_length", 0),),
        (("bond_length", 0), ("angle_value", 0)),
        (("bond_length", 0), ("angle_value", 0), ("fourier", 0)),
        (("bond_length", 0), ("angle_value", 0), ("fourier", 1)),
        (("bond_length", 1), ("angle_value", 0), ("fourier", 1)),
    ),
    "more than three": ((("bond_length", 0), ("bond_length", 1), ("fourier", 0), ("fourier", 1), ("tilt", 0)),),
    "a number": ((), (("bond_length", 0),)),
}


def assert_agrees_with_torch(terms: TermTable, parameters: Parameters, positions: np.ndarray) -> None:
    """Energies and forces to 1e-9, far above the rounding of some hundred operations in double precision."""
    compiled = CompiledEnergy(terms, parameters.values)
    energies, forces = by_torch(terms, parameters, positions)
    assert np.abs(forces).max() > 0
    for frame, energy, force in zip(positions, energies, forces, strict=True):
        found_energy, found_force = compiled(frame)
        assert found_energy == pytest.approx(energy, rel=1e-9)
        np.testing.assert_allclose(found_force, force, rtol=1e-9, atol=1e-9 * np.abs(force).max())


def one_feature(feature: Feature) -> tuple[TermTable, Parameters]:
    """A table of one term."""
    return table(((feature.name, 0),), declarations={feature.name: feature})


@pytest.mark.parametrize("name", TRIAL)
def test_every_feature_agrees_with_torch(name: str) -> None:
    assert_agrees_with_torch(*table(((name, 0),), ((name, 1),)), frames())


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_agree_with_torch(name: str) -> None:
    assert_agrees_with_torch(*table(*PRODUCTS[name]), frames())


def test_a_symmetrys_sign_agrees_with_torch() -> None:
    products = ((("tilt", 0), ("bond_length", 0)), (("tilt", 1), ("bond_length", 1)))
    assert_agrees_with_torch(*table(*products, multipliers=[1.0, -1.0]), frames())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_agrees_with_torch(function: str) -> None:
    feature = Feature("trial", "bond", Expression(f"r*{function}(a*r)"), {"a": Parameter("1/nm", "scale")}, "trial")
    assert_agrees_with_torch(*one_feature(feature), frames())


@pytest.mark.parametrize(
    "text",
    [
        "(r - a)^3",
        "r^(-7)",
        "r^0 + r^1",
        "r^0.5 - 2.5",
        "r^a",
        "a^r",
        "(r + a)^(a*r)",
        "-(a - r)/(a + 2*r)",
        "+r*0 + a*r*1 - 0*r",
        "abs(r - a)",
        "exp(-sqrt(2)*r)*tanh(a*a) + exp(-sqrt(2)*r)/3",
        "1/(exp(20*(r - a)) + 0.3)",
        "(2*a)^12/r^12 - a^6/r^6",
    ],
)
def test_every_operation_agrees_with_torch(text: str) -> None:
    names = {"a": Parameter("nm", "a length")} if "a" in Expression(text).names else {}
    assert_agrees_with_torch(*one_feature(Feature("trial", "bond", Expression(text), names, "trial")), frames())


def test_names_of_a_user_never_reach_the_compiler() -> None:
    names = ("np", "math", "x", "p", "f", "s", "i", "rows", "exp", "carray", "__import__")
    text = " + ".join(f"{name}*r^{i}" for i, name in enumerate(names))
    feature = Feature(
        "trial", "bond", Expression(f"exp({text})"), {name: Parameter("1/nm", "a name") for name in names}, "trial"
    )
    assert "__import__" not in "".join(kernel(feature).lines)
    terms, parameters = one_feature(feature)
    assert_agrees_with_torch(terms, parameters.with_values(parameters.values * 0.01), frames())


def test_equal_subexpressions_are_computed_once() -> None:
    expression = Expression("(1 - exp(-a*(r - r0)))^2")
    feature = Feature(
        "trial", "bond", expression, {"a": Parameter("1/nm", "range"), "r0": Parameter("nm", "length")}, "trial"
    )
    assert "".join(kernel(feature).lines).count("exp(") == 1


def test_alike_features_share_their_machine_code() -> None:
    one = Feature("one", "bond", Expression("exp(-a*r)"), {"a": Parameter("1/nm", "range")}, "trial")
    other = Feature("other", "pair", Expression("exp(-b*r)"), {"b": Parameter("1/nm", "range")}, "trial")
    assert address(kernel(one).lines) == address(kernel(other).lines)


def test_many_rows_of_every_kind_agree_with_torch() -> None:
    """More than a tile of each coordinate, features of more than one tile, and coordinates shared or in other order."""
    generator, n = np.random.default_rng(0), 2 * WIDTH + 9
    values: list[float] = []
    positions = generator.uniform(0, 1.5, (2, 30, 3))
    coordinates = {
        kind: np.array([generator.permutation(30)[: len(atoms[0])] for _ in range(n)]) for kind, atoms in ATOMS.items()
    }
    features = []
    for name in ("morse", "soft_coulomb", "harmonic_angle", "bent_torsion", "fourier", "wagging"):
        parameters = {}
        for parameter, declared in TRIAL[name].parameters.items():
            parameters[parameter] = len(values) + np.arange(n)
            values += [PLAUSIBLE[declared.unit]] * n
        features.append(FeatureRows(TRIAL[name], generator.permutation(n), parameters))
    products = generator.integers(-1, 6 * n, (4000, 3))
    coefficients = len(values) + np.arange(len(products))
    values += generator.normal(size=len(products)).tolist()
    terms = TermTable(
        coordinates, tuple(features), products, np.ones(len(products)), coefficients, ("any",) * len(products)
    )
    labels = tuple(map(str, range(len(values))))
    assert_agrees_with_torch(terms, Parameters(np.array(values), ("torsion k",) * len(values), labels), positions)


@pytest.mark.parametrize("name", EXAMPLES)
def test_force_fields_agree_with_torch(name: str) -> None:
    model = perturbed(force_field(name, form="near-pairs", fourier=2), 0.5)
    assert_agrees_with_torch(model.table, model.parameter_table, distorted(name, 3))


def test_forces_are_energy_differences() -> None:
    model, x = perturbed(force_field("acetaldehyde", fourier=2), 0.5), distorted("acetaldehyde", 1)[0]
    compiled, h = CompiledEnergy(model.table, model.parameter_table.values), 1e-5
    _, forces = compiled(x)
    differences = np.empty_like(forces)
    for place in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[place] = h
        differences[place] = (compiled(x - step)[0] - compiled(x + step)[0]) / (2 * h)
    # Truncation is h²/6 times third derivatives of 1e8 kJ/mol/nm³, rounding 1e-13 kJ/mol over h.
    np.testing.assert_allclose(forces, differences, rtol=0, atol=1e-2)


def test_a_call_leaves_nothing_behind() -> None:
    terms, parameters = table(*PRODUCTS["all lengths, with common factors"])
    compiled, (first, second, *_) = CompiledEnergy(terms, parameters.values), frames()
    energy, forces = compiled(first)
    kept = forces.copy()
    compiled(second)
    np.testing.assert_array_equal(forces, kept)
    again = compiled(first)
    assert again[0] == energy
    np.testing.assert_array_equal(again[1], kept)


def test_arrays_in_another_order_or_precision_are_read_right() -> None:
    terms, parameters = table(*PRODUCTS["three"])
    compiled, x = CompiledEnergy(terms, parameters.values), frames(1)[0]
    assert compiled(np.asfortranarray(x))[0] == compiled(x)[0]


def test_openmm_calls_it_on_reference() -> None:
    terms, parameters = table(*PRODUCTS["all lengths, with common factors"])
    compiled = CompiledEnergy(terms, parameters.values)
    force = openmm.PythonForce(lambda state: compiled(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)))
    energies, forces = openmm_energy_forces([force], frames())
    expected_energies, expected_forces = by_torch(terms, parameters, frames())
    np.testing.assert_allclose(energies, expected_energies, rtol=1e-9)
    np.testing.assert_allclose(forces, expected_forces, rtol=1e-9, atol=1e-9 * np.abs(forces).max())


@pytest.mark.parametrize("name", TRIAL)
def test_nan_stays_visible(name: str) -> None:
    terms, parameters = table(((name, 0),))
    x = frames(1)[0]
    for atom in ATOMS[TRIAL[name].coordinate][0][:2]:
        broken = x.copy()
        broken[atom, 1] = np.nan
        energy, forces = CompiledEnergy(terms, parameters.values)(broken)
        if name != "second_angle" or atom != ATOMS["torsion"][0][0]:  # which is no function of the first atom
            assert np.isnan(energy)
            assert np.isnan(forces).any()


def test_terms_without_a_coefficient_are_left_out() -> None:
    feature = Feature("trial", "bond", Expression("log(-r)"), {}, "trial")
    terms, parameters = table((("trial", 0),), (("tilt", 0),), declarations={**TRIAL, "trial": feature})
    values = np.where(parameters.values == -1.7, 0.0, parameters.values)
    energy, forces = CompiledEnergy(terms, values)(frames(1)[0])
    assert np.isfinite(energy)
    assert np.isfinite(forces).all()


def test_a_lone_atom_has_no_energy() -> None:
    model = lone_atom()
    energy, forces = CompiledEnergy(model.table, model.parameter_table.values)(np.zeros((1, 3)))
    assert energy == 0.0
    assert forces.tolist() == [[0.0, 0.0, 0.0]]


def test_exactly_linear_angles_stay_finite() -> None:
    model = force_field("propyne")
    x = molecule("propyne").positions
    assert x is not None
    straight = x.copy()
    ends, middle = [0, 1, 2, 6], np.array([0.0, 0.0, 1.0])
    straight[ends] = np.outer(np.linalg.norm(x[ends] - x[0], axis=1), middle)
    assert_agrees_with_torch(model.table, model.parameter_table, straight[None])


@pytest.mark.parametrize("name", ["fourier", "regular_cos", "regular_sin", "bent_torsion"])
def test_torsions_at_linear_angles_stay_finite(name: str) -> None:
    """Three atoms exactly in line: the torsion is undefined, and taken as 0 with zero derivatives, as in torch."""
    terms, parameters = table(((name, 0),))
    x = frames(1)[0]
    x[:3] = [[0.0, 0.0, 0.0], [0.125, 0.0, 0.0], [0.25, 0.0, 0.0]]
    energy, forces = CompiledEnergy(terms, parameters.values)(x)
    expected, expected_forces = by_torch(terms, parameters, x[None])
    assert energy == pytest.approx(expected[0], rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(forces, expected_forces[0], rtol=1e-9, atol=1e-8)
