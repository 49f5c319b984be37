"""Step time of the exported System against that of the same molecule's AMBER prmtop, run by turns.

The prmtop is written by ParmEd from the stock System, read back by ``openmm.app.AmberPrmtopFile``. Timed are stock
and refit models, and by the compiled route the stock model and the class II form with all its rows: coefficients that
start at zero get tiny random values, which keep the terms and leave the dynamics alone.

Usage: python benchmarks/step_time.py [--platform Reference] [--steps 20000] [--repeats 9] [set of frames …]
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import openmm
import parmed
from openmm import app, unit

from hybridff import ForceField, StartOptions, fit, read_frames, starting_parameters, to_openmm
from hybridff.gaff.forms import Form

FORMS: tuple[Form, ...] = ("harmonic", "near-pairs")
DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=("ethanol_rmd17", "aspirin_rmd17"), help="names of sets of frames")
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    print(f"{options.platform}, {options.steps} Langevin steps of 0.5 fs, median of {options.repeats} runs by turns")
    for name in options.sets:
        frames = read_frames(DATA / f"{name}.npz")
        molecule = replace(frames.molecule(), positions=frames.positions[np.argmin(frames.energies)])
        parameters = starting_parameters(molecule, StartOptions())
        stock = ForceField.build(molecule, parameters)
        systems = {"prmtop": _prmtop_system(stock), "stock": to_openmm(stock)}
        for form in FORMS:
            start = ForceField.build(molecule, parameters, form=form)
            systems[form] = to_openmm(fit(start, frames.subset(frames.split(110).train)).force_field)
        rich = _filled(ForceField.build(molecule, parameters, form="class2"))
        begin = time.perf_counter()
        compiled = {"stock": to_openmm(stock, "compiled"), "class2": to_openmm(rich, "compiled")}
        compilation = time.perf_counter() - begin
        systems |= {f"compiled {key}": system for key, system in compiled.items()}
        contexts = {key: _context(system, molecule, options.platform) for key, system in systems.items()}
        times: dict[str, list[float]] = {key: [] for key in systems}
        for _ in range(options.repeats):
            for key, context in contexts.items():
                begin = time.perf_counter()
                context.getIntegrator().step(options.steps)
                context.getState(getEnergy=True)
                times[key].append((time.perf_counter() - begin) / options.steps * 1e6)
        prmtop = median(times["prmtop"])
        ratios = {
            key: median(a / b for a, b in zip(values, times["prmtop"], strict=True)) for key, values in times.items()
        }
        exported = ", ".join(f"exported {key} {ratios[key]:.3f} ×" for key in systems if key != "prmtop")
        print(
            f"{name}: prmtop {prmtop:.2f} µs/step; {exported}; class2 has {len(rich.table.products)} terms, "
            f"both compiled in {compilation:.1f} s",
            flush=True,
        )


def _filled(force_field: ForceField) -> ForceField:
    """The force field with 1e-6 kJ/mol or so in place of every coefficient of zero."""
    values = force_field.parameter_table.values.copy()
    places = np.unique(force_field.table.coefficients)
    empty = places[values[places] == 0]
    values[empty] = np.random.default_rng(0).normal(scale=1e-6, size=len(empty))
    return force_field.with_values(values)


def _context(system: openmm.System, molecule, platform: str) -> openmm.Context:
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0005)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(molecule.positions)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(1000)
    return context


def _prmtop_system(force_field: ForceField) -> openmm.System:
    molecule = force_field.molecule
    assert molecule.positions is not None
    structure = parmed.openmm.load_topology(molecule.to_openmm_topology(), to_openmm(force_field))
    structure.positions = molecule.positions * 10 * unit.angstrom
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "molecule.prmtop"
        structure.save(str(path))
        return app.AmberPrmtopFile(str(path)).createSystem(removeCMMotion=False)


if __name__ == "__main__":
    main()
