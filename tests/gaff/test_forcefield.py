"""What a force field does beside the contract of all (``tests/contracts.py``)."""

import numpy as np
import pytest
import torch
from helpers import openmm_energy_forces
from models import EXAMPLES, corrected, distorted, force_field, lone_atom, molecule, perturbed

from hybridff.gaff.forcefield import ForceField

STOCK = {name: force_field(name) for name in EXAMPLES}
REFIT = {f"{name}, refit": perturbed(force_field(name, fourier=4), 0.5) for name in ("ethanol", "acetaldehyde")}
NEAR = {
    f"{name}, near pairs": perturbed(force_field(name, form="near-pairs", fourier=2), 0.3)
    for name in ("ethanol", "propyne")
}
CORRECTED = {"ethanol, corrected": corrected(STOCK["ethanol"])}
MODELS = {**STOCK, **REFIT, **NEAR, **CORRECTED}

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def geometries(model: ForceField, n: int = 3) -> np.ndarray:
    return distorted(model.molecule.name, n)


def test_exchanging_other_atoms_changes_the_energy() -> None:
    model = MODELS["ethanol"]
    x = torch.tensor(geometries(model))
    order = [0, 1, 2, 6, 4, 5, 3, 7, 8]
    assert (model.energy(x[:, order]) - model.energy(x)).abs().min() > 1.0


def test_strongly_distorted_geometries_agree_too() -> None:
    x = distorted("ethanol", 20, width=0.04, seed=5)
    energy, forces = (part.numpy() for part in MODELS["ethanol, refit"].energy_forces(torch.tensor(x)))
    exported_energy, exported_forces = openmm_energy_forces(MODELS["ethanol, refit"].openmm_forces(), x)
    np.testing.assert_allclose(energy, exported_energy, rtol=1e-9)
    for frame in range(20):
        largest = np.abs(forces[frame]).max()
        np.testing.assert_allclose(forces[frame], exported_forces[frame], rtol=0, atol=1e-9 * largest)


@every_model
def test_a_batch_of_any_shape_equals_a_loop(model: ForceField) -> None:
    x = torch.tensor(geometries(model, 6))
    energy, forces = model.energy_forces(x.reshape(3, 2, *x.shape[1:]))
    assert energy.shape == (3, 2)
    singles = [model.energy_forces(frame) for frame in x]
    torch.testing.assert_close(energy.flatten(), torch.stack([e for e, _ in singles]), rtol=1e-13, atol=0)
    loop = torch.stack([f for _, f in singles])
    torch.testing.assert_close(forces.reshape(loop.shape), loop, rtol=1e-10, atol=1e-9)


@every_model
def test_groups_add_up_to_the_energy(model: ForceField) -> None:
    x = torch.tensor(geometries(model))
    groups = model.group_energies(x)
    assert set(groups) <= {"bond", "angle", "torsion", "improper", "lennard_jones", "coulomb", "correction"}
    torch.testing.assert_close(sum(groups.values(), torch.zeros(3)), model.energy(x), rtol=1e-12, atol=0)


def test_second_derivatives_are_differences_of_the_forces() -> None:
    model, x = MODELS["acetaldehyde, refit"], geometries(MODELS["acetaldehyde, refit"], 1)[0]
    hessian = torch.autograd.functional.hessian(model.energy, torch.tensor(x)).numpy()
    step = 1e-6
    moves = step * np.eye(x.size).reshape(-1, *x.shape)
    down, up = (model.energy_forces(torch.tensor(x + sign * moves))[1].numpy() for sign in (-1, 1))
    differences = ((down - up) / (2 * step)).reshape(hessian.shape)
    np.testing.assert_allclose(hessian, differences, atol=1e-7 * np.abs(hessian).max())


def test_one_atom_alone_has_no_energy() -> None:
    model = lone_atom()
    energy, forces = model.energy_forces(torch.zeros(2, 1, 3, dtype=torch.float64))
    assert energy.tolist() == [0.0, 0.0]
    assert not forces.any()
    assert openmm_energy_forces(model.openmm_forces(), np.zeros((1, 1, 3)))[0].tolist() == [0.0]
    assert model.group_energies(torch.zeros(1, 3)) == {}


def test_positions_are_left_alone() -> None:
    x = torch.tensor(geometries(MODELS["ethanol"]))
    before = x.clone()
    energy, forces = MODELS["ethanol"].energy_forces(x)
    assert torch.equal(x, before)
    assert not (x.requires_grad or energy.requires_grad or forces.requires_grad)


def test_other_values_make_another_model_and_leave_the_first_alone() -> None:
    model = force_field("ethanol")
    x = torch.tensor(geometries(model))
    before = model.energy(x)
    values = model.parameter_table.values.copy()
    other = model.with_values(1.1 * values)
    values *= 2
    assert torch.equal(model.energy(x), before)
    assert (other.energy(x) != before).all()
    assert (other.form, other.types, other.source) == (model.form, model.types, model.source)
    assert other.molecule is model.molecule


def test_charges_of_the_start_are_kept_for_other_molecules() -> None:
    model = REFIT["ethanol, refit"]
    np.testing.assert_array_equal(model.nonbonded.charge, STOCK["ethanol"].nonbonded.charge)
    assert len(model.molecule.numbers) == len(molecule("ethanol").numbers)
