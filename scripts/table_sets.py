"""Alkanes without data by parameter sets of smaller ones, beside stock GAFF and rows shared by GAFF type.

A set is a class II fit of some molecules with rows shared by environment; the molecules that it is applied to are in no
fit, and all of their frames test. With rows shared by type a molecule has to be in the fit: two of its frames are.

Usage: python scripts/table_sets.py [--train 300] [--fitted butane hexane] [--others octane decane] [--types]
"""

from time import process_time

import numpy as np
from common import kcal, options_of, read_set, table

import hybridff as hf
from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.fitting.fits import fit_together
from hybridff.fitting.parameter_set import ParameterSet
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.rows import Share
from hybridff.units import FORCE_KCAL, KCAL_MOL

LOW = 100
"""Energy above the lowest frame [kcal/mol] up to which frames count as low."""


def form(data: BenchmarkSet, share: Share, frames: Frames | None = None) -> ForceField:
    """Class II at its start; references are means over frames, if there are any."""
    geometries = None if frames is None else frames.positions
    return ForceField.build(data.molecule, data.start, form="class2", share=share, geometries=geometries)


def cells(force_field: ForceField, frames: Frames) -> list[str]:
    """Force and energy errors of all frames and of the low ones."""
    low = frames.subset(np.flatnonzero(frames.energies - frames.energies.min() < LOW * KCAL_MOL))
    return ["{1:.2f} / {0:.2f}".format(*kcal(hf.evaluate(force_field, own))) for own in (frames, low)]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--fitted", nargs="+", default=["butane", "hexane"])
    parser.add_argument("--others", nargs="+", default=["octane", "decane"])
    parser.add_argument("--types", action="store_true")
    options = parser.parse_args()
    sets = {name: read_set(f"{name}_b3lyp") for name in (*options.fitted, *options.others)}
    parts = {name: sets[name].frames.split(options.train, 50, 0) for name in options.fitted}
    train, choosing = ([sets[n].frames.subset(own[part]) for n, own in parts.items()] for part in (0, 1))
    fitted = list(zip((sets[name] for name in parts), train, strict=True))
    begin = process_time()
    found = ParameterSet.of_fit(fit_together([(form(d, "environment"), own) for d, own in fitted], None, choosing))
    time, names = process_time() - begin, ", ".join(parts)
    print(f"{names}, {options.train} frames of each: {len(found.rows)} rows, {time:.0f} s of one thread.")
    print("Force RMSE [kcal/mol/Å] / energy RMSE [kcal/mol].\n")
    lines: list[list[str]] = []
    for name in options.others:
        data = sets[name]
        lines.append([name, "stock GAFF", *cells(data.stock, data.frames), "", ""])
        if options.types:
            two = data.frames.subset(np.arange(2))
            pairs = [(form(d, "types", own), own) for d, own in [*fitted, (data, two)]]
            lines.append([name, "types", *cells(fit_together(pairs).force_fields[-1], data.frames), "", ""])
        applied = found.apply(form(data, "environment"), data.frames.positions)
        energy, force = applied.posterior.deviations(applied.force_field, data.frames.positions[::20])
        sizes = (np.sqrt(np.mean(own**2)) for own in (force / FORCE_KCAL, energy / KCAL_MOL))
        known, *wider, guessed = applied.counts.values()
        counts, own_cells = f"{known} / {sum(wider)} / {guessed}", cells(applied.force_field, data.frames)
        lines.append([name, "environment", *own_cells, "{:.2f} / {:.2f}".format(*sizes), counts])
    table(["molecule", "rows", "all frames", f"to {LOW} kcal/mol", "predicted", "known / backed off / guessed"], lines)


if __name__ == "__main__":
    main()
