"""The near-pairs form: GAFF with Lennard-Jones pairs one and two bonds apart."""

import numpy as np
import openmm
import pytest
import torch
from models import class_one_of, distorted, force_field, molecule

from hybridff.export.agreement import openmm_energies_forces
from hybridff.export.routes import to_openmm
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.molecule import Molecule


def near(name: str, coefficient: float = 0.0) -> ForceField:
    model = ForceField.build(molecule(name), class_one_of(name), form="near-pairs")
    quantities = np.array(model.parameter_table.quantities)
    values = model.parameter_table.values.copy()
    changed = np.isin(quantities, ["near epsilon", "near repulsion"])
    values[changed] = coefficient * np.arange(1, changed.sum() + 1)
    return model.with_values(values)


@pytest.mark.parametrize("name", ["ethanol", "benzene", "propyne"])
def test_it_starts_as_gaff(name: str) -> None:
    x = torch.tensor(distorted(name, 3))
    torch.testing.assert_close(near(name).energy(x), force_field(name).energy(x), rtol=1e-13, atol=1e-12)
    exceptions = [to_openmm(model).getForces()[-1].getNumExceptions() for model in (near(name), force_field(name))]
    assert exceptions[0] == exceptions[1]


@pytest.mark.parametrize("name", ["ethanol", "benzene", "propyne"])
def test_torch_and_the_exported_system_agree_without_a_force_more_than_gaff_has(name: str) -> None:
    model, x = near(name, 0.7), distorted(name, 3)
    system = to_openmm(model)
    kinds = [type(force) for force in system.getForces()]
    assert set(kinds) <= {
        openmm.HarmonicBondForce,
        openmm.HarmonicAngleForce,
        openmm.PeriodicTorsionForce,
        openmm.NonbondedForce,
    }
    energies, forces = openmm_energies_forces(system, x)
    expected, expected_forces = (part.numpy() for part in model.energy_forces(torch.tensor(x)))
    # 1e-9: rounding of twelfth powers on both sides.
    np.testing.assert_allclose(energies, expected, rtol=1e-9)
    np.testing.assert_allclose(forces, expected_forces, rtol=0, atol=1e-9 * np.abs(expected_forces).max())


def test_a_pure_repulsion_is_exported_too() -> None:
    model = near("ethanol")
    values = model.parameter_table.values.copy()
    values[np.array(model.parameter_table.quantities) == "near repulsion"] = 5.0
    model, x = model.with_values(values), distorted("ethanol", 2)
    energies, _ = openmm_energies_forces(to_openmm(model), x)
    np.testing.assert_allclose(energies, model.energy(torch.tensor(x)).numpy(), rtol=1e-9)


def test_every_pair_up_to_two_bonds_apart_has_one_row_even_in_small_rings() -> None:
    for name in ("ethanol", "benzene"):
        table = near(name).table
        atoms = [
            frozenset(table.coordinates["pair"][i].tolist())
            for terms in table.single_feature_terms("repulsion")
            for i in terms.coordinates
        ]
        assert len(atoms) == len(set(atoms))
        start = class_one_of(name)
        bonded = {frozenset(pair) for pair in start.bonds.atoms.tolist()}
        ends = {frozenset((i, k)) for i, _, k in start.angles.atoms.tolist()}
        assert bonded | ends <= set(atoms)


def test_pairs_across_a_small_ring_do_not_depend_on_the_order_of_the_atoms() -> None:
    # C2 and C4 of oxetane are two bonds apart by way of O and by way of C3.
    found = []
    for smiles in ("C1COC1", "O1CCC1"):
        oxetane = Molecule.from_smiles(smiles).with_embedded_positions(seed=1)
        start = gaff_parameters(oxetane, np.zeros(10), "gaff-2.2.20")
        parameters = ForceField.build(oxetane, start, form="near-pairs", share="types").parameter_table
        pairs = zip(parameters.quantities, parameters.labels, strict=True)
        found.append({label.partition(" #")[0] for quantity, label in pairs if quantity == "near epsilon"})
    assert found[0] == found[1]
    assert len(found[0]) > 4


def test_pairs_within_bounds_repel_inside_their_smallest_sigma() -> None:
    model = near("ethanol")
    lower, _ = model.parameter_table.bounds
    table, values = model.table, model.parameter_table.values
    pair_values = {"pair epsilon", "near epsilon", "pair repulsion", "near repulsion"}
    for i, quantity in enumerate(model.parameter_table.quantities):
        if quantity in pair_values:
            assert lower[i] >= 0
    (terms,) = table.single_feature_terms("lennard_jones")
    (walls,) = table.single_feature_terms("repulsion")
    np.testing.assert_array_equal(values[terms.parameters["sigma"]], values[walls.parameters["sigma"]])
