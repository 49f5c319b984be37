"""One training of a global sGDML model, by one of two programs, with its time and memory."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sgdml_models import RIDGE, sgdml_model, silently
from shared import DATA, peak_memory

from hybridff import Frames, read_frames
from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.term import KernelTerm
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

PROGRAMS = ("sgdml", "hybridff")
_SETS = {"ethanol": "ethanol_rmd17", "aspirin": "aspirin_rmd17"}
_N_TEST = 200


def train_once(program: str, case: str, width: float, out: Path) -> dict[str, Any]:
    """Train, write predictions of unseen frames, and tell time [s], memory [MB] and force RMSE [kcal/mol/Å].

    A case is a molecule and a number of frames; the length scale is in 1/Å.
    """
    name, size = case.split()
    frames = read_frames(DATA / f"{_SETS[name]}.npz")
    order = np.random.default_rng(0).permutation(len(frames))
    train, test = frames.subset(order[: int(size)]), frames.subset(order[-_N_TEST:])
    everything, x = range(len(frames.numbers)), torch.as_tensor(train.positions)
    fragment = Fragment.find(frames.molecule(name), everything, x)
    if program == "hybridff":
        before, begin = peak_memory(children=True), time.perf_counter()
        forces = torch.as_tensor(train.forces)
        scales = width / ANGSTROM, RIDGE / ANGSTROM**2
        kernel = train_forces(fragment.descriptor, x, forces, fragment.permutations, *scales)
        seconds, memory = time.perf_counter() - begin, peak_memory(children=True) - before
        found = KernelTerm(everything, kernel).energy_forces(torch.as_tensor(test.positions))
        energies, predicted = (part.numpy() for part in found)
    else:
        seconds, memory, energies, predicted = _by_sgdml(train, test, fragment.permutations.numpy(), width)
    np.savez(out, energies=energies, forces=predicted)
    assert test.forces is not None
    rmse = float(np.sqrt(((predicted - test.forces) ** 2).mean())) / FORCE_KCAL
    return {"seconds": seconds, "memory": memory, "permutations": len(fragment.permutations), "rmse": rmse}


def _by_sgdml(
    train: Frames, test: Frames, permutations: np.ndarray, width: float
) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Time [s], memory [MB], energies [kJ/mol] and forces [kJ/mol/nm] by the authors' program."""
    from sgdml.predict import GDMLPredict

    with silently():
        before, begin = peak_memory(children=True), time.perf_counter()
        model = sgdml_model(train, test, permutations, width)
        seconds, memory = time.perf_counter() - begin, peak_memory(children=True) - before
        energies, forces = GDMLPredict(model).predict(test.positions.reshape(len(test), -1) / ANGSTROM)
    return seconds, memory, energies * KCAL_MOL, forces.reshape(test.positions.shape) * FORCE_KCAL
