"""Time and memory of the training of a kernel on all atoms, beside class II, with a point at every frame.

Hyperparameters are searched for on some of the frames, then all frames are solved for by conjugate gradients, as
``hybridff correct --correction all`` does it. The coefficients of class II stay as a fit to some frames has left them,
unless ``--free``; that fit is made once and is outside of the timing. Every training runs in a process of its own.

Points beyond the frames of the set are frames whose atoms are shifted by 0.005 Å at random, with the errors of class II
that these have: their times mean something, their accuracy does not.

Usage: python benchmarks/kernel_growth.py [--set ethanol_rmd17] [--points 100 200 500 870] [--fit 870] [--free]
                                          [--descriptor auto]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from shared import options_of, peak_memory, read_set, table

from hybridff import Frames, evaluate, read_model, write_model
from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.export.modelfile import SavedModel
from hybridff.fitting.posterior import POSTERIOR, Posterior
from hybridff.frames.accuracy import predict
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.correcting import correct
from hybridff.hybrid.options import CorrectionOptions
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

VALIDATION, TEST = 50, 500
HEADER = ("set", "points", "forces and energies", "time", "of the processor", "memory", "force RMSE", "energy RMSE")
_SHIFT = 0.005 * ANGSTROM


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="ethanol_rmd17", help="of frames")
    parser.add_argument("--points", nargs="+", type=int, default=(100, 200, 500, 870))
    parser.add_argument("--fit", type=int, default=870, help="frames that class II is fitted to")
    parser.add_argument("--free", action="store_true", help="coefficients of class II are unknowns, too")
    parser.add_argument("--descriptor", choices=("auto", "distances", "angular"), default="auto")
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(trained(options, options.points[0])))
        return
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores\n")
    with TemporaryDirectory() as folder:
        fit_terms(options, Path(folder))
        table(HEADER, rows(options, Path(folder)))


def fit_terms(options: argparse.Namespace, folder: Path) -> None:
    """Fit class II and write it with its posterior into a folder."""
    data = read_set(options.set)
    split = data.split(options.fit, VALIDATION, TEST, seed=0)
    found = fit_as_the_command_does(data, split, BenchmarkFit(gate=GateOptions(gate="none")))
    write_model(SavedModel(found.force_field, found.energy_offset), folder)
    found.result.posteriors[0].write(folder / POSTERIOR)
    errors = evaluate(found.force_field, data.frames.subset(split.test), found.energy_offset)
    assert errors.force_rmse is not None
    print(f"Class II alone, fitted to {len(split.train)} frames: force RMSE {errors.force_rmse / FORCE_KCAL:.3f}\n")


def rows(options: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    """A row for each number of points, whose training runs in a process of its own."""
    for n in options.points:
        command = [sys.executable, __file__, "--set", options.set, "--points", str(n), "--fit", str(options.fit)]
        command += ["--descriptor", options.descriptor, "--alone", str(folder), *(["--free"] if options.free else [])]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        found = json.loads(run.stdout.splitlines()[-1])
        times = [f"{found[key]:.0f} s" for key in ("seconds", "processor")]
        errors = [f"{found['force']:.3f}", f"{found['energy']:.3f}"] if n <= options.fit else ["", ""]
        yield [options.set, str(n), str(found["values"]), *times, f"{found['memory']:.0f} MB", *errors]


def trained(options: argparse.Namespace, n: int) -> dict[str, Any]:
    """Time [s], peak memory [MB] and errors [kcal/mol, kcal/mol/Å] of a training with so many points."""
    data, force_field = read_set(options.set), read_model(options.alone).force_field
    posterior = Posterior.read(options.alone / POSTERIOR, len(force_field.parameter_table))
    split = data.split(options.fit, VALIDATION, TEST, seed=0)
    frames = enough(data, force_field, split.train, n)
    held, how = data.frames.subset(split.validation), CorrectionOptions(descriptor=options.descriptor, device="cpu")
    everything = range(len(data.molecule.numbers))
    os.environ["HYBRIDFF_CACHE"] = str(options.alone / f"cache-{n}")  # no search of an earlier run is gone on with
    begin, processor = time.perf_counter(), time.process_time()
    found = correct(force_field, frames, held, [everything], how, posterior=posterior if options.free else None)
    seconds, used = time.perf_counter() - begin, time.process_time() - processor
    memory = peak_memory()
    errors = evaluate(found.force_field, data.frames.subset(split.test), found.energy_offset)
    assert errors.force_rmse is not None
    return {
        "values": n * (3 * len(everything) - 5),
        "seconds": seconds,
        "processor": used,
        "memory": memory,
        "force": errors.force_rmse / FORCE_KCAL,
        "energy": errors.energy_rmse / KCAL_MOL,
    }


def enough(data: BenchmarkSet, terms: ForceField, train: np.ndarray, n: int) -> Frames:
    """So many frames: those of the training, then shifted ones."""
    rows = train[np.arange(n) % len(train)]
    frames = data.frames.subset(rows)
    if n <= len(train):
        return frames
    assert frames.forces is not None
    moved = frames.positions.copy()
    moved[len(train) :] += np.random.default_rng(0).normal(0, _SHIFT, moved[len(train) :].shape)
    (old_energies, old_forces), (energies, forces) = (predict(terms, x) for x in (frames.positions, moved))
    return Frames(frames.numbers, moved, frames.energies + energies - old_energies, frames.forces + forces - old_forces)


if __name__ == "__main__":
    main()
