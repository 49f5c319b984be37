import itertools
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import openmm
import pytest
from helpers import openmm_energy_forces
from models import distorted, force_field, gaff_table
from tables import TRIAL, assert_routes_agree, by_openmm, by_torch, frames, table

from hybridff.expressions.expression import Expression
from hybridff.gaff.assign import class_one
from hybridff.gaff.blocks import LONGEST
from hybridff.gaff.features import Feature, Parameter
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.nonbonded import PAIR_FEATURES
from hybridff.gaff.openmm_forces import FEW, bonded_forces
from hybridff.molecules.molecule import Molecule

FACTORS = [(name, row) for name in TRIAL for row in (0, 1)]
ROWS = np.random.default_rng(0)
# A quarter of all pairs: every feature meets some of every kind of coordinate; each pair costs a Context.
PAIRS = [pair for pair in itertools.combinations(range(len(TRIAL)), 2) if sum(pair) % 4 == 0]
PRODUCTS = [tuple((list(TRIAL)[i], int(ROWS.integers(2))) for i in pair) for pair in PAIRS]
TRIPLES = [tuple(FACTORS[i] for i in np.random.default_rng(n).integers(0, len(FACTORS), 3)) for n in range(40)]


def name(term: tuple[tuple[str, int], ...]) -> str:
    return "*".join(f"{feature}{row}" for feature, row in term)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("feature", [name for name in TRIAL if name not in PAIR_FEATURES])
def test_single_features_agree_with_torch(feature: str, row: int) -> None:
    assert_routes_agree(*table(((feature, row),)), frames())


def test_products_of_two_features_agree_with_torch() -> None:
    for product in PRODUCTS:
        assert_routes_agree(*table(product), frames(2))


def test_the_products_tried_are_of_all_features_and_all_pairs_of_coordinates() -> None:
    kinds = {tuple(sorted(TRIAL[name].coordinate for name, _ in product)) for product in PRODUCTS}
    every = sorted({feature.coordinate for feature in TRIAL.values()})
    assert kinds >= set(itertools.combinations(every, 2))
    assert {name for product in PRODUCTS for name, _ in product} == set(TRIAL)


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
    customs = [force for force in forces if isinstance(force, openmm.CustomCompoundBondForce)]
    natives = [openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce]
    assert [type(force) for force in forces[:3]] == natives
    assert forces[0].getNumBonds() == 2
    assert forces[3:] == customs
    assert sum(np.count_nonzero(coefficients(force)) for force in customs) == 3
    assert_routes_agree(terms, parameters, frames())


def test_single_pair_terms_are_left_to_the_nonbonded_force() -> None:
    terms, parameters = table(*(((feature, 0),) for feature in PAIR_FEATURES))
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


@cache
def rich(name: str, share: float = 1.0) -> ForceField:
    """A class II form of which a share of the coefficients that start at zero has random values."""
    model = force_field(name, form="class2")
    values, rng = model.parameter_table.values.copy(), np.random.default_rng(0)
    rows = np.unique(model.table.coefficients)
    rows = rows[(values[rows] == 0) & (rng.random(len(rows)) < share)]
    values[rows] = rng.normal(size=len(rows))
    return model.with_values(values)


def fused(model: ForceField) -> list[openmm.CustomCompoundBondForce]:
    forces = bonded_forces(model.table, model.parameter_table.values)
    return [force for force in forces if isinstance(force, openmm.CustomCompoundBondForce)]


def parameter_names(force: openmm.CustomCompoundBondForce) -> list[str]:
    return [force.getPerBondParameterName(i) for i in range(force.getNumPerBondParameters())]


def coefficients(force: openmm.CustomCompoundBondForce) -> np.ndarray:
    """Coefficients (bonds, terms) of a fused force."""
    rows = [i for i, name in enumerate(parameter_names(force)) if name.startswith("coefficient")]
    return np.array([force.getBondParameters(i)[1] for i in range(force.getNumBonds())])[:, rows]


@pytest.mark.parametrize(
    ("name", "share"), [("ethanol", 0.3), ("acetaldehyde", 1.0), ("propyne", 1.0), ("benzene", 0.3)]
)
def test_thousands_of_terms_agree_with_torch_in_few_short_expressions(name: str, share: float) -> None:
    model = rich(name, share)
    assert_routes_agree(model.table, model.parameter_table, distorted(name, 2))
    forces = fused(model)
    assert len(forces) < FEW
    assert len(model.table.products) > 20 * len(forces)
    assert max(coefficients(force).shape[1] for force in forces) <= LONGEST


def test_functions_of_a_distance_alone_are_one_force_of_openmms_own_kind_for_them() -> None:
    model = rich("ethanol")
    forces = bonded_forces(model.table, model.parameter_table.values)
    (pairs,) = [force for force in forces if isinstance(force, openmm.CustomBondForce)]
    assert pairs.getNumBonds() == 8 + len(model.table.coordinates["pair"])
    assert all(force.getNumParticlesPerBond() > 2 for force in fused(model))
    assert sum("Custom" in type(force).__name__ for force in forces) <= FEW


