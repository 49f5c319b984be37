"""Wall time of a fit: 110 ethanol frames and 1000 aspirin frames of HYBRIDFF_DATA, prior scale fixed and chosen.

Usage: python benchmarks/fit_time.py [--repeats 5]
"""

import argparse
import os
import resource
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from hybridff import FitOptions, ForceField, StartOptions, fit, read_frames, starting_parameters

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"{torch.get_num_threads()} threads; seconds in the solver (frames in memory, charges and types known)")
    for name, size in (("ethanol_rmd17", 110), ("aspirin_rmd17", 1000)):
        frames = read_frames(DATA / f"{name}.npz")
        split = frames.split(size, 100, 0)
        train, validation = frames.subset(split.train), frames.subset(split.validation)
        molecule = replace(frames.molecule(), positions=frames.positions[np.argmin(frames.energies)])
        parameters = starting_parameters(molecule, StartOptions())
        for form, label, options, judge in (
            ("harmonic", "prior scale 1", FitOptions(prior_scale=1.0), None),
            ("harmonic", "prior scale chosen on 100 frames", FitOptions(), validation),
            ("near-pairs", "prior scale 1", FitOptions(prior_scale=1.0), None),
            ("near-pairs", "prior scale chosen on 100 frames", FitOptions(), validation),
        ):
            start = ForceField.build(molecule, parameters, form=form)  # type: ignore[arg-type]
            results = [fit(start, train, options, judge) for _ in range(repeats)]
            seconds = [result.seconds for result in results]
            fitted = int((results[0].deviations > 0).sum())
            print(
                f"{name} {size} frames, {form}, {fitted} parameters, {label}: median {median(seconds):.2f} s "
                f"(min {min(seconds):.2f}, max {max(seconds):.2f})",
                flush=True,
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
