"""How well a class II fit knows its own errors: 3BPA trained at 300 K, tested at 300, 600 and 1200 K.

The scale of the predicted deviations is that of 300 K frames that did not train. Test frames are those of
``3bpa_mixedt`` that do not occur in ``3bpa_300k``. Actual is the root mean square over the force components of a frame,
and the absolute energy error.

Usage: python scripts/table_posterior.py [--train 450] [--seeds 3] [--picture docs/images/calibration.png]
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import DATA, PICTURES, options_of, read_set, table, write

from hybridff import FitOptions
from hybridff.comparison.benchmark_sets import BenchmarkFit, fit_as_the_command_does, read_unseen_by_temperature
from hybridff.comparison.temperature_transfer import FrameDeviations, frame_deviations
from hybridff.plots.errors import calibration
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL

HEADER = ["temperature", "test frames", "Spearman, force", "Spearman, energy", "predicted", "actual"]
HEADER += ["actual / predicted"]


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", type=int, default=450, help="training frames; the rest calibrate")
    parser.add_argument("--size", choices=("small", "medium", "full"), default="full")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--gate", choices=("short", "full", "none"), default="short")
    parser.add_argument("--picture", type=Path, default=PICTURES / "calibration.png")
    options = parser.parse_args()
    data, tests = read_set("3bpa_300k"), read_unseen_by_temperature(DATA / "3bpa_mixedt.npz", DATA / "3bpa_300k.npz")
    how = BenchmarkFit(fit=FitOptions(size=options.size), gate=GateOptions(gate=options.gate))
    found: dict[str, list[FrameDeviations]] = {name: [] for name in ("all", *(f"{kelvin} K" for kelvin in tests))}
    scales = []
    for seed in range(options.seeds):
        split = data.frames.split(options.train, len(data.frames) - options.train, seed)
        fitted = fit_as_the_command_does(data, split, how)
        own = [frame_deviations(fitted, frames) for frames in tests.values()]
        for name, deviations in zip(found, [FrameDeviations.joined(own), *own], strict=True):
            found[name].append(deviations)
        scales.append(f"{fitted.result.posteriors[0].scale:.2f}")
    print(
        f"Trained on {options.train} frames at 300 K, the scale (× {', '.join(scales)}) learnt from "
        f"{len(data.frames) - options.train} others at 300 K; mean over {options.seeds} splits. RMS of predicted and "
        "actual force deviations of frames [kcal/mol/Å].\n"
    )
    table(HEADER, rows(found))
    forces = {name: own[0].force / FORCE_KCAL for name, own in found.items() if name != "all"}
    predicted, actual = ({name: own[i] for name, own in forces.items()} for i in (0, 1))
    title = f"3BPA, class2 from {options.train} frames at 300 K"
    write(options.picture, calibration(predicted, actual, "force error [kcal/mol/Å]", title))


def rows(found: dict[str, list[FrameDeviations]]) -> Iterator[list[str]]:
    """Means over the splits."""
    for name, splits in found.items():
        force, energy = np.mean([own.rank_correlations() for own in splits], axis=0)
        predicted, actual = np.mean([np.sqrt((own.force**2).mean(1)) for own in splits], axis=0) / FORCE_KCAL
        numbers = (force, energy, predicted, actual, actual / predicted)
        yield [name, str(splits[0].force.shape[1]), *(f"{number:.2f}" for number in numbers)]


if __name__ == "__main__":
    main()
