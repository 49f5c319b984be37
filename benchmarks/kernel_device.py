"""Time that kernels take to train on the processor and on a GPU, beside class II, and what comes out.

As ``hybridff fit --correction all`` trains them: the search for length scale, amplitude and noise, and the training, of
one kernel on all atoms. The fit of the terms and the stability gate are outside of the timing.

Usage: python benchmarks/kernel_device.py [--set ethanol_rmd17] [--train 110 250 500]
"""

import os
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory

import torch
from shared import options_of, read_set, table

from hybridff import evaluate
from hybridff.comparison.benchmark_sets import BenchmarkFit, BenchmarkSet, fit_as_the_command_does
from hybridff.corrections.device import Device
from hybridff.hybrid.options import CorrectionOptions
from hybridff.stability.gate import GateOptions
from hybridff.units import FORCE_KCAL

VALIDATION, TEST = 50, 500
HEADER = ("set", "frames", "processor", "GPU", "ratio", "force RMSE [kcal/mol/Å]: processor", "GPU")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--set", default="ethanol_rmd17", help="of frames")
    parser.add_argument("--train", nargs="+", type=int, default=(110, 250, 500))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU here, so there is nothing to compare.")
    print(f"{torch.cuda.get_device_name()}; torch with {torch.get_num_threads()} threads on the processor\n")
    data = read_set(options.set)
    trained(data, options.train[0], "cuda")  # what CUDA takes to start is not counted
    table(HEADER, rows(data, options.train))


def rows(data: BenchmarkSet, sizes: Sequence[int]) -> Iterator[list[str]]:
    for size in sizes:
        (slow, one), (fast, other) = trained(data, size, "cpu"), trained(data, size, "cuda")
        times = [f"{slow:.1f} s", f"{fast:.1f} s", f"{fast / slow:.2f}"]
        yield [data.name, str(size), *times, f"{one:.4f}", f"{other:.4f}"]


def trained(data: BenchmarkSet, size: int, device: Device) -> tuple[float, float]:
    """Time of the kernel's training [s], and force RMSE of unseen frames [kcal/mol/Å]."""
    how = BenchmarkFit(correction="all", kernels=CorrectionOptions(device=device), gate=GateOptions(gate="none"))
    split = data.split(size, VALIDATION, TEST, seed=0)
    with TemporaryDirectory() as empty:  # no search of an earlier run is gone on with
        os.environ["HYBRIDFF_CACHE"] = empty
        found = fit_as_the_command_does(data, split, how)
    error = evaluate(found.force_field, data.frames.subset(split.test)).force_rmse
    assert found.corrected is not None
    assert error is not None
    return found.corrected.seconds, error / FORCE_KCAL


if __name__ == "__main__":
    main()
