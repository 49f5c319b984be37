"""Force and energy RMSE of stock GAFF and of its refits, beside the published refits.

Published: H. E. Sauceda, M. Gastegger, S. Chmiela, K.-R. Müller, A. Tkatchenko, arXiv:2008.04198 (2020),
table II, GAFF refit to MD17 (PBE+vdW-TS) trajectories. Our frames are those of HYBRIDFF_DATA: other samples of the same
trajectories, and for rMD17 another basis set and code.

Usage: python scripts/table_accuracy.py [--seeds 3] [--test 1000]
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybridff import (
    FitOptions,
    ForceField,
    StartOptions,
    evaluate,
    fit,
    read_frames,
    starting_parameters,
    usable_frames,
)
from hybridff.gaff.forms import Form
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SIZES = (110, 1000)
FORMS: tuple[Form, ...] = ("harmonic", "near-pairs")
PUBLISHED = {"ethanol": {110: 6.53, 1000: 6.37}, "aspirin": {110: 7.91, 1000: 7.46}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test", type=int, default=1000, help="test frames at most")
    parser.add_argument("--validation", type=int, default=50)
    options = parser.parse_args()
    print(f"energy [kcal/mol] and force component [kcal/mol/Å] RMSE on unseen frames, mean of {options.seeds} splits;")
    print(f"{options.validation} further frames choose the prior; charges RESP, gaff-2.2.20")
    print("| set | trained on | tested on | stock E / F | harmonic E / F | near-pairs E / F | published GAFF refit F |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ("ethanol_md17", "ethanol_rmd17", "aspirin_rmd17"):
        frames = read_frames(DATA / f"{name}.npz")
        frames, _ = usable_frames(frames, frames.molecule())
        for size in SIZES:
            size = min(size, len(frames) - options.validation - 100)
            rows = [_one(frames, size, seed, options) for seed in range(options.seeds)]
            n_test = rows[0][0]
            cells = [f"{e:.2f} / {f:.2f}" for e, f in np.mean([row[1:] for row in rows], axis=0).reshape(-1, 2)]
            near = 110 if size == 110 else 1000
            published = f"{PUBLISHED[name.split('_')[0]][near]} ({'110' if near == 110 else '1100'} frames)"
            print(f"| {name} | {size} | {n_test} | {' | '.join(cells)} | {published} |", flush=True)


def _one(frames, size: int, seed: int, options) -> tuple[float, ...]:
    split = frames.split(size, options.validation, seed)
    train, validation = frames.subset(split.train), frames.subset(split.validation)
    test = frames.subset(split.test[: options.test])
    molecule = replace(frames.molecule(), positions=frames.positions[np.argmin(frames.energies)])
    parameters = starting_parameters(molecule, StartOptions())
    stock = ForceField.build(molecule, parameters)
    errors = [evaluate(stock, test, evaluate(stock, train).energy_offset)]
    for form in FORMS:
        result = fit(ForceField.build(molecule, parameters, form=form), train, FitOptions(), validation)
        errors.append(evaluate(result.force_field, test, result.energy_offset))
    cells: list[float] = [len(test)]
    for error in errors:
        assert error.force_rmse is not None
        cells += [error.energy_rmse / KCAL_MOL, error.force_rmse / FORCE_KCAL]
    return tuple(cells)


if __name__ == "__main__":
    main()
