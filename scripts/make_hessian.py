"""A minimum and its Hessian at the level of theory of a set of frames, by PySCF: ``docs/data/hessian-<set>.npz``.

The minimum is the one next to the frame of lowest energy, or to the lowest minimum that ``make_minima.py`` has found;
the search for it begins with the Hessian of GFN2-xTB, or of a model that is fitted to the frames, which is nearer, and
goes on where an earlier one was stopped. The Hessian is analytic, with density fitting. ``hybridff analyse modes
--reference`` reads the file.

Usage: python scripts/make_hessian.py ethanol_rmd17 [--model DIR] [--largest-force 2e-4] [--out docs/data]
"""

from pathlib import Path

import ase
import ase.io
from common import PUBLISHED_DATA, options_of, read_set

from hybridff import HybridFFCalculator, read_model
from hybridff.analysis.methods import method
from hybridff.analysis.modes import hessian
from hybridff.reference.hessian import HessianLevel, find_minimum, positive
from hybridff.reference.minima import read_minima
from hybridff.units import ANGSTROM, EV

LEVELS = {
    "ethanol_rmd17": HessianLevel("pbe", "def2-svp", 4),
    "aspirin_rmd17": HessianLevel("pbe", "def2-svp", 3),
    "nma_b3lyp": HessianLevel("b3lyp5", "cc-pvdz", 4),
}
"""B3LYP5 is B3LYP with VWN5, as the source of the frames has it."""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("set", choices=LEVELS)
    parser.add_argument("--minima", type=Path, default=PUBLISHED_DATA, help="folder of minima-<set>.json")
    parser.add_argument("--model", type=Path, help="folder of a model whose Hessian begins the search")
    parser.add_argument("--largest-force", type=float, default=2e-4, help="at the minimum [eV/Å]")
    parser.add_argument("--out", type=Path, default=PUBLISHED_DATA)
    options = parser.parse_args()
    data = read_set(options.set)
    lowest = data.frames.positions[int(data.frames.energies.argmin())]
    if (known := options.minima / f"minima-{options.set}.json").is_file():
        lowest = read_minima(data.molecule, known, most=1).positions[0]
    numbers, visited = data.molecule.numbers, options.out / f"search-{options.set}.xyz"
    if visited.is_file():
        lowest = next(ase.io.iread(visited)).positions * ANGSTROM
    model = None if options.model is None else HybridFFCalculator(read_model(options.model).force_field)
    found = find_minimum(
        numbers,
        lowest,
        LEVELS[options.set],
        curvature=positive(hessian(numbers, lowest, model or method("gfn2-xtb", data.molecule))),
        largest_force=options.largest_force * (EV / ANGSTROM),
        visit=lambda x: ase.io.write(visited, ase.Atoms(numbers, x / ANGSTROM), format="extxyz"),
    )
    print(f"frequencies [1/cm]: {' '.join(f'{value:.1f}' for value in found.frequencies)}")
    found.write(options.out / f"hessian-{options.set}.npz")
    visited.unlink()


if __name__ == "__main__":
    main()
