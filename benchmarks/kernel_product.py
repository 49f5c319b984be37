"""Time and memory of one product of a kernel's covariance with a vector: what a step of conjugate gradients takes.

A kernel on all atoms, with a point at every frame; forces and energies of all of them. Frames are repeated where the
set has too few, which changes no time. The time is that of the processor, the least of four products; memory is by how
much descriptors, derivatives and products raise the peak of the process above that of the row before.

Usage: python benchmarks/kernel_product.py [--sets ethanol_rmd17 aspirin_rmd17] [--points 100 300 1000 3000 5000]
                                           [--angular]
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from shared import options_of, peak_memory, read_set, table

from hybridff.comparison.benchmark_sets import BenchmarkSet
from hybridff.corrections.covariance import internal_basis
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.posterior import KernelPrior
from hybridff.corrections.products import KernelCovariance

HEADER = ("set", "entries", "permutations", "points", "forces and energies", "a product", "memory")
_PRIOR = KernelPrior(20.0, 1.0)
_REPEATS = 3


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="+", default=("ethanol_rmd17", "aspirin_rmd17"))
    parser.add_argument("--points", nargs="+", type=int, default=(100, 300, 1000, 3000, 5000))
    parser.add_argument("--angular", action="store_true", help="angles and torsions, too")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads\n")
    table(
        HEADER, (row for name in options.sets for row in rows(read_set(name), options.points, angular=options.angular))
    )


def rows(data: BenchmarkSet, sizes: list[int], *, angular: bool) -> Iterator[list[str]]:
    """A row for each number of points, of which the largest has the peak of all before it."""
    everything, known = range(len(data.molecule.numbers)), torch.as_tensor(data.frames.positions)
    fragment = Fragment.find(data.molecule, everything, known[:1000], angular=angular)
    shape = [data.name, str(len(fragment.descriptor)), str(len(fragment.permutations))]
    for n in sorted(sizes):
        before = peak_memory()
        x = known[torch.arange(n) % len(known)]
        kernel = KernelCovariance(fragment, fragment.points(x, internal_basis(x)), _PRIOR)
        vector = torch.as_tensor(np.random.default_rng(0).normal(size=kernel.points.n_forces + n))
        seconds = min(processor_time(kernel, vector) for _ in range(1 + _REPEATS))
        yield [*shape, str(n), str(len(vector)), f"{seconds:.3f} s", f"{peak_memory() - before:.0f} MB"]


def processor_time(kernel: KernelCovariance, vector: torch.Tensor) -> float:
    """Processor time of a product [s], of all threads together."""
    begin = time.process_time()
    kernel.times(vector)
    return time.process_time() - begin


if __name__ == "__main__":
    main()
