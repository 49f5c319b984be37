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
import time
from collections.abc import Iterator, Sequence

import torch
from sgdml_models import ase_step_time
from shared import kernel, options_of, read_set, table

from hybridff import to_openmm
from hybridff.analysis.water_box import in_vacuum
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.comparison.step_times import langevin_context, ratio_cells, step_times
from hybridff.export.dynamics import platform_names
from hybridff.export.routes import Route

STEP = 0.0005  # ps
LOCAL = ((8, 11, 12, 13), (8, 11, 12, 13, 5, 6), (8, 11, 12, 13, 5, 6, 10, 4), (8, 11, 12, 13, 5, 6, 10, 4, 20, 9))
"""Atoms of aspirin."""
HEADER = ("molecule", "kernel", "permutations", "context", "step", "least", "ratio to GAFF", "ratio of the least")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--platform", default="Reference", choices=platform_names())
    parser.add_argument("--points", nargs="+", type=int, default=(50, 200, 1000))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--precision", choices=("single", "mixed", "double"), help="of GPU platforms, if not their own")
    parser.add_argument("--angular", action="store_true", help="kernels see angles and torsions too")
    options = parser.parse_args()
    route: Route = "compiled" if options.platform in ("Reference", "CPU") else "native"
    turns = f"{options.steps} steps, {options.repeats} runs by turns"
    print(f"{options.platform}, {route}; {turns}, torch with {torch.get_num_threads()} threads")
    table(HEADER, rows(route, options))


def rows(route: Route, options: argparse.Namespace) -> Iterator[list[str]]:
    ethanol, aspirin = read_set("ethanol_rmd17"), read_set("aspirin_rmd17")
    yield from alone(ethanol, [range(9)], route, options)
    yield from alone(aspirin, LOCAL, route, options)
    for data in (ethanol, aspirin) if options.platform == "Reference" else ():
        for n_points in options.points:
            step = ase_step_time(data, n_points, max(1, options.steps // 10), options.repeats)
            yield [data.molecule.name, f"sgdml, {n_points} points", "", "", f"{step:.0f} µs", "", "", ""]


def alone(
    data: BenchmarkSet, groups: Sequence[Sequence[int]], route: Route, options: argparse.Namespace
) -> Iterator[list[str]]:
    how = {"platform": options.platform, "step": STEP, "precision": options.precision}
    positions, contexts, about = in_vacuum(data.stock).positions, {}, {"GAFF": ["–", "–"]}
    contexts["GAFF"] = langevin_context(to_openmm(data.stock), positions, **how)
    for atoms in groups:
        for n_points in options.points:
            term, begin = kernel(data, atoms, n_points, angular=options.angular), time.perf_counter()
            key = f"{len(atoms)} atoms, {n_points} points"
            system = to_openmm(data.stock.with_corrections([term]), route)
            contexts[key] = langevin_context(system, positions, **how)
            contexts[key].getIntegrator().step(2)
            about[key] = [str(len(term.expansion.permutations)), f"{time.perf_counter() - begin:.1f} s"]
    times = step_times(contexts, options.steps, options.repeats)
    for key, values in times.items():
        yield [data.molecule.name, key, *about[key], *ratio_cells(values, times["GAFF"])]


if __name__ == "__main__":
    main()
