"""Laws that the energy of every force field obeys, and its agreement with the exported forces."""

import numpy as np
import pytest
import torch
from helpers import openmm_energy_forces
from models import EXAMPLES, corrected, distorted, force_field, lone_atom, molecule, perturbed
from scipy.spatial.transform import Rotation

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


@every_model
def test_translation_and_rotation_change_nothing(model: ForceField) -> None:
    x = geometries(model)
    turn = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
    energy, forces = model.energy_forces(torch.tensor(x))
    moved_energy, moved_forces = model.energy_forces(torch.tensor((x + np.array([0.3, -0.2, 0.5])) @ turn.T))
    # Shifting by 0.5 nm costs the coordinates one or two of their 16 digits; stiff bonds make that 1e-11 of a force.
    torch.testing.assert_close(moved_energy, energy, rtol=1e-11, atol=0)
    np.testing.assert_allclose(moved_forces, forces.numpy() @ turn.T, atol=1e-10 * forces.abs().max().item())


@every_model
def test_net_force_and_torque_are_zero(model: ForceField) -> None:
    x = geometries(model)
    forces = model.energy_forces(torch.tensor(x))[1].numpy()
    largest = np.abs(forces).max()
    np.testing.assert_allclose(forces.sum(1), 0.0, atol=1e-12 * largest)
    np.testing.assert_allclose(np.cross(x, forces).sum(1), 0.0, atol=1e-12 * largest)


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        ("ethanol", [[0, 1, 2, 4, 3, 5, 6, 7, 8], [0, 1, 2, 5, 3, 4, 7, 6, 8]]),
        ("ethanol, refit", [[0, 1, 2, 4, 3, 5, 6, 7, 8], [0, 1, 2, 5, 3, 4, 7, 6, 8]]),
        ("propane", [[2, 1, 0, 8, 9, 10, 6, 7, 3, 4, 5], [0, 1, 2, 4, 5, 3, 7, 6, 8, 9, 10]]),
        ("propyne", [[0, 1, 2, 5, 4, 3, 6]]),
        ("acetaldehyde, refit", [[0, 1, 2, 4, 5, 3, 6]]),
    ],
)
def test_exchanging_equivalent_atoms_changes_nothing(name: str, orders: list[list[int]]) -> None:
    model = MODELS[name]
    x = torch.tensor(geometries(model))
    energy, forces = model.energy_forces(x)
    for order in orders:
        exchanged_energy, exchanged_forces = model.energy_forces(x[:, order])
        torch.testing.assert_close(exchanged_energy, energy, rtol=1e-12, atol=0)
        torch.testing.assert_close(exchanged_forces, forces[:, order], rtol=1e-10, atol=1e-9)


def test_exchanging_other_atoms_changes_the_energy() -> None:
    model = MODELS["ethanol"]
    x = torch.tensor(geometries(model))
    order = [0, 1, 2, 6, 4, 5, 3, 7, 8]
    assert (model.energy(x[:, order]) - model.energy(x)).abs().min() > 1.0


@every_model
def test_forces_are_differences_of_the_energy(model: ForceField) -> None:
    x = geometries(model, 1)[0]
    forces = model.energy_forces(torch.tensor(x))[1].numpy()
    step = 1e-6
    moves = step * np.eye(x.size).reshape(-1, *x.shape)
    down, up = model.energy(torch.tensor(x - moves)), model.energy(torch.tensor(x + moves))
    # Energies of 1e3 kJ/mol are good to 1e-13; divided by the step, 1e-7 of the largest force.
    differences = (down - up).numpy().reshape(x.shape) / (2 * step)
    np.testing.assert_allclose(differences, forces, atol=1e-6 * np.abs(forces).max())


@every_model
def test_exported_forces_agree_with_torch(model: ForceField) -> None:
    x = geometries(model, 5)
    energy, forces = (part.numpy() for part in model.energy_forces(torch.tensor(x)))
    exported_energy, exported_forces = openmm_energy_forces(model.openmm_forces(), x)
    # Both in double precision; OpenMM's torsions go through acos.
    np.testing.assert_allclose(energy, exported_energy, rtol=1e-9)
    np.testing.assert_allclose(forces, exported_forces, rtol=0, atol=1e-9 * np.abs(forces).max())


def test_strongly_distorted_geometries_agree_too() -> None:
    x = distorted("ethanol", 20, width=0.04, seed=5)
    energy, forces = (part.numpy() for part in MODELS["ethanol, refit"].energy_forces(torch.tensor(x)))
    exported_energy, exported_forces = openmm_energy_forces(MODELS["ethanol, refit"].openmm_forces(), x)
    np.testing.assert_allclose(energy, exported_energy, rtol=1e-9)
    for frame in range(20):
        largest = np.abs(forces[frame]).max()
        np.testing.assert_allclose(forces[frame], exported_forces[frame], rtol=0, atol=1e-9 * largest)


@every_model
def test_float32_in_is_float32_out(model: ForceField) -> None:
    x = geometries(model)
    energy, forces = model.energy_forces(torch.tensor(x, dtype=torch.float32))
    exact_energy, exact_forces = model.energy_forces(torch.tensor(x))
    assert energy.dtype == forces.dtype == torch.float32
    # A bond's stretch of 0.005 nm keeps four digits of a length of 0.15 nm in float32.
    torch.testing.assert_close(energy.double(), exact_energy, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(forces.double(), exact_forces, rtol=0, atol=1e-4 * exact_forces.abs().max().item())


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
