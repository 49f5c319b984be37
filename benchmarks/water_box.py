"""Speed of dynamics, in vacuum and in a water box: every kind of model against stock GAFF, run by turns.

Rigid TIP3P water, particle-mesh Ewald and a flexible solute; Langevin steps of 1 fs at 300 K. In every System, the
solute meets water by GAFF's charges and Lennard-Jones parameters. Models are made with the template generator, by
OpenMM's own forces ("native") and on the platforms CPU and Reference also by the compiled evaluator. Kernels have
points of real geometries and weights of nothing: what they cost depends on atoms, points and permutations alone.

Beside them, what one would take instead, by openmm-ml's mixed Systems: the program sgdml (``pip install sgdml``) and
GFN2-xTB (``pip install tblite``) by their ASE calculators, and a MACE network (``pip install mace-torch``) from a file,
on the GPU if PyTorch finds one. What is not installed has no row, and Reference no water. Before the timing, what the
model adds to the box is compared with the molecule alone. With ``--before``, native Systems as another version of
hybridff makes them, a clone of it, run by turns with the others. With ``--models``, also models from folders.

Usage: python benchmarks/water_box.py [--platforms CPU OpenCL] [--edge 3.2] [--rows "class2, medium" …]
                                      [--mace aspirin.model] [--precision mixed] [set of frames …]
"""

import logging
import os
from pathlib import Path

import torch
from shared import options_of, read_set, table
from water_rows import OTHERS, ROWS, rows

from hybridff.comparison.step_times import RATIO_HEADER
from hybridff.export.dynamics import platform_names


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=("aspirin_rmd17",), help="names of sets of frames")
    parser.add_argument("--platforms", nargs="*", default=platform_names(), choices=platform_names())
    parser.add_argument("--only", choices=("vacuum", "water"), help="one of the two")
    parser.add_argument("--edge", type=float, default=3.2, help="of the box [nm]")
    parser.add_argument("--rows", nargs="*", default=(*ROWS, *OTHERS), choices=(*ROWS, *OTHERS))
    parser.add_argument("--models", nargs="*", default=(), type=Path, help="folders of models of the set's molecule")
    parser.add_argument("--points", type=int, default=200, help="of every kernel, sgdml's too")
    parser.add_argument("--mace", type=Path, help="file of a trained MACE network")
    parser.add_argument("--precision", choices=("single", "mixed", "double"), help="of GPU platforms, if not their own")
    parser.add_argument("--frames", type=int, default=250, help="that the force fields are fitted to")
    parser.add_argument("--seconds", type=float, default=0.4, help="that a row runs in its turn")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--before", type=Path, help="clone of another version, whose native Systems run too")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # what sgdml says
    turns = f"{options.repeats} turns of {options.seconds:g} s; {os.cpu_count()} cores, torch"
    print(f"Langevin steps of 1 fs, {turns}")
    points = f"kernels of {options.points} points. Ratio: time of a step over that"
    print(f"with {torch.get_num_threads()} threads; {points}")
    print("of stock GAFF in the same turn, median with half the distance of the quartiles.")
    about = ["set", "atoms", "platform", "force field", "terms", "custom forces", "context"]
    table(
        [*about, *RATIO_HEADER, "ns/day", "energy off by"],
        (row for name in options.sets for row in rows(read_set(name), options)),
    )


if __name__ == "__main__":
    main()
