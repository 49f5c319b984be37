"""Rows of the table of times of a step in vacuum."""

import argparse
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal

import numpy as np
from shared import custom_forces, fitted, prmtop_system, read_set, system_by

from hybridff import FitOptions, ForceField, read_model, to_openmm
from hybridff.analysis.water_box import in_vacuum
from hybridff.comparison.step_times import langevin_context, ratio_cells, step_times
from hybridff.export.routes import best_route, custom_terms

SIZES: tuple[Literal["small", "medium", "full"], ...] = ("small", "medium", "full")
STEP = 0.0005  # ps
PRMTOP = "GAFF, prmtop"


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
