"""Time of a step in vacuum, stock GAFF as a prmtop against the exported force fields, run by turns.

The prmtop is written by ParmEd from the stock System and read back by ``openmm.app.AmberPrmtopFile``. The other
force fields are GAFF exported and fits to some frames: "native" are OpenMM's own and fused custom forces, "compiled" is
one ``PythonForce``. Systems and contexts are made outside of the timing. With ``--before``, the same fits as another
version of hybridff makes native Systems of them, a clone of it, run by turns with the others. With ``--models``, models
from folders in place of fits.

pocl keeps what it compiled: give times of contexts an empty folder as POCL_CACHE_DIR.

Usage: python benchmarks/step_time.py [--platform Reference …] [--steps 2000] [--repeats 25] [--before CLONE] [set …]
"""

from pathlib import Path

from shared import options_of, table
from step_time_rows import SIZES, rows

from hybridff.comparison.step_times import RATIO_HEADER
from hybridff.export.dynamics import platform_names


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("sets", nargs="*", default=("ethanol_rmd17", "aspirin_rmd17", "3bpa_300k"), help="of frames")
    parser.add_argument("--platform", nargs="+", default=["Reference"], choices=platform_names())
    parser.add_argument("--route", choices=("native", "compiled"), help="of rich forms; the faster one if not given")
    parser.add_argument("--forms", nargs="*", default=("near-pairs", "class2"))
    parser.add_argument("--sizes", nargs="*", default=SIZES, choices=SIZES, help="of class2")
    parser.add_argument("--models", nargs="*", default=(), type=Path, help="folders of models of the set's molecule")
    parser.add_argument("--frames", type=int, default=250, help="that the timed force fields are fitted to")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--before", type=Path, help="clone of another version, whose native Systems run too")
    options = parser.parse_args()
    print(f"{options.steps} Langevin steps of 0.5 fs, {options.repeats} runs by turns:", end=" ")
    print("median, ratio to the prmtop of stock GAFF with half the distance of its quartiles")
    header = (
        "set",
        "platform",
        "force field",
        "terms",
        "custom forces",
        "export",
        "context",
        *RATIO_HEADER,
        "to before",
    )
    table(header, (row for name in options.sets for row in rows(name, options)))


if __name__ == "__main__":
    main()
