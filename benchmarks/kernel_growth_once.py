"""One training of a kernel on all atoms beside class II, with its time and memory."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from shared import peak_memory, read_set

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
_SHIFT = 0.005 * ANGSTROM
"""Deviation of atoms of frames that are made from others [nm]."""


def fit_terms(options: argparse.Namespace, folder: Path) -> float:
    """Fit class II and write it with its posterior into a folder; its force RMSE [kcal/mol/Å]."""
    data = read_set(options.set)
    split = data.split(options.fit, VALIDATION, TEST, seed=0)
    found = fit_as_the_command_does(data, split, BenchmarkFit(gate=GateOptions(gate="none")))
    write_model(SavedModel(found.force_field, found.energy_offset), folder)
    found.result.posteriors[0].write(folder / POSTERIOR)
    errors = evaluate(found.force_field, data.frames.subset(split.test), found.energy_offset)
    assert errors.force_rmse is not None
    return errors.force_rmse / FORCE_KCAL


def trained(options: argparse.Namespace, n: int) -> dict[str, Any]:
    """Time [s], peak memory [MB] and errors [kcal/mol, kcal/mol/Å] of a training with so many points."""
    data, force_field = read_set(options.set), read_model(options.alone).force_field
    posterior = Posterior.read(options.alone / POSTERIOR, len(force_field.parameter_table))
    split = data.split(options.fit, VALIDATION, TEST, seed=0)
    frames = enough(data, force_field, split.train, n)
    held, how = data.frames.subset(split.validation), CorrectionOptions(descriptor=options.descriptor, device="cpu")
    everything = range(len(data.molecule.numbers))
    os.environ["HYBRIDFF_CACHE"] = str(options.alone / f"cache-{n}")  # no training of an earlier run is gone on with
    begin, processor = time.perf_counter(), time.process_time()
    found = correct(force_field, frames, held, [everything], how, posterior=posterior if options.free else None)
    seconds, used, memory = time.perf_counter() - begin, time.process_time() - processor, peak_memory()
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
    """So many frames: those of the training, then shifted ones with the same errors of the terms."""
    frames = data.frames.subset(train[np.arange(n) % len(train)])
    if n <= len(train):
        return frames
    assert frames.forces is not None
    moved = frames.positions.copy()
    moved[len(train) :] += np.random.default_rng(0).normal(0, _SHIFT, moved[len(train) :].shape)
    (old_energies, old_forces), (energies, forces) = (predict(terms, x) for x in (frames.positions, moved))
    return Frames(frames.numbers, moved, frames.energies + energies - old_energies, frames.forces + forces - old_forces)
