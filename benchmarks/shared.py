"""What the benchmarks share: sets of frames, fits without the stability gate, kernels of nothing, memory."""

import argparse
import os
import pickle
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import openmm
import torch
from openmm import app, unit

from hybridff import FitOptions, ForceField, to_openmm, write_model
from hybridff.analysis.water_box import Box
from hybridff.comparison.benchmark_sets import (
    BenchmarkFit,
    BenchmarkSet,
    fit_as_the_command_does,
    read_benchmark_set,
)
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.kernel import KernelExpansion
from hybridff.corrections.term import KernelTerm
from hybridff.export.modelfile import SavedModel
from hybridff.gaff.forms import Form
from hybridff.stability.gate import GateOptions

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
"""Folder of the sets of frames."""
_WIDTH = 20.0
"""Length scale of kernels [1/nm]."""
_MB = 1024
"""Of ``ru_maxrss`` on Linux."""


def options_of(usage: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the docstring of the benchmark as it is written."""
    return argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, each row as soon as it is there."""
    for row in chain([header, ["---"] * len(header)], rows):
        print("|" + "".join(f" {cell} |" if cell else " |" for cell in row), flush=True)


def read_set(name: str) -> BenchmarkSet:
    """The set of frames of this name."""
    return read_benchmark_set(DATA / f"{name}.npz")


def fitted(data: BenchmarkSet, form: Form, options: FitOptions, size: int) -> ForceField:
    """A fit to ``size`` frames, or to as many as there are."""
    (size,) = data.sizes([size], validation=0, test=0)
    how = BenchmarkFit(form=form, fit=options, gate=GateOptions(gate="none"))
    return fit_as_the_command_does(data, data.split(size, 0, 0, seed=0), how).force_field


def kernel(data: BenchmarkSet, atoms: Sequence[int], n_points: int, *, angular: bool = False) -> KernelTerm:
    """A kernel on frames of the set, with forces of nothing."""
    positions = torch.as_tensor(data.frames.positions)
    fragment = Fragment.find(data.molecule, atoms, positions[:1000], angular=angular)
    points = fragment.descriptor.of(positions[np.arange(n_points) % len(positions)][:, list(atoms)])
    weights = torch.as_tensor(1e-6 * np.random.default_rng(0).normal(size=points.shape))
    return KernelTerm(atoms, KernelExpansion(fragment.descriptor, points, weights, None, fragment.permutations, _WIDTH))


def prmtop_system(force_field: ForceField) -> openmm.System:
    """The System of a prmtop that ParmEd has written from a force field."""
    import parmed

    molecule = force_field.molecule.placed()
    assert molecule.positions is not None
    structure = parmed.openmm.load_topology(molecule.to_openmm_topology(), to_openmm(force_field))
    structure.positions = molecule.positions * 10 * unit.angstrom
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "molecule.prmtop"
        structure.save(str(path))
        return app.AmberPrmtopFile(str(path)).createSystem(removeCMMotion=False)


_BY_ANOTHER_VERSION = """
import pickle, sys
from pathlib import Path
import openmm
from hybridff.export.modelfile import read_model
from hybridff.export.routes import to_openmm
folder = Path(sys.argv[1])
model, box = read_model(folder).force_field, pickle.loads((folder / "box").read_bytes())
system = to_openmm(model, "native") if box is None else box.system(model, "native")
(folder / "system.xml").write_text(openmm.XmlSerializer.serialize(system), encoding="utf-8")
"""


def system_by(version: Path, force_field: ForceField, box: Box | None = None) -> openmm.System:
    """The System of native forces that another version of hybridff, a clone, makes: of the molecule alone or in a box.

    It runs in a process of its own, and reads the model from a file.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(SavedModel(force_field, None), folder)
        (folder / "box").write_bytes(pickle.dumps(box))
        environment = {**os.environ, "PYTHONPATH": str(version)}
        subprocess.run([sys.executable, "-c", _BY_ANOTHER_VERSION, name], env=environment, cwd=name, check=True)
        return openmm.XmlSerializer.deserialize((folder / "system.xml").read_text(encoding="utf-8"))


def custom_forces(system: openmm.System) -> int:
    """Number of custom forces, kernels not counted."""
    return sum("Custom" in type(force).__name__ and force.getName() != "KernelTerm" for force in system.getForces())


def peak_memory(*, children: bool = False) -> float:
    """Peak memory of this process, or of the largest of it and its children [MB]."""
    found = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]
    if children:
        found.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return max(found) / _MB
