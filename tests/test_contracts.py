"""The contract of every entry in ``contracts.py``: derivatives, invariance, agreement, files, single precision."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from contracts import LEVELS, MODELS, ROUTES, differences, equal_numberings, geometries
from scipy.spatial.transform import Rotation

from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model, write_model
from hybridff.gaff.forcefield import ForceField
from hybridff.reference.level import Species, labeller_of
from hybridff.reference.levels import level_of

every_model = pytest.mark.parametrize("name", MODELS)
every_route = pytest.mark.parametrize("route", ROUTES)
every_level = pytest.mark.parametrize("level", LEVELS)
TURN = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
SHIFT = np.array([0.3, -0.2, 0.5])
WATER = np.array([[0.0, 0.0, 0.0], [0.097, 0.0, 0.0], [-0.02, 0.095, 0.004]])

model_of = cache(lambda name: MODELS[name]())


def by_torch(model: ForceField, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    energies, forces = model.energy_forces(torch.as_tensor(x))
    return energies.numpy(), forces.numpy()


def scale(model: ForceField, x: np.ndarray) -> float:
    """Sum of the absolute terms of a frame [kJ/mol], whose rounding an energy carries."""
    energies = model.energy(torch.as_tensor(x)).abs().max()
    return float(model.term_energies(torch.as_tensor(x)).abs().sum(-1).max() + energies)


@every_model
def test_forces_are_differences_of_the_energy(name: str) -> None:
    model = model_of(name)
    x = geometries(model, 1)[0]
    forces = by_torch(model, x[None])[1][0]
    found = differences(lambda moved: by_torch(model, moved)[0], x)
    # Rounding of an energy over the step; third derivatives times the square of the step are less.
    np.testing.assert_allclose(found, forces, rtol=0, atol=1e-6 * np.abs(forces).max() + 1e-9 * scale(model, x[None]))


@every_model
def test_turning_shifting_and_mirroring_turn_forces_alone(name: str) -> None:
    model = model_of(name)
    x = geometries(model)
    energies, forces = by_torch(model, x)
    for moved, turn in ((x @ TURN.T, TURN), (x + SHIFT, np.eye(3)), (-x, -np.eye(3))):
        found, turned = by_torch(model, moved)
        # A shift costs coordinates one or two of their 16 digits; stiff bonds make that 1e-10 of a force.
        np.testing.assert_allclose(found, energies, rtol=0, atol=1e-11 * scale(model, x))
        np.testing.assert_allclose(turned, forces @ turn.T, rtol=0, atol=1e-9 * np.abs(forces).max())


@every_model
def test_exchanging_equivalent_atoms_exchanges_their_forces(name: str) -> None:
    model = model_of(name)
    if model.corrections:
        pytest.skip("these kernels have two permutations, by hand; see tests/corrections")
    x, orders = geometries(model), equal_numberings(model.molecule)
    assert len(orders) > 1
    energies, forces = by_torch(model, x)
    for order in orders:
        found, exchanged = by_torch(model, x[:, order])
        np.testing.assert_allclose(found, energies, rtol=0, atol=1e-12 * scale(model, x))
        np.testing.assert_allclose(exchanged, forces[:, order], rtol=0, atol=1e-10 * np.abs(forces).max())


@every_route
@every_model
def test_a_route_agrees_with_torch_and_its_forces_with_its_energies(name: str, route: str) -> None:
    model = model_of(name)
    x = geometries(model)
    energies, forces = by_torch(model, x)
    found, own = ROUTES[route](model, x)
    # Double precision everywhere; OpenMM's torsions lose some digits in acos.
    np.testing.assert_allclose(found, energies, rtol=0, atol=1e-10 * scale(model, x))
    np.testing.assert_allclose(own, forces, rtol=0, atol=1e-9 * np.abs(forces).max())
    slopes = differences(lambda moved: ROUTES[route](model, moved)[0], x[0])
    np.testing.assert_allclose(slopes, own[0], rtol=0, atol=1e-6 * np.abs(forces).max() + 1e-9 * scale(model, x))


@every_model
def test_a_file_gives_the_same_numbers_and_the_same_file(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    write_model(SavedModel(model, -1.5, {}), first)
    read = read_model(first)
    write_model(read, second)
    assert (first / FILE_NAME).read_bytes() == (second / FILE_NAME).read_bytes()
    for found, own in zip(
        by_torch(read.force_field, geometries(model)), by_torch(model, geometries(model)), strict=True
    ):
        np.testing.assert_array_equal(found, own)


@every_model
def test_single_precision_in_is_single_precision_out(name: str) -> None:
    model = model_of(name)
    x = geometries(model)
    energies, forces = model.energy_forces(torch.tensor(x, dtype=torch.float32))
    assert energies.dtype == forces.dtype == torch.float32
    exact, exact_forces = by_torch(model, x)
    # A bond's stretch of 0.005 nm keeps four digits of a length of 0.15 nm.
    np.testing.assert_allclose(energies, exact, rtol=1e-3, atol=1e-5 * scale(model, x))
    np.testing.assert_allclose(forces, exact_forces, rtol=0, atol=3e-4 * np.abs(exact_forces).max())


@every_level
def test_a_level_has_forces_that_are_slopes_and_turn_with_the_molecule(level: str) -> None:
    pytest.importorskip(LEVELS[level])
    label, step = labeller_of(level_of(level), Species(np.array([8, 1, 1]), 0, "water")), 1e-4
    energy, forces = label(WATER)
    turned, turned_forces = label(WATER @ TURN.T + SHIFT)
    assert turned == pytest.approx(energy, abs=3e-5)  # kJ/mol, of some 2e5
    np.testing.assert_allclose(turned_forces, forces @ TURN.T, atol=1e-3)
    careful, careful_forces = label(WATER, careful=True)
    assert careful == pytest.approx(energy, abs=1e-5)
    np.testing.assert_allclose(careful_forces, forces, atol=0.2)
    shift = np.random.default_rng(0).normal(size=(3, 3))
    shift *= step / np.linalg.norm(shift)
    slope = (label(WATER + shift)[0] - label(WATER - shift)[0]) / (2 * step)
    # Integration grids, whose weights move too, cost a functional more.
    assert -np.sum(forces * shift) / step == pytest.approx(slope, abs=5.0 if level.startswith("pbe") else 0.05)
