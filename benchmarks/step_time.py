"""Time of a step in vacuum, stock GAFF as a prmtop against the exported force fields, run by turns.

The prmtop is written by ParmEd from the stock System and read back by ``openmm.app.AmberPrmtopFile``. The other
force fields are GAFF exported and fits to some frames: "native" are OpenMM's own and fused custom forces, "compiled" is
one ``PythonForce``. Systems and contexts are made outside of the timing.

Usage: python benchmarks/step_time.py [--platform Reference] [--steps 2000] [--repeats 25] [set of frames …]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

import openmm
import parmed
from common import CELLS, cells, fitted, new_context, read_set, step_times
from openmm import app, unit

from hybridff import FitOptions, ForceField, to_openmm
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import Route, best_route

SETS = ("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k")
Size = Literal["small", "medium", "full"]
SIZES = get_args(Size)
STEP = 0.0005
"""[ps]"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS, help="names of sets of frames")
    parser.add_argument("--platform", default="Reference", choices=platform_names())
    parser.add_argument("--route", choices=("native", "compiled"), help="of class2; the faster one if not given")
    parser.add_argument("--forms", nargs="*", default=("near-pairs", "class2"))
    parser.add_argument("--sizes", nargs="*", default=SIZES, choices=SIZES, help="of class2")
    parser.add_argument("--frames", type=int, default=250, help="that the timed force fields are fitted to")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=25)
    options = parser.parse_args()
    print(
        f"{options.platform}; {options.steps} Langevin steps of 0.5 fs, {options.repeats} runs by turns: median, ratio "
        "to the prmtop of stock GAFF with half the distance of its quartiles"
    )
    print(f"| set | force field | terms | forces | export | context | {CELLS} |")
    print("| --- " * 10 + "|")
    for name in options.sets:
        _one_set(read_set(name), options)


def _one_set(data: TrialSet, options: argparse.Namespace) -> None:
    stock = data.stock
    assert stock.molecule.positions is not None
    force_fields = {"GAFF": stock}
    for form in options.forms:
        sizes: Sequence[Size] = options.sizes if form == "class2" else ("full",)
        for size in sizes:
            label = f"{form}, {size}" if form == "class2" else form
            force_fields[label] = fitted(data, form, FitOptions(size=size), options.frames)
    plans: dict[str, tuple[int, Callable[[], openmm.System]]] = {
        "GAFF, prmtop": (len(stock.table.products), lambda: _prmtop_system(stock))
    }
    for label, force_field in force_fields.items():
        best = best_route(force_field, options.platform)
        route = options.route if options.route and label.startswith("class2") else best
        plans[f"{label}, {route}"] = (len(force_field.table.products), _exporter(force_field, route))
    contexts, about = {}, {}
    for key, (n_terms, make) in plans.items():
        begin = time.perf_counter()
        system = make()
        exported = time.perf_counter()
        contexts[key] = new_context(system, stock.molecule.positions, options.platform, STEP)
        contexts[key].getIntegrator().step(20)
        ready = time.perf_counter()
        about[key] = f"{n_terms} | {system.getNumForces()} | {exported - begin:.1f} s | {ready - exported:.1f} s"
    times = step_times(contexts, options.steps, options.repeats)
    for key, values in times.items():
        print(f"| {data.name} | {key} | {about[key]} | {cells(values, times['GAFF, prmtop'])} |", flush=True)


def _exporter(force_field: ForceField, route: Route) -> Callable[[], openmm.System]:
    return lambda: to_openmm(force_field, route)


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
