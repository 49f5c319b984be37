"""Models of the program sgdml for the benchmarks, made without a word; it is ``pip install sgdml``."""

import contextlib
import io
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from hybridff import Frames
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.comparison.sgdml_program import dataset, trained
from hybridff.corrections.fragment import Fragment
from hybridff.units import ANGSTROM

RIDGE = 1e-10
"""Ridge of all models [1/Å²]."""
_MOST_POINTS, _WIDTH = 200, 20.0
"""Points that models of steps to be timed are trained on, and their length scale [1/Å]."""


@contextlib.contextmanager
def silently() -> Iterator[None]:
    """Without what the program prints and logs."""
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def sgdml_model(train: Frames, test: Frames, permutations: np.ndarray, width: float) -> dict[str, Any]:
    """A model that the program trains on forces of these frames."""
    from sgdml.train import GDMLTrain

    few = dataset(test.subset(np.arange(1)), "test")
    return trained(GDMLTrain(), dataset(train, "train"), few, width, RIDGE, permutations)


def repeated_calculator(data: BenchmarkSet, n_points: int, folder: Path) -> BaseCalculator:
    """The program's calculator of a model whose training points are repeated until they are enough."""
    from sgdml.intf.ase_calc import SGDMLCalculator

    n_trained = min(n_points, _MOST_POINTS)
    train, test = data.frames.subset(np.arange(n_trained)), data.frames.subset(np.arange(n_trained, n_trained + 10))
    positions = torch.as_tensor(data.frames.positions[:1000])
    fragment = Fragment.find(data.molecule, range(len(data.molecule.numbers)), positions)
    model = dict(sgdml_model(train, test, fragment.permutations.numpy(), _WIDTH))
    for name in ("R_desc", "R_d_desc_alpha"):
        axis = model[name].shape.index(n_trained)
        model[name] = model[name].take(np.arange(n_points) % n_trained, axis=axis)
    np.savez_compressed(folder / "model.npz", **model)
    per_ev = units.kcal / units.mol
    return SGDMLCalculator(str(folder / "model.npz"), E_to_eV=per_ev, F_to_eV_Ang=per_ev)


def ase_step_time(data: BenchmarkSet, n_points: int, steps: int, repeats: int) -> float:
    """Median time of a step [µs] through the program's calculator, of so many runs of so many steps."""
    found = []
    with TemporaryDirectory() as folder, silently():
        atoms = Atoms(data.molecule.numbers, data.frames.positions[0] / ANGSTROM)
        atoms.calc = repeated_calculator(data, n_points, Path(folder))
        MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(0))
        dynamics = VelocityVerlet(atoms, timestep=0.5 * units.fs)
        dynamics.run(5)
        for _ in range(repeats):
            begin = time.perf_counter()
            dynamics.run(steps)
            found.append((time.perf_counter() - begin) / steps * 1e6)
    return float(np.median(found))
