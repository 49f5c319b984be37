"""Settings of the whole suite; with this file, ``tests/`` is importable from the folders below it."""

import os
import shutil
from pathlib import Path

import openmm
import pytest
import torch

torch.set_num_threads(1)


class FirstCalls:
    """jaxtyping's settings: types and shapes are checked at the first calls of each test; all would take minutes."""

    limit = 3000
    jaxtyping_remove_typechecker_stack = False

    def __init__(self) -> None:
        self.calls = 0

    @property
    def jaxtyping_disable(self) -> bool:
        self.calls += 1
        return self.calls > self.limit


settings_of_types = FirstCalls()
pytest.MonkeyPatch().setattr("jaxtyping._decorator.config", settings_of_types)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    settings_of_types.calls = 0


@pytest.fixture(scope="session")
def common_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this run of the suite, empty at its beginning, that its workers have in common."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "common-cache"


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good inputs for the command line, made once; see ``bad_inputs.make_material``."""
    from bad_inputs import make_material  # it imports the whole package, which most tests do not need

    folder = tmp_path_factory.mktemp("material")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRIDFF_CACHE", str(folder.with_name("cache")))
        make_material(folder)
    return folder


@pytest.fixture
def workplace(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a copy of ``material``, and no other cache than this session's."""
    folder = tmp_path / "work"
    shutil.copytree(material, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HYBRIDFF_CACHE", str(material.with_name("cache")))
    return folder


@pytest.fixture
def broken_dynamics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamics that end in no numbers at once."""

    def fail(self: openmm.LangevinMiddleIntegrator, steps: int) -> None:
        raise openmm.OpenMMException("Particle coordinate is NaN")

    monkeypatch.setattr(openmm.LangevinMiddleIntegrator, "step", fail)
