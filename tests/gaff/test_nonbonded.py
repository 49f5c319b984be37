from dataclasses import replace

import numpy as np
import openmm
import pytest
import torch
from helpers import openmm_energy_forces
from models import class_one_of, distorted, force_field

from hybridff.gaff.classone import NonbondedParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.nonbonded import all_pairs, combined_pairs, nonbonded_force
from hybridff.gaff.openmm_native import numbers

EXACT = 1e-13  # some roundings; sigma passes through a sixth root and a sixth power


def exceptions(force: openmm.NonbondedForce) -> dict[tuple[int, int], tuple[float, float, float]]:
    found = {}
    for row in range(force.getNumExceptions()):
        i, j, *values = force.getExceptionParameters(row)
        charge_product, sigma, epsilon = numbers(values)
        found[min(i, j), max(i, j)] = charge_product, sigma, epsilon
    return found


def start_force(start: NonbondedParameters) -> openmm.NonbondedForce:
    """The parameters of the start as anyone would put them into a ``NonbondedForce``."""
    force = openmm.NonbondedForce()
    for atom in zip(start.charge, start.sigma, start.epsilon, strict=True):
        force.addParticle(*atom)
    columns = start.exception_charge_product, start.exception_sigma, start.exception_epsilon
    for row in zip(*start.exceptions.T.tolist(), *columns, strict=True):
        force.addException(*row)
    return force


def test_pairs_combine_by_lorentz_and_berthelot() -> None:
    start = class_one_of("ethanol").nonbonded
    pairs = combined_pairs(start)
    assert len(pairs.atoms) == 9 * 8 // 2
    row = pairs.atoms.tolist().index([1, 8])
    assert pairs.sigma[row] == pytest.approx((start.sigma[1] + start.sigma[8]) / 2, rel=EXACT)
    assert pairs.epsilon[row] == pytest.approx((start.epsilon[1] * start.epsilon[8]) ** 0.5, rel=EXACT)
    assert pairs.charge_product[row] == pytest.approx(start.charge[1] * start.charge[8], rel=EXACT)


def test_exceptions_take_the_place_of_the_rules_whatever_the_order_of_their_atoms() -> None:
    start = class_one_of("ethanol").nonbonded
    turned = replace(start, exceptions=start.exceptions[:, ::-1].copy())
    for given in (start, turned):
        pairs = all_pairs(given)
        rows = {tuple(atoms): row for row, atoms in enumerate(pairs.atoms.tolist())}
        for exception, atoms in enumerate(start.exceptions.tolist()):
            row = rows[tuple(sorted(atoms))]
            assert pairs.charge_product[row] == start.exception_charge_product[exception]
            assert pairs.epsilon[row] == start.exception_epsilon[exception]
    assert (combined_pairs(start).epsilon > 0).all(), "the rules themselves stay as they were"


@pytest.mark.parametrize("version", ["gaff-2.2.20", "gaff-1.81"])
@pytest.mark.parametrize("name", ["ethanol", "acetaldehyde", "propyne"])
def test_an_untouched_force_has_the_exceptions_of_the_start_and_no_others(name: str, version: str) -> None:
    model, start = force_field(name), class_one_of(name, version)
    model = type(model).build(model.molecule, start)
    force = nonbonded_force(model.table, model.parameter_table.values, start.nonbonded)
    expected = exceptions(start_force(start.nonbonded))
    actual = exceptions(force)
    # Hydroxyl hydrogens without LJ interaction (GAFF 1) and neutral atoms included: no pair is an exception in vain.
    assert set(actual) == set(expected)
    for pair, (charge, sigma, epsilon) in actual.items():
        assert (charge, epsilon) == pytest.approx((expected[pair][0], expected[pair][2]), rel=EXACT)
        assert epsilon == 0 or sigma == pytest.approx(expected[pair][1], rel=EXACT)
    assert openmm_energy_forces([force], distorted(name, 3))[0] == pytest.approx(
        openmm_energy_forces([start_force(start.nonbonded)], distorted(name, 3))[0], rel=1e-12
    )


def test_the_atoms_keep_their_interaction_with_other_molecules() -> None:
    model, start = force_field("ethanol"), class_one_of("ethanol").nonbonded
    values = model.parameter_table.values * 1.1
    force = nonbonded_force(model.table, values, start)
    assert force.getNonbondedMethod() == openmm.NonbondedForce.NoCutoff
    for atom in range(9):
        charge, sigma, epsilon = force.getParticleParameters(atom)
        assert numbers((charge, sigma, epsilon)) == (
            start.charge[atom],
            start.sigma[atom],
            start.epsilon[atom],
        )


@pytest.mark.parametrize("quantity", ["pair repulsion", "pair epsilon", "bare pair charge product"])
def test_a_changed_pair_becomes_an_exception_with_the_energy_of_torch(quantity: str) -> None:
    model, start = force_field("ethanol"), class_one_of("ethanol").nonbonded
    before = exceptions(nonbonded_force(model.table, model.parameter_table.values, start))
    # Pairs of the hydroxyl H with the methyl's: 1-5 pairs, no exceptions at first.
    entry = [
        i
        for i, (what, label) in enumerate(
            zip(model.parameter_table.quantities, model.parameter_table.labels, strict=True)
        )
        if what == quantity and label.startswith("H4-H9 ")
    ]
    assert len(entry) == 1
    values = model.parameter_table.values.copy()
    values[entry] *= 1.3
    changed = model.with_values(values)
    after = exceptions(nonbonded_force(changed.table, values, start))
    assert set(after) - set(before) == {(3, 8), (4, 8), (5, 8)}
    x = distorted("ethanol", 3)
    energy, forces = changed.energy_forces(torch.tensor(x))
    expected, expected_forces = openmm_energy_forces(changed.openmm_forces(), x)
    np.testing.assert_allclose(energy, expected, rtol=1e-10)
    np.testing.assert_allclose(forces, expected_forces, rtol=1e-10, atol=1e-10 * np.abs(expected_forces).max())


def test_multipliers_of_pairs_reach_openmm() -> None:
    model, x = force_field("ethanol", form="near-pairs"), distorted("ethanol", 3)
    rng = np.random.default_rng(0)
    table = replace(model.table, multipliers=rng.choice([0.5, 1.0, 2.0], len(model.table.coefficients)))
    start = class_one_of("ethanol").nonbonded
    multiplied = ForceField(model.molecule, table, model.parameter_table, start, model.origin)
    energy, forces = multiplied.energy_forces(torch.tensor(x))
    assert (energy - model.energy(torch.tensor(x))).abs().min() > 1
    expected, expected_forces = openmm_energy_forces(multiplied.openmm_forces(), x)
    np.testing.assert_allclose(energy, expected, rtol=1e-10)
    np.testing.assert_allclose(forces, expected_forces, rtol=1e-10, atol=1e-10 * np.abs(expected_forces).max())