@pytest.mark.slow
def test_atoms_exactly_in_line_have_an_energy_beside_torsions_of_others() -> None:
    """But-1-yne: no torsion about its triple bond, one about C-C, and zero times a torsion in line would be NaN."""
    model, x = butyne()
    expected, expected_forces = by_torch(model.table, model.parameter_table, x[None])
    energy, forces = by_openmm(model.table, model.parameter_table, x[None])
    # torch takes angles in line 1.6e-10 rad off 180 degrees, and their derivatives are zero there
    np.testing.assert_allclose(energy, expected, rtol=1e-9)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-6 * np.abs(expected_forces).max())


def butyne() -> tuple[ForceField, np.ndarray]:
    """A class II form with random coefficients, and a geometry [nm] with H-C≡C-C exactly on the x axis."""
    molecule = Molecule.from_smiles("C#CCC", "but-1-yne").with_embedded_positions(seed=1)
    types = ["c1", "c1", "c3", "c3", "ha", *["hc"] * 5]
    start = class_one(molecule, types, gaff_table("gaff-2.2.20"), np.zeros(10))
    model = ForceField.build(molecule, start, form="class2")
    values, rng = model.parameter_table.values.copy(), np.random.default_rng(0)
    rows = np.unique(model.table.coefficients)
    rows = rows[values[rows] == 0]
    values[rows] = rng.normal(size=len(rows))
    assert molecule.positions is not None
    x = molecule.positions - molecule.positions[1]
    along = x[2] / np.linalg.norm(x[2])
    across = np.linalg.qr(np.stack([along, [0, 0, 1], [0, 1, 0]], 1))[0]
    x = x @ (across * np.sign(across[:, 0] @ along))
    x[[0, 1, 2, 4]] = np.array([[-0.121, 0, 0], [0, 0, 0], [0.146, 0, 0], [-0.228, 0, 0]])
    return model.with_values(values), x


def test_no_per_bond_parameter_means_a_coordinate_of_an_atom() -> None:
    names = {name for force in fused(rich("ethanol")) for name in parameter_names(force)}
    assert len(names) > 40
    assert not [name for name in names if re.fullmatch("[pxyz][0-9]+", name)]


def test_every_term_of_an_expression_is_needed_by_some_bond() -> None:
    full, pruned = (
        sum(coefficients(force).shape[1] for force in fused(rich("ethanol", share))) for share in (1.0, 0.05)
    )
    assert pruned < full / 2
    for force in fused(rich("ethanol", 0.05)):
        assert (coefficients(force) != 0).any(0).all()


def test_alike_sets_of_atoms_share_a_force_whatever_the_order_of_their_atoms() -> None:
    def shapes(name: str) -> list[tuple[int, ...]]:
        forces = fused(rich(name))
        return sorted((force.getNumParticlesPerBond(), *coefficients(force).shape) for force in forces)

    assert shapes("ethanol") == shapes("reversed ethanol")
    torsions = [force for force in fused(rich("propane")) if "dihedral" in force.getEnergyFunction()]
    assert max(force.getNumBonds() for force in torsions) >= 18  # propane has 18 torsions


def test_another_order_of_the_atoms_of_a_fused_bond_is_another_energy() -> None:
    model, x = rich("ethanol"), distorted("ethanol", 1)
    for force in fused(model):
        energy, _ = openmm_energy_forces([openmm.XmlSerializer.clone(force)], x)
        for i in range(force.getNumBonds()):
            atoms, values = force.getBondParameters(i)
            force.setBondParameters(i, [*atoms[1:], atoms[0]], values)
        wrong, _ = openmm_energy_forces([force], x)
        assert force.getNumParticlesPerBond() == 2 or abs(wrong - energy) > 1e-6 * abs(energy)


def test_atoms_that_only_custom_forces_connect_are_one_molecule() -> None:
    model = rich("ethanol")
    system = openmm.System()
    for _ in model.molecule.numbers:
        system.addParticle(1.0)
    for force in bonded_forces(model.table, model.parameter_table.values):
        system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    assert [sorted(atoms) for atoms in context.getMolecules()] == [list(range(9))]


@pytest.mark.slow
def test_every_process_makes_the_same_forces() -> None:
    """Whatever the order in which Python walks through sets of strings."""
    program = (
        "import hashlib, openmm\n"
        "from models import force_field\n"
        "system = openmm.System()\n"
        "for force in force_field('ethanol', form='class2').openmm_forces():\n"
        "    system.addForce(force)\n"
        "print(hashlib.sha256(openmm.XmlSerializer.serialize(system).encode()).hexdigest())\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
