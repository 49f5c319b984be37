import contextlib
import io
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hybridff import read_frames
from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.sgdml_file import read_sgdml
from hybridff.errors import InputError
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

WIDTH, RIDGE = 20, 1e-10
"""Of the program's own units: [1/Å], [1/Å²]."""
PERMUTATIONS = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 4, 5, 3, 6, 7, 8], [0, 1, 2, 5, 3, 4, 6, 7, 8]])
N_TRAIN = 25


@cache
def trained() -> dict[str, Any]:
    """A model that the program trained on the bundled ethanol."""
    train = pytest.importorskip("sgdml.train")
    frames = read_frames("hybridff/data/ethanol.npz")
    assert frames.forces is not None
    energies, forces = frames.energies / KCAL_MOL, frames.forces / FORCE_KCAL
    data = {
        "type": "d",
        "name": np.str_("ethanol"),
        "theory": np.str_("unknown"),
        "R": frames.positions / ANGSTROM,
        "z": frames.numbers,
        "E": energies,
        "F": forces,
        "md5": np.str_("0"),
        "r_unit": np.str_("Ang"),
        "e_unit": np.str_("kcal/mol"),
    }
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = train.GDMLTrain(max_processes=1)
        task = trainer.create_task(data, N_TRAIN, data, 10, sig=WIDTH, lam=RIDGE, perms=PERMUTATIONS)
        return trainer.train(task)


def predicted(model: dict[str, Any], positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predict = pytest.importorskip("sgdml.predict")
    with contextlib.redirect_stdout(io.StringIO()):
        predictor = predict.GDMLPredict(model, max_processes=1)
        energies, forces = predictor.predict(positions.reshape(len(positions), -1) / ANGSTROM)
    return energies * KCAL_MOL, forces.reshape(positions.shape) * FORCE_KCAL


def ours(model: KernelExpansion, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = torch.as_tensor(positions).requires_grad_()
    energy = model.energy(x)
    (gradient,) = torch.autograd.grad(energy.sum(), x)
    return energy.detach().numpy(), -gradient.numpy()


def saved(folder: Path, **changes: Any) -> Path:
    path = folder / "model.npz"
    np.savez(path, **{key: value for key, value in {**trained(), **changes}.items() if value is not ...})
    return path


def test_a_model_of_the_program_has_the_programs_energies_and_forces(tmp_path: Path) -> None:
    numbers, model = read_sgdml(saved(tmp_path))
    frames = read_frames("hybridff/data/ethanol.npz")
    np.testing.assert_array_equal(numbers, frames.numbers)
    x = frames.positions[:40]
    energies, forces = ours(model, x)
    expected_energies, expected_forces = predicted(trained(), x)
    # The program's own rounding, with weights some 10⁵ times the energies.
    np.testing.assert_allclose(energies, expected_energies, rtol=0, atol=1e-8 * np.ptp(expected_energies))
    assert np.linalg.norm(forces - expected_forces) < 1e-8 * np.linalg.norm(expected_forces)


def test_the_same_data_train_the_same_model() -> None:
    frames, model = read_frames("hybridff/data/ethanol.npz"), trained()
    own = frames.subset(model["idxs_train"])
    kernel = train_forces(
        Descriptor(9),
        torch.as_tensor(own.positions),
        torch.as_tensor(own.forces),
        torch.as_tensor(PERMUTATIONS),
        WIDTH / ANGSTROM,
        RIDGE / ANGSTROM**2,
    )
    others = frames.positions[np.setdiff1d(np.arange(60), model["idxs_train"])]
    energies, forces = ours(kernel, others)
    expected_energies, expected_forces = predicted(model, others)
    shift = energies.mean() - expected_energies.mean()
    np.testing.assert_allclose(energies - shift, expected_energies, rtol=0, atol=1e-8 * np.ptp(expected_energies))
    assert np.linalg.norm(forces - expected_forces) < 1e-8 * np.linalg.norm(expected_forces)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "d"}, "is no model of sgdml"),
        ({"R_desc": ...}, "it has no 'R_desc'"),
        ({"lattice": np.eye(3)}, "with a periodic cell, which is not supported"),
        ({"alphas_E": np.ones(3)}, "with energy constraints, which is not supported"),
        ({"e_unit": "furlong"}, "its unit 'furlong' is not known"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_sgdml(saved(tmp_path, **changes))


def test_files_that_are_not_there_or_no_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_sgdml(tmp_path / "nothing.npz")
    path = tmp_path / "text.npz"
    path.write_text("no archive", encoding="utf-8")
    with pytest.raises(InputError, match="not a complete npz file"):
        read_sgdml(path)
