"""3BPA trained on 300 K frames only, tested at 300, 600 and 1200 K, beside published potentials.

Published, all trained on the 500 frames at 300 K: linear ACE and sGDML, D. P. Kovács et al., J. Chem. Theory Comput.
17, 7696 (2021); MACE, I. Batatia et al., NeurIPS 35, 11423 (2022). Our test frames are those of ``3bpa_mixedt``, which
are not the published test frames, less those that also occur in ``3bpa_300k``.

With ``--correction`` there are kernels beside the form, solved together where it is linear; their noise is chosen on
``--validation`` of the training frames, which then do not train.

Usage: python scripts/table_3bpa.py [--train 500 110] [--forms class2] [--size full] [--seeds 3] [--gate full]
                                    [--correction all] [--validation 0]
"""

import argparse
import os
from pathlib import Path
from typing import get_args

import numpy as np

from hybridff import Errors, FitOptions, Frames, evaluate, read_frames
from hybridff.comparison.benchmark_sets import TrialSet, read_key, read_trial_set, unseen
from hybridff.corrections.select import chosen_atoms
from hybridff.gaff.forms import Form
from hybridff.hybrid.correcting import correct_stable
from hybridff.hybrid.material import CorrectionTask
from hybridff.stability.gate import GateOptions
from hybridff.units import ANGSTROM, EV

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
MEV = EV / 1000
TEMPERATURES = (300, 600, 1200)
PUBLISHED = {
    "linear ACE": ((7.4, 27, 90), (26, 64, 167)),
    "sGDML": ((8.4, 479, 774), (41, 438, 709)),
    "MACE": ((3.0, 9.7, 29.8), (8.8, 21.8, 62.0)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", type=int, default=[500, 110])
    parser.add_argument("--forms", nargs="+", choices=get_args(Form), default=["class2"])
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full", help="of class2")
    parser.add_argument("--seeds", type=int, default=3, help="choices of training frames, where there is a choice")
    parser.add_argument("--gate", choices=("short", "full", "none"), default="full")
    parser.add_argument("--correction", help="all, auto, or numbers: see hybridff fit")
    parser.add_argument("--validation", type=int, default=0, help="of the training frames, for kernels")
    options = parser.parse_args()
    data, tests = read_trial_set(DATA / "3bpa_300k.npz"), test_frames(DATA / "3bpa_mixedt.npz")
    numbers = ", ".join(f"{len(frames)} at {temperature} K" for temperature, frames in tests.items())
    print(
        "RMSE of energy [meV] and force components [meV/Å] at 300 / 600 / 1200 K, trained at 300 K alone; test frames: "
        f"{numbers}. Energies with the offset of the training frames; mean ± half the range over the choices of "
        "training frames.\n"
    )
    print("| | trained on | energy | force | stability gate |")
    print("| --- | --- | --- | --- | --- |")
    for name, (energies, forces) in PUBLISHED.items():
        print(f"| published {name} | 500 | {' / '.join(map(str, energies))} | {' / '.join(map(str, forces))} | |")
    verdicts = []
    for form in options.forms:
        for size in options.train:
            label = f"{form} {options.size}" if form == "class2" else form
            label += f" + kernel on {options.correction}" if options.correction else ""
            cells, found = measure(data, tests, form, size, options)
            print(f"| **{label}** | {size} | {cells} |", flush=True)
            verdicts += [f"{label}, {size} frames, {verdict}" for verdict in found]
    print()
    for verdict in verdicts:
        print(f"- {verdict}")


def test_frames(path: Path) -> dict[int, Frames]:
    """Unseen frames of each temperature."""
    frames, temperature = read_frames(path), read_key(path, "temperature")
    assert temperature is not None
    new = unseen(frames.positions, read_frames(DATA / "3bpa_300k.npz").positions)
    return {kelvin: frames.subset(new & (temperature == kelvin)) for kelvin in TEMPERATURES}


def measure(
    data: TrialSet, tests: dict[int, Frames], form: Form, size: int, options: argparse.Namespace
) -> tuple[str, list[str]]:
    """Cells of a row, and what the gate says of each fit."""
    size = min(size, len(data.frames))
    seeds = range(1 if size == len(data.frames) else options.seeds)
    errors, verdicts, passed = [], [], 0
    for seed in seeds:
        rows = data.frames.split(size, 0, seed).train
        train, judges = rows[: size - options.validation], rows[size - options.validation :]
        gate_options = GateOptions(gate=options.gate)
        fitted = data.fit(form, train, None, FitOptions(size=options.size), gate_options)
        force_field, offset = fitted.result.force_field, fitted.result.energy_offset
        if options.correction:
            frames = data.frames.subset(train)
            task = CorrectionTask(
                force_field=force_field,
                frames=frames,
                validation=data.frames.subset(judges),
                atoms=chosen_atoms(options.correction, data.molecule, frames.positions),
                posterior=fitted.result.posteriors[0] if fitted.result.posteriors else None,
                seed=seed,
            )
            corrected = correct_stable(task, gate_options)
            force_field, offset = corrected.force_field, corrected.energy_offset
            alone = force_field.with_corrections(())
            zero = evaluate(alone, frames).energy_offset
            cells = zip(*(_cells(evaluate(alone, each, zero)) for each in tests.values()), strict=True)
            energy, force = (" / ".join(f"{value:.1f}" for value in column) for column in cells)
            verdicts.append(f"seed {seed}: the terms alone have {energy} meV and {force} meV/Å.")
            verdicts += [f"seed {seed}: {sentence}" for sentence in corrected.sentences()]
        judged = [evaluate(force_field, frames, offset) for frames in tests.values()]
        errors.append([_cells(e) for e in judged])
        said = [sentence for report in fitted.reports for sentence in report.sentences()]
        verdicts.append(f"seed {seed}: {' '.join([*fitted.remarks, *said]) or 'no gate.'}")
        passed += fitted.passed
    gate = "not asked for" if options.gate == "none" else f"{passed} of {len(seeds)} passed ({options.gate})"
    energy, force = (" / ".join(spread(column) for column in np.array(errors)[:, :, i].T) for i in (0, 1))
    return f"{energy} | {force} | {gate}", verdicts


def _cells(errors: Errors) -> tuple[float, float]:
    """Of energies [meV] and forces [meV/Å]."""
    return errors.energy_rmse / MEV, (errors.force_rmse or np.nan) / (MEV / ANGSTROM)


def spread(values: np.ndarray) -> str:
    return f"{values.mean():.1f}" + (f" ± {np.ptp(values) / 2:.1f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
