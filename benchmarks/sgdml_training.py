"""Training of a global sGDML model: this engine against the authors' program ``sgdml``, same frames, same parameters.

Every training runs in a process of its own, on all cores. The time is that of the training alone: frames in memory,
permutations known (ours, for both), length scale and ridge given. Memory is by how much the training raises the peak
of the process. The largest relative deviation of energies and forces is over 200 frames that neither has seen;
energies are compared less their means. Needs the program (``pip install sgdml``).

Usage: python benchmarks/sgdml_training.py [--width 20] [case …]      a case is "ethanol 200", say
"""

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from common import DATA

from hybridff import Frames, read_frames
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.comparison.sgdml_program import dataset, trained
from hybridff.comparison.sgdml_training import train_forces
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.term import KernelTerm
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

SETS = {"ethanol": "ethanol_rmd17", "aspirin": "aspirin_rmd17"}
CASES = ("ethanol 110", "ethanol 200", "ethanol 400", "aspirin 110", "aspirin 200", "aspirin 300")
PROGRAMS = ("sgdml", "hybridff")
RIDGE = 1e-10
"""[1/Å²]"""
N_TEST = 200
MOST_POINTS = 200
"""That models of steps to be timed are trained on."""
_MB = 1024
"""Of ``ru_maxrss`` on Linux."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--width", type=float, default=20.0, help="length scale [1/Å]")
    parser.add_argument("--alone", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(alone(options.alone, options.cases[0], options.width, options.out)))
        return
    print(f"{os.cpu_count()} cores, length scale {options.width:g}/Å, ridge {RIDGE:g}/Å²\n")
    print("Time, memory, largest relative deviation of energies and forces, force RMSE [kcal/mol/Å]:\n")
    print("| case | permutations | sgdml | hybridff | ratio | sgdml | hybridff | ratio | energies | forces | RMSE |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            found, predictions = {}, {}
            for program in PROGRAMS:
                path = Path(folder) / f"{program}.npz"
                command = [sys.executable, __file__, case, "--alone", program, "--width", str(options.width)]
                run = subprocess.run([*command, "--out", str(path)], check=True, capture_output=True, text=True)
                found[program] = json.loads(run.stdout.splitlines()[-1])
                with np.load(path) as file:
                    predictions[program] = file["energies"], file["forces"]
        theirs, ours = (found[program] for program in PROGRAMS)
        deviations = [
            np.abs(a - b - (a - b).mean(0)).max() / np.abs(a - a.mean(0)).max()
            for a, b in zip(*(predictions[program] for program in PROGRAMS), strict=True)
        ]
        print(
            f"| {case} | {ours['permutations']} | {theirs['seconds']:.1f} s | {ours['seconds']:.1f} s | "
            f"{ours['seconds'] / theirs['seconds']:.2f} | {theirs['memory']:.0f} MB | {ours['memory']:.0f} MB | "
            f"{ours['memory'] / theirs['memory']:.2f} | {deviations[0]:.0e} | {deviations[1]:.0e} | "
            f"{ours['rmse']:.3f} |",
            flush=True,
        )


def alone(program: str, case: str, width: float, out: Path) -> dict:
    """Train once, write the predictions, and tell time and memory."""
    name, size = case.split()
    frames = read_frames(DATA / f"{SETS[name]}.npz")
    order = np.random.default_rng(0).permutation(len(frames))
    train, test = frames.subset(order[: int(size)]), frames.subset(order[-N_TEST:])
    x = torch.as_tensor(train.positions)
    fragment = Fragment.find(frames.molecule(name), range(len(frames.numbers)), x)
    if program == "hybridff":
        before, begin = _peak(), time.perf_counter()
        kernel = train_forces(
            fragment.descriptor,
            x,
            torch.as_tensor(train.forces),
            fragment.permutations,
            width / ANGSTROM,
            RIDGE / ANGSTROM**2,
        )
        seconds, memory = time.perf_counter() - begin, _peak() - before
        term = KernelTerm(range(len(frames.numbers)), kernel)
        energies, forces = (part.numpy() for part in term.energy_forces(torch.as_tensor(test.positions)))
    else:
        seconds, memory, energies, forces = _sgdml(train, test, fragment.permutations.numpy(), width)
    np.savez(out, energies=energies, forces=forces)
    assert test.forces is not None
    rmse = float(np.sqrt(((forces - test.forces) ** 2).mean())) / FORCE_KCAL
    return {"seconds": seconds, "memory": memory, "permutations": len(fragment.permutations), "rmse": rmse}


def _sgdml(
    train: Frames, test: Frames, permutations: np.ndarray, width: float
) -> tuple[float, float, np.ndarray, np.ndarray]:
    from sgdml.predict import GDMLPredict

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, begin = _peak(), time.perf_counter()
        model = sgdml_model(train, test, permutations, width)
        seconds, memory = time.perf_counter() - begin, _peak() - before
        predictor = GDMLPredict(model)
        energies, forces = predictor.predict(test.positions.reshape(len(test), -1) / ANGSTROM)
    return seconds, memory, energies * KCAL_MOL, forces.reshape(test.positions.shape) * FORCE_KCAL


def sgdml_model(train: Frames, test: Frames, permutations: np.ndarray, width: float) -> dict:
    """A model that the program trains on forces of these frames."""
    from sgdml.train import GDMLTrain

    few = dataset(test.subset(np.arange(1)), "test")
    return trained(GDMLTrain(), dataset(train, "train"), few, width, RIDGE, permutations)


def repeated_model(data: TrialSet, n_points: int) -> dict:
    """A model of the program, its training points repeated until they are enough."""
    n_trained = min(n_points, MOST_POINTS)
    train, test = data.frames.subset(np.arange(n_trained)), data.frames.subset(np.arange(n_trained, n_trained + 10))
    positions = torch.as_tensor(data.frames.positions[:1000])
    fragment = Fragment.find(data.molecule, range(len(data.molecule.numbers)), positions)
    model = dict(sgdml_model(train, test, fragment.permutations.numpy(), 20.0))
    for name in ("R_desc", "R_d_desc_alpha"):
        axis = model[name].shape.index(n_trained)
        model[name] = model[name].take(np.arange(n_points) % n_trained, axis=axis)
    return model


def _peak() -> float:
    """Of this process and the largest of its children [MB]."""
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(own, others) / _MB


if __name__ == "__main__":
    main()
