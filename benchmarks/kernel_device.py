"""Time that kernels take to train on the processor and on a GPU, beside class II, and what comes out.

``correct`` as ``hybridff fit --correction all`` calls it: the search for length scale, amplitude and noise, and the
training, of one kernel on all atoms. The fit of the terms and the stability gate are outside of the timing.

Usage: python benchmarks/kernel_device.py [--set ethanol_rmd17] [--train 110 250 500]
"""

import argparse
import os
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Literal

import torch
from common import read_set

from hybridff import evaluate
from hybridff.comparison.benchmark_sets import TrialSet
from hybridff.hybrid.correcting import correct
from hybridff.hybrid.options import CorrectionOptions
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL

DEVICES: tuple[Literal["cpu", "cuda"], ...] = ("cpu", "cuda")
_VALIDATION, _TEST = 50, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", default="ethanol_rmd17", help="of frames")
    parser.add_argument("--train", nargs="+", type=int, default=(110, 250, 500))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU here, so there is nothing to compare.")
    print(f"{torch.cuda.get_device_name()}; torch with {torch.get_num_threads()} threads on the processor\n")
    print("| set | frames | processor | GPU | ratio | force RMSE [kcal/mol/Å]: processor | GPU |")
    print("| --- " * 7 + "|")
    data = read_set(options.set)
    _trained(data, options.train[0], "cuda")  # what CUDA takes to start is not counted
    for size in options.train:
        found = {device: _trained(data, size, device) for device in DEVICES}
        (slow, one), (fast, other) = found["cpu"], found["cuda"]
        print(
            f"| {data.name} | {size} | {slow:.1f} s | {fast:.1f} s | {fast / slow:.2f} | {one:.4f} | {other:.4f} |",
            flush=True,
        )


def _trained(data: TrialSet, size: int, device: Literal["cpu", "cuda"]) -> tuple[float, float]:
    """Seconds, and force RMSE of unseen frames [kcal/mol/Å]."""
    split = data.split(size, _VALIDATION, _TEST, seed=0)
    train, validation, test = (data.frames.subset(rows) for rows in split)
    result = data.fit("class2", split.train, split.validation, gate=GateOptions(gate="none")).result
    posterior = result.posteriors[0] if result.posteriors else None
    atoms = [range(len(data.molecule.numbers))]
    options = CorrectionOptions(device=device)
    with TemporaryDirectory() as empty:  # no search of an earlier run is gone on with
        os.environ["HYBRIDFF_CACHE"] = empty
        begin = perf_counter()
        found = correct(result.force_field, train, validation, atoms, options, posterior=posterior)
        seconds = perf_counter() - begin
    error = evaluate(found.force_field, test).force_rmse
    assert error is not None
    return seconds, error / FORCE_KCAL


if __name__ == "__main__":
    main()
