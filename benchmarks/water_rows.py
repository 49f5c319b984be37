"""Rows of the water box: every model on every platform, in vacuum and in water."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openmm
from shared import custom_forces, system_by
from water_models import STEP, Build, alternatives, deviation, force_field, routes_of, settled

from hybridff import ForceField, read_model
from hybridff.analysis.water_box import Box, in_vacuum, in_water
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.comparison.step_times import langevin_context, ratio_cells, step_times, steps_within
from hybridff.export.routes import custom_terms

STOCK = "stock GAFF"
ROWS = (
    "stock GAFF + n→π*",
    "harmonic",
    "morse",
    "neural",
    "class2, small",
    "class2, medium",
    "class2, full",
    "class2, medium + n→π*",
    "class2, medium + fragments",
    "class2, medium + all atoms",
)
OTHERS = ("sgdml", "GFN2-xTB", "MACE")


def rows(data: BenchmarkSet, options: argparse.Namespace) -> Iterator[list[str]]:
    """Rows of a molecule."""
    fits: dict[str, ForceField] = {STOCK: data.stock}
    how = {"n_frames": options.frames, "n_points": options.points}
    models = {row: force_field(data, row, fits, **how) for row in ROWS if row in options.rows}
    models |= {path.name: read_model(path).force_field for path in options.models}
    boxes = [in_vacuum(data.stock)] if options.only != "water" else []
    if options.only != "vacuum":
        boxes.append(settled(in_water(data.stock, options.edge), data.stock))
    with TemporaryDirectory() as folder:
        programs = alternatives(data, options.rows, n_points=options.points, mace=options.mace, folder=Path(folder))
        others = dict(programs)
        for box in boxes:
            for platform in options.platforms:
                if box.periodic and platform == "Reference" and len(options.platforms) > 1:
                    continue  # a step takes half a second
                for cells in _on_platform(box, platform, data.stock, (models, others), options):
                    yield [data.name, str(len(box.positions)), platform, *cells]


def _on_platform(
    box: Box,
    platform: str,
    stock: ForceField,
    wanted: tuple[Mapping[str, ForceField], Mapping[str, Build]],
    options: argparse.Namespace,
) -> Iterator[list[str]]:
    """Rows of a box on a platform."""
    models, others = wanted
    base, own = box.system(stock), dict[str, ForceField]()
    plans: dict[str, Callable[[], openmm.System]] = {STOCK: lambda: base}
    for row, model in models.items():
        for route in routes_of(model, platform):
            plans[f"{row}, {route}"], own[f"{row}, {route}"] = partial(box.system, model, route), model
            if options.before and route == "native" and custom_terms(model):
                key = f"{row}, {route}, before"
                plans[key], own[key] = partial(system_by, options.before, model, box), model
    plans |= {row: partial(build, box, base) for row, build in others.items()}
    contexts, about, off = {}, {}, {}
    for key, build in plans.items():
        begin = time.perf_counter()
        how = {"platform": platform, "step": STEP, "precision": options.precision}
        system = build()
        contexts[key] = langevin_context(system, box.positions, **how)
        contexts[key].getIntegrator().step(1)
        terms = str(len(own[key].table.products)) if key in own else ""
        about[key] = [terms, str(custom_forces(system)), f"{time.perf_counter() - begin:.1f} s"]
        contexts[key].setPositions(box.positions)
        off[key] = deviation(contexts[key], box, own[key]) if key in own else ""
    times = step_times(contexts, steps_within(contexts, options.seconds), options.repeats)
    for key, values in times.items():
        per_day = 86400 * STEP / 1000 / (np.median(values) * 1e-6)
        yield [key, *about[key], *ratio_cells(values, times[STOCK]), f"{per_day:.3g}", off[key]]
