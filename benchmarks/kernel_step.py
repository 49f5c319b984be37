"""Time of a step with a kernel, against stock GAFF alone and against the program ``sgdml``, run by turns.

The kernels have points of real geometries and weights of nothing: what they cost depends on atoms, points and
permutations, not on what they were trained to. "compiled" is one ``PythonForce`` with a compiled evaluator, "native" a
``CustomCompoundBondForce``. Permutations are those that 1000 frames reach. In water: ``water_box.py``.

The program sgdml steps through its own ASE calculator (velocity Verlet); its models are trained on 200 points of the
same frames, and repeated for more of them. It needs the program (``pip install sgdml``).

Usage: python benchmarks/kernel_step.py [--platform Reference] [--points 50 200 1000] [--steps 500] [--repeats 9]
                                        [--angular] [--precision mixed]
"""

import argparse
import contextlib
import io
import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openmm
import torch
from ase import Atoms, units
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet
from common import cells, kernel, new_context, read_set, step_times
from sgdml.intf.ase_calc import SGDMLCalculator
from sgdml_training import repeated_model

from hybridff import to_openmm
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import Route
from hybridff.units import ANGSTROM

STEP = 0.0005
"""[ps]"""
LOCAL = ((8, 11, 12, 13), (8, 11, 12, 13, 5, 6), (8, 11, 12, 13, 5, 6, 10, 4), (8, 11, 12, 13, 5, 6, 10, 4, 20, 9))
"""Atoms of aspirin."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="Reference", choices=platform_names())
    parser.add_argument("--points", nargs="+", type=int, default=(50, 200, 1000))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--precision", choices=("single", "mixed", "double"), help="of GPU platforms, if not their own")
    parser.add_argument("--angular", action="store_true", help="kernels see angles and torsions too")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # what sgdml says
    route: Route = "compiled" if options.platform in ("Reference", "CPU") else "native"
    print(
        f"{options.platform}, {route}; {options.steps} steps, {options.repeats} runs by turns, torch with "
        f"{torch.get_num_threads()} threads"
    )
    print("| molecule | kernel | permutations | context | step | least | ratio to GAFF | ratio of the least |")
    print("| --- " * 8 + "|")
    ethanol, aspirin = read_set("ethanol_rmd17"), read_set("aspirin_rmd17")
    alone(ethanol, [range(9)], route, options)
    alone(aspirin, LOCAL, route, options)
    if options.platform == "Reference":
        for data in (ethanol, aspirin):
            for n_points in options.points:
                step = sgdml_step(data, n_points, options)
                print(f"| {data.molecule.name} | sgdml, {n_points} points | | | {step:.0f} µs | | | |", flush=True)


def alone(data: TrialSet, groups: Sequence[Sequence[int]], route: Route, options: argparse.Namespace) -> None:
    """The isolated molecule."""
    positions = data.molecule.positions
    assert positions is not None
    contexts = {"GAFF": new_context(to_openmm(data.stock), positions, options.platform, STEP, options.precision)}
    about = {"GAFF": "– | –"}
    for atoms in groups:
        for n_points in options.points:
            term = kernel(data, atoms, n_points, angular=options.angular)
            begin = time.perf_counter()
            system = to_openmm(data.stock.with_corrections([term]), route)
            key = f"{len(atoms)} atoms, {n_points} points"
            contexts[key] = new_context(system, positions, options.platform, STEP, options.precision)
            contexts[key].getIntegrator().step(2)
            about[key] = f"{len(term.expansion.permutations)} | {time.perf_counter() - begin:.1f} s"
    report(data.molecule.name, contexts, about, options)


def report(name: str, contexts: dict[str, openmm.Context], about: dict[str, str], options: argparse.Namespace) -> None:
    """One row for each context; the first is what the others are compared with."""
    times = step_times(contexts, options.steps, options.repeats)
    for key, values in times.items():
        print(f"| {name} | {key} | {about[key]} | {cells(values, times['GAFF'])} |", flush=True)


def sgdml_step(data: TrialSet, n_points: int, options: argparse.Namespace) -> float:
    """Median time of a step [µs] through the program's ASE calculator."""
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.npz"
        np.savez_compressed(path, **repeated_model(data, n_points))
        atoms = Atoms(data.molecule.numbers, data.frames.positions[0] / ANGSTROM)
        per_ev = units.kcal / units.mol
        atoms.calc = SGDMLCalculator(str(path), E_to_eV=per_ev, F_to_eV_Ang=per_ev)
        MaxwellBoltzmannDistribution(atoms, temperature_K=300, rng=np.random.default_rng(0))
        dynamics = VelocityVerlet(atoms, timestep=0.5 * units.fs)
        dynamics.run(5)
        steps, found = max(1, options.steps // 10), []
        for _ in range(options.repeats):
            begin = time.perf_counter()
            dynamics.run(steps)
            found.append((time.perf_counter() - begin) / steps * 1e6)
    return float(np.median(found))


if __name__ == "__main__":
    main()
