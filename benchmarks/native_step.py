"""Step time of an unpruned class II form in fused custom forces against stock GAFF of the same molecule, in vacuum.

No fit: coefficients that start at zero get tiny random values, so that every term is there and dynamics stay those of
the start. Usage: python benchmarks/native_step.py [--platform OpenCL] [--steps 2000] [--repeats 5] [molecule …]
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import openmm

from hybridff import ForceField, StartOptions, read_frames, starting_parameters, to_openmm
from hybridff.molecule import Molecule

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
MOLECULES = ("ethanol_rmd17", "aspirin_rmd17")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("molecules", nargs="*", default=MOLECULES, help="names of sets of frames")
    parser.add_argument("--platform", default="OpenCL")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.platform}, {options.steps} Langevin steps of 0.5 fs, median of {options.repeats} runs by turns")
    for name in options.molecules:
        frames = read_frames(DATA / f"{name}.npz")
        molecule = replace(frames.molecule(), positions=frames.positions[np.argmin(frames.energies)])
        parameters = starting_parameters(molecule, StartOptions())
        stock = ForceField.build(molecule, parameters)
        rich = _filled(ForceField.build(molecule, parameters, form="class2"))
        begin = time.perf_counter()
        systems = {"stock": to_openmm(stock), "class2": to_openmm(rich)}
        exported = time.perf_counter() - begin
        contexts, built = {}, {}
        for key, system in systems.items():
            begin = time.perf_counter()
            contexts[key] = _context(system, molecule, options.platform)
            built[key] = time.perf_counter() - begin
        times: dict[str, list[float]] = {key: [] for key in systems}
        for _ in range(options.repeats):
            for key, context in contexts.items():
                times[key].append(_step_time(context, options.steps))
        stock_time, rich_time = median(times["stock"]), median(times["class2"])
        ratio = median(a / b for a, b in zip(times["class2"], times["stock"], strict=True))
        print(
            f"{name}: {len(rich.table.products)} terms in {systems['class2'].getNumForces()} forces, exported in "
            f"{exported:.1f} s; context {built['class2']:.1f} s (stock {built['stock']:.1f} s); "
            f"step {rich_time:.1f} µs (stock {stock_time:.1f} µs), {ratio:.2f} ×",
            flush=True,
        )


def _filled(force_field: ForceField) -> ForceField:
    """The force field with 1e-6 kJ/mol or so in place of every coefficient of zero."""
    values = force_field.parameter_table.values.copy()
    empty = np.unique(force_field.table.coefficients)
    empty = empty[values[empty] == 0]
    values[empty] = np.random.default_rng(0).normal(scale=1e-6, size=len(empty))
    return force_field.with_values(values)


def _context(system: openmm.System, molecule: Molecule, platform: str) -> openmm.Context:
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0005)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(molecule.positions)
    context.setVelocitiesToTemperature(300, 1)
    _step_time(context, 20)
    return context


def _step_time(context: openmm.Context, steps: int) -> float:
    """[µs]"""
    begin = time.perf_counter()
    context.getIntegrator().step(steps)
    context.getState(getEnergy=True)
    return (time.perf_counter() - begin) / steps * 1e6


if __name__ == "__main__":
    main()
