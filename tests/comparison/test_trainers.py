import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest

from hybridff import read_frames
from hybridff.analysis.methods import SGDMLCalculator
from hybridff.comparison.options import (
    GAP,
    MACE,
    SGDML,
    TRAINED,
    GAPOptions,
    MACEOptions,
    SGDMLOptions,
    TrainingOptions,
)
from hybridff.comparison.quantities import evaluations
from hybridff.comparison.trainers import LOG, pair_kernels, running_program, train, train_sgdml, write_xyz
from hybridff.errors import InputError, MissingProgramError
from hybridff.frames.dataset import Frames
from hybridff.progress import silent
from hybridff.units import EV, FORCE_KCAL


def parts() -> tuple[Frames, Frames, Frames]:
    """Training, validation and test frames."""
    frames = read_frames("hybridff/data/ethanol.npz")
    return tuple(frames.subset(np.arange(i, i + n)) for i, n in ((0, 25), (100, 10), (200, 10)))  # type: ignore[return-value]


def trained(name: str, folder: Path, options: TrainingOptions):
    training, validation, _ = parts()
    return train(name, training, validation, options, folder, silent)


@pytest.mark.parametrize("name", TRAINED)
def test_a_package_that_is_missing_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = {SGDML: "sgdml", GAP: "quippy-ase", MACE: "mace-torch"}[name]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingProgramError, match=rf"{name} needs {package}: pip install hybridff\[compare\]"):
        trained(name, tmp_path, TrainingOptions())


@pytest.mark.parametrize("name", [SGDML, MACE])
def test_what_is_chosen_by_validation_frames_needs_some(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    training, validation, _ = parts()
    none = validation.subset(np.arange(0))
    with pytest.raises(InputError, match=f"{name} needs validation frames"):
        train(name, training, none, TrainingOptions(), tmp_path, silent)


def test_sgdml_learns_and_its_file_gives_the_same_by_our_kernels(tmp_path: Path) -> None:
    pytest.importorskip("sgdml")
    found = trained(SGDML, tmp_path, TrainingOptions(sgdml=SGDMLOptions(widths=(10, 20, 40))))
    test = parts()[2]
    theirs, ours = (evaluations(own, test) for own in (found.calculator, SGDMLCalculator(found.file)))
    assert test.forces is not None
    rmse = np.sqrt(np.mean((theirs.forces - test.forces) ** 2)) / FORCE_KCAL
    spread = np.sqrt(np.mean(test.forces**2)) / FORCE_KCAL
    assert rmse < 0.25 * spread
    # double precision on both sides
    np.testing.assert_allclose(ours.forces, theirs.forces, rtol=1e-6, atol=1e-4)
    np.testing.assert_allclose(ours.energies, theirs.energies, rtol=1e-9)
    assert found.seconds > 0
    assert "permutations, 25 points" in found.setting
    assert {path.name for path in tmp_path.iterdir()} == {"model.npz", LOG}


def test_sgdml_is_not_begun_where_memory_will_not_do(tmp_path: Path) -> None:
    frames = parts()[0]
    many = frames.subset(np.zeros(100_000, dtype=int))
    with pytest.raises(InputError, match=r"sgdml needs about \d+ GB of memory for 100000 frames, and here are \d+ GB"):
        train_sgdml(many, frames, SGDMLOptions(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_gap_learns(tmp_path: Path) -> None:
    pytest.importorskip("quippy")
    options = GAPOptions(sparse_points=30, n_max=4, l_max=3)
    found = trained(GAP, tmp_path, TrainingOptions(gap=options))
    test = parts()[2]
    assert test.forces is not None
    rmse = np.sqrt(np.mean((evaluations(found.calculator, test).forces - test.forces) ** 2))
    assert rmse < 0.5 * np.sqrt(np.mean(test.forces**2))


@pytest.mark.slow
def test_mace_learns_within_its_time(tmp_path: Path) -> None:
    pytest.importorskip("mace")
    begin = time.perf_counter()
    found = trained(MACE, tmp_path, TrainingOptions(mace=MACEOptions(minutes=1.5, channels=8, batch_size=2)))
    test = parts()[2]
    assert test.forces is not None
    rmse = np.sqrt(np.mean((evaluations(found.calculator, test).forces - test.forces) ** 2))
    assert rmse < 0.5 * np.sqrt(np.mean(test.forces**2))
    assert found.seconds < time.perf_counter() - begin < 300
    assert "epochs in" in found.setting


def test_a_program_that_fails_says_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sgdml")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match=r"sgdml wrote no model \(exit code 1\): it printed nothing"):
        trained(SGDML, tmp_path, TrainingOptions())
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(MissingProgramError, match="sgdml cannot be run"):
        trained(SGDML, tmp_path, TrainingOptions())


def test_a_program_is_ended_with_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    )
    with running_program([sys.executable, "-c", script], tmp_path, "fake"):
        deadline = time.monotonic() + 20
        while not (tmp_path / LOG).read_text(encoding="utf-8").strip() and time.monotonic() < deadline:
            time.sleep(0.02)
        child = int((tmp_path / LOG).read_text(encoding="utf-8"))
    listing = ["ps", "-o", "stat=", "-p", str(child)]
    state = subprocess.run(listing, capture_output=True, encoding="utf-8", check=False).stdout
    assert state.strip() == "" or state.startswith("Z")


def test_the_exit_code_of_a_program_is_kept(tmp_path: Path) -> None:
    with running_program([sys.executable, "-c", "raise SystemExit(3)"], tmp_path, "fake") as process:
        process.wait()
    assert process.returncode == 3 != -signal.SIGKILL


def test_frames_for_programs_are_in_electronvolts_above_their_mean(tmp_path: Path) -> None:
    frames = parts()[0]
    write_xyz(tmp_path / "frames.xyz", frames)
    written = ase.io.iread(tmp_path / "frames.xyz")
    assert frames.forces is not None
    found = [(atoms.info["REF_energy"], atoms.arrays["REF_forces"]) for atoms in written]
    energies = np.array([energy for energy, _ in found]) * EV
    np.testing.assert_allclose(energies, frames.energies - frames.energies.mean(), atol=1e-6)
    np.testing.assert_allclose(found[3][1] * EV * 10, frames.forces[3], atol=1e-3)


def test_gap_gets_no_kernel_of_a_pair_that_is_never_near() -> None:
    kernels = list(pair_kernels(parts()[0], 4.5))
    kinds = {tuple(kernel.split()[1:3]) for kernel in kernels}
    # ethanol has one oxygen, so that there is no pair of them
    assert kinds == {("Z1=1", "Z2=1"), ("Z1=1", "Z2=6"), ("Z1=1", "Z2=8"), ("Z1=6", "Z2=6"), ("Z1=6", "Z2=8")}
    near = list(pair_kernels(parts()[0], 1.3))
    assert {tuple(kernel.split()[1:3]) for kernel in near} == {("Z1=1", "Z2=6"), ("Z1=1", "Z2=8")}
