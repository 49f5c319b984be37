"""Energies over two torsions, relaxed by every method, against a reference surface: maps, differences and a table.

Ethanol (rMD17: hydroxyl and methyl group) and keto-malonaldehyde (the two aldehyde groups; ``make_bundled_data.py``),
as in Figs 2 to 4 of Sauceda et al., arXiv:2008.04198. The reference surfaces are those of ``make_surface.py``. Scans
that are finished are kept in the folder of models.

Usage: python scripts/plot_scans.py [ethanol malonaldehyde] [--every 20] [--models table-models]
       python scripts/plot_scans.py ethanol --grid grid.xyz      # geometries for make_surface.py, and nothing else
"""

import argparse
from pathlib import Path

import ase.io
import numpy as np
from common import PICTURES, PUBLISHED_DATA, kept_arrays, options_of, read_task, say, table, write

from hybridff import HybridFFCalculator, read_frames
from hybridff.analysis.methods import method
from hybridff.analysis.scan import Scan
from hybridff.comparison.recipes import SIX, StoredModels
from hybridff.comparison.torsion_tasks import TASKS, TorsionTask, grid, scan_pictures, scan_table
from hybridff.errors import MissingProgramError
from hybridff.units import ANGSTROM

OTHERS, BEST = {"UFF": "uff", "MMFF94": "mmff94"}, "class2 + kernel"
XTB = "GFN2-xTB*"  # too slow to relax hundreds of geometries: it labels those of the reference


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], default=[], help="both if left out")
    parser.add_argument("--every", type=float, default=20.0, help="degrees")
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and scans")
    parser.add_argument("--surfaces", type=Path, default=PUBLISHED_DATA, help="folder of surface-<name>.npz")
    parser.add_argument("--grid", type=Path, help="only write the best model's geometries, .xyz")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    options = parser.parse_args()
    for name in options.tasks or TASKS:
        task, data = TASKS[name], read_task(name)
        kept = StoredModels(options.models, data, task.train, say=say)
        if options.grid is None:
            one_molecule(name, task, kept, options)
            continue
        numbers, found = data.molecule.numbers, scan_of(BEST, task, kept, options.every)
        frames = [ase.Atoms(numbers, x / ANGSTROM) for x in found.positions.reshape(-1, len(numbers), 3)]
        ase.io.write(options.grid, frames, format="extxyz")


def one_molecule(name: str, task: TorsionTask, kept: StoredModels, options: argparse.Namespace) -> None:
    surface, every, molecule = read_frames(options.surfaces / f"surface-{name}.npz"), options.every, kept.data.molecule
    scans = {"reference": task.surface(surface, every)}
    scans |= {title: scan_of(title, task, kept, every) for title in (*SIX, *OTHERS)}
    try:
        scans[XTB] = task.surface(surface, every, method("gfn2-xtb", molecule))
    except MissingProgramError as error:
        say(f"{XTB} is left out: {error}")
    print(f"\n{name}: {' and '.join(labels := task.labels(molecule))} every {every:g}°, {task.train} training frames.")
    print(f"Reference: {surface.theory}.\n")
    table((found := scan_table(scans)).header, found.rows)
    for ending, content in zip(("", "-differences"), scan_pictures(scans, labels), strict=True):
        write(options.pictures / f"scan-{name}{ending}.png", content)


def scan_of(title: str, task: TorsionTask, kept: StoredModels, every: float) -> Scan:
    """A scan of an earlier run, or a new one, by a fitted model or a method that needs no fit."""
    molecule, ending = kept.data.molecule, f"relaxed-{every:g}.npz"
    path = kept.file(title, ending) if title in SIX else kept.folder / f"{kept.data.name}-{OTHERS[title]}-{ending}"

    def compute() -> dict[str, np.ndarray]:
        say(f"{kept.data.name}, {title}: scan")
        own = method(OTHERS[title], molecule) if title in OTHERS else HybridFFCalculator(kept.force_field(title))
        found = task.scan(own, molecule, every)
        return {"energies": found.energies, "positions": found.positions}

    return Scan(grid(every), **kept_arrays(path, compute))


if __name__ == "__main__":
    main()
