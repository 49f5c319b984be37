"""Time of a step in vacuum, stock GAFF as a prmtop against the exported force fields, run by turns.

The prmtop is written by ParmEd from the stock System and read back by ``openmm.app.AmberPrmtopFile``. The other
force fields are GAFF exported and fits to some frames: "native" are OpenMM's own and fused custom forces, "compiled" is
one ``PythonForce``. Systems and contexts are made outside of the timing. With ``--before``, the same fits as another
version of hybridff makes native Systems of them, a clone of it, run by turns with the others. With ``--models``, models
from folders in place of fits.

pocl keeps what it compiled: give times of contexts an empty folder as POCL_CACHE_DIR.

Usage: python benchmarks/step_time.py [--platform Reference …] [--steps 2000] [--repeats 25] [--before CLONE] [set …]
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from shared import custom_forces, fitted, options_of, prmtop_system, read_set, system_by, table

from hybridff import FitOptions, ForceField, read_model, to_openmm
from hybridff.analysis.water_box import in_vacuum
from hybridff.comparison.step_times import RATIO_HEADER, langevin_context, ratio_cells, step_times
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import best_route, custom_terms

SIZES: tuple[Literal["small", "medium", "full"], ...] = ("small", "medium", "full")
STEP = 0.0005  # ps
PRMTOP = "GAFF, prmtop"


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k"), help="of frames")
    parser.add_argument("--platform", nargs="+", default=["Reference"], choices=platform_names())
    parser.add_argument("--route", choices=("native", "compiled"), help="of rich forms; the faster one if not given")
    parser.add_argument("--forms", nargs="*", default=("near-pairs", "class2"))
    parser.add_argument("--sizes", nargs="*", default=SIZES, choices=SIZES, help="of class2")
    parser.add_argument("--models", nargs="*", default=(), type=Path, help="folders of models of the set's molecule")
    parser.add_argument("--frames", type=int, default=250, help="that the timed force fields are fitted to")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--before", type=Path, help="clone of another version, whose native Systems run too")
    options = parser.parse_args()
    print(f"{options.steps} Langevin steps of 0.5 fs, {options.repeats} runs by turns:", end=" ")
    print("median, ratio to the prmtop of stock GAFF with half the distance of its quartiles")
    header = (
        "set",
        "platform",
        "force field",
        "terms",
        "custom forces",
        "export",
        "context",
        *RATIO_HEADER,
        "to before",
    )
    table(header, (row for name in options.sets for row in rows(name, options)))


def rows(name: str, options: argparse.Namespace) -> Iterator[list[str]]:
    data = read_set(name)
    wanted = {"GAFF": data.stock, **{path.name: read_model(path).force_field for path in options.models}}
    for form in options.forms if not options.models else ():
        for size in options.sizes if form == "class2" else SIZES[-1:]:
            label = f"{form}, {size}" if form == "class2" else form
            wanted[label] = fitted(data, form, FitOptions(size=size), options.frames)
    for platform in options.platform:
        for cells in on_platform(data.stock, wanted, platform, options):
            yield [data.name, platform, *cells]


def on_platform(
    stock: ForceField, wanted: Mapping[str, ForceField], platform: str, options: argparse.Namespace
) -> Iterator[list[str]]:
    plans = {PRMTOP: (stock, partial(prmtop_system, stock))}
    for label, model in wanted.items():
        chosen = options.route if custom_terms(model) else None
        route = chosen or best_route(model, platform)
        plans[f"{label}, {route}"] = model, partial(to_openmm, model, route)
        if options.before and route == "native" and custom_terms(model):
            plans[f"{label}, {route}, before"] = model, partial(system_by, options.before, model)
    contexts, about = {}, {}
    for key, (model, make) in plans.items():
        begin, system, exported = time.perf_counter(), make(), time.perf_counter()
        contexts[key] = langevin_context(system, in_vacuum(stock).positions, platform=platform, step=STEP)
        contexts[key].getIntegrator().step(20)
        times = f"{exported - begin:.1f} s", f"{time.perf_counter() - exported:.1f} s"
        about[key] = [str(len(model.table.products)), str(custom_forces(system)), *times]
    found = step_times(contexts, options.steps, options.repeats)
    for key, values in found.items():
        before = found.get(f"{key}, before")
        yield [key, *about[key], *ratio_cells(values, found[PRMTOP]), "" if before is None else ratio(values, before)]


def ratio(values: np.ndarray, others: np.ndarray) -> str:
    """Median ratio of the same turn, with half the distance of its quartiles."""
    return ratio_cells(values, others)[2]


if __name__ == "__main__":
    main()
