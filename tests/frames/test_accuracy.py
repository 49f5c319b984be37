from dataclasses import replace

import numpy as np
import pytest
import torch
from models import distorted, force_field

from hybridff.frames import accuracy
from hybridff.frames.accuracy import evaluate, predict
from hybridff.frames.dataset import Frames
from hybridff.units import FORCE_KCAL, KCAL_MOL

MODEL = force_field("ethanol")


def exact(n: int) -> Frames:
    x = distorted("ethanol", n)
    energies, forces = predict(MODEL, x)
    return Frames(MODEL.molecule.numbers, x, energies, forces)


def test_a_model_has_no_errors_on_its_own_data_whatever_the_offset() -> None:
    frames = exact(5)
    found = evaluate(MODEL, replace(frames, energies=frames.energies - 1000.0))
    assert found.n_frames == 5
    assert found.energy_offset == pytest.approx(-1000.0, rel=1e-12)
    assert found.energy_rmse == pytest.approx(0.0, abs=1e-10)
    assert (found.force_mae, found.force_rmse) == (0.0, 0.0)


def test_errors_are_those_put_in() -> None:
    frames = exact(4)
    assert frames.forces is not None
    forces = frames.forces.copy()
    forces[2, 3, 1] += 54.0
    found = evaluate(MODEL, replace(frames, energies=frames.energies + np.array([1.0, -1.0, 3.0, -3.0]), forces=forces))
    assert found.energy_offset == pytest.approx(0.0, abs=1e-9)
    assert found.energy_mae == pytest.approx(2.0)
    assert found.energy_rmse == pytest.approx(np.sqrt(5.0))
    components = 4 * 9 * 3
    assert found.force_mae == pytest.approx(54.0 / components)
    assert found.force_rmse == pytest.approx(54.0 / np.sqrt(components))


def test_the_models_own_offset_is_used_when_given() -> None:
    frames = exact(4)
    found = evaluate(MODEL, replace(frames, energies=frames.energies + 10.0), energy_offset=7.0)
    assert found.energy_offset == 7.0
    assert found.energy_mae == pytest.approx(3.0)
    assert found.energy_rmse == pytest.approx(3.0)


def test_frames_without_forces_have_energy_errors_only() -> None:
    found = evaluate(MODEL, replace(exact(3), forces=None))
    assert found.force_mae is None
    assert found.force_rmse is None
    assert found.in_field_units()["force_rmse_kcal_mol_angstrom"] is None
    assert found.energy_rmse < 1e-9


def test_field_units_are_kcal_and_angstrom() -> None:
    found = accuracy.Errors(3, 4.184, 8.368, 4.184, 41.84, 83.68)
    assert found.in_field_units() == pytest.approx(
        {
            "n_frames": 3,
            "energy_offset_kcal_mol": 1.0,
            "energy_mae_kcal_mol": 2.0,
            "energy_rmse_kcal_mol": 1.0,
            "force_mae_kcal_mol_angstrom": 1.0,
            "force_rmse_kcal_mol_angstrom": 2.0,
        }
    )
    assert pytest.approx(4.184, rel=1e-15) == KCAL_MOL
    assert pytest.approx(41.84, rel=1e-15) == FORCE_KCAL


def test_predictions_come_in_blocks_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x = distorted("ethanol", 7)
    energies, forces = predict(MODEL, x)
    monkeypatch.setattr(accuracy, "_BLOCK", 3)
    blocks = predict(MODEL, x)
    np.testing.assert_allclose(blocks[0], energies, rtol=1e-13)
    np.testing.assert_allclose(blocks[1], forces, atol=1e-11 * np.abs(forces).max())
    np.testing.assert_allclose(energies, MODEL.energy(torch.tensor(x)), rtol=1e-13)
