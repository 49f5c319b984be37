"""How well a class II fit knows its own errors: 3BPA trained at 300 K, tested at 300, 600 and 1200 K.

The scale of the predicted deviations is that of 300 K frames that did not train. Test frames are those of
``3bpa_mixedt`` that do not occur in ``3bpa_300k``. Actual is the root mean square over the force components of a frame,
and the absolute energy error.

Usage: python scripts/table_posterior.py [--train 450] [--seeds 3] [--picture docs/images/calibration.png]
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from hybridff import FitOptions, Frames, read_frames
from hybridff.comparison.benchmark_sets import read_key, read_trial_set, unseen
from hybridff.fitting.refit_until_stable import StableFit
from hybridff.frames.accuracy import predict
from hybridff.plots.errors import calibration
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
TEMPERATURES = (300, 600, 1200)


class Deviations(NamedTuple):
    """Of each frame, predicted and actual: energy [kcal/mol], force [kcal/mol/Å]."""

    energy: Float[np.ndarray, "two frames"]
    force: Float[np.ndarray, "two frames"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=450, help="training frames; the rest calibrate")
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/calibration.png"))
    options = parser.parse_args()
    data, path = read_trial_set(DATA / "3bpa_300k.npz"), DATA / "3bpa_mixedt.npz"
    frames, temperature = read_frames(path), read_key(path, "temperature")
    assert temperature is not None
    new = unseen(frames.positions, read_frames(DATA / "3bpa_300k.npz").positions)
    frames, temperature = frames.subset(new), temperature[new]
    found, scales = [], []
    for seed in range(options.seeds):
        split = data.frames.split(options.train, len(data.frames) - options.train, seed)
        gate = GateOptions(gate=options.gate)
        fitted = data.fit("class2", split.train, split.validation, FitOptions(size=options.size), gate)
        found.append(deviations(fitted, frames))
        scales.append(f"{fitted.result.posteriors[0].scale:.2f}")
    print(
        f"Trained on {options.train} frames at 300 K, the scale (× {', '.join(scales)}) learnt from "
        f"{len(data.frames) - options.train} others at 300 K; mean over {options.seeds} splits. RMS of predicted and "
        "actual force deviations of frames [kcal/mol/Å].\n"
    )
    print(
        "| temperature | test frames | Spearman, force | Spearman, energy | predicted | actual | actual / predicted |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kelvin in (None, *TEMPERATURES):
        rows = np.ones(len(frames), dtype=bool) if kelvin is None else temperature == kelvin
        label = "all" if kelvin is None else f"{kelvin} K"
        print(f"| {label} | {rows.sum()} | {numbers([Deviations(*(x[:, rows] for x in one)) for one in found])} |")
    predicted, actual = (
        {f"{kelvin} K": found[0].force[i, temperature == kelvin] for kelvin in TEMPERATURES} for i in (0, 1)
    )
    picture = calibration(
        predicted, actual, "force error [kcal/mol/Å]", f"3BPA, class2 from {options.train} frames at 300 K"
    )
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(picture)


def deviations(fitted: StableFit, frames: Frames) -> Deviations:
    assert frames.forces is not None
    result = fitted.result
    energy, force = result.posteriors[0].deviations(result.force_field, frames.positions)
    energies, forces = predict(result.force_field, frames.positions)
    energy_error = np.abs(energies + result.energy_offset - frames.energies)
    force_error = np.sqrt(((forces - frames.forces) ** 2).mean((1, 2)))
    return Deviations(np.stack([energy, energy_error]) / KCAL_MOL, np.stack([force, force_error]) / FORCE_KCAL)


def numbers(found: list[Deviations]) -> str:
    """Cells of a row: means over the splits."""
    forces, energies = (
        np.mean([spearmanr(*getattr(one, what)).statistic for one in found]) for what in ("force", "energy")
    )
    predicted, actual = np.mean([np.sqrt((one.force**2).mean(1)) for one in found], axis=0)
    return f"{forces:.2f} | {energies:.2f} | {predicted:.2f} | {actual:.2f} | {actual / predicted:.2f}"


if __name__ == "__main__":
    main()
