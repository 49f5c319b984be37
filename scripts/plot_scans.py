"""Energies over two torsions, relaxed by every method, against a reference surface: maps, differences and a table.

Ethanol (rMD17: hydroxyl and methyl group) and keto-malonaldehyde (the two aldehyde groups; ``make_bundled_data.py``),
as in Figs 2 to 4 of Sauceda et al., arXiv:2008.04198. The reference surfaces are those of ``make_surface.py``. Scans
that are finished are kept in the folder of models.

Usage: python scripts/plot_scans.py [ethanol malonaldehyde] [--every 20] [--train 500] [--models table-models]
       python scripts/plot_scans.py ethanol --grid grid.xyz      # geometries for make_surface.py, and nothing else
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.calculators.calculator import BaseCalculator
from recipes import RECIPES, folder_of, made, say

from hybridff import HybridFFCalculator
from hybridff.analysis.lines import Line, energies_along
from hybridff.analysis.methods import method
from hybridff.analysis.scan import Scan, on_grid, relaxed_scan
from hybridff.analysis.torsions import Torsion
from hybridff.comparison.benchmark_sets import TrialSet, read_trial_set
from hybridff.errors import MissingProgramError
from hybridff.frames.dataset import Frames
from hybridff.frames.reading import read_frames
from hybridff.molecules.graph import chain_name
from hybridff.plots.torsions import ColourScale, TorsionGrid, torsion_maps
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
MODELS = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", "sgdml")
OTHERS = {"UFF": "uff", "MMFF94": "mmff94"}
XTB = "GFN2-xTB*"
"""Too slow to relax hundreds of geometries: it labels those of the reference."""
BEST = "class2 + kernel"


@dataclass(frozen=True)
class Task:
    """A molecule and its torsions."""

    file: Path
    torsions: tuple[Torsion, Torsion]
    train: int


TASKS = {
    "ethanol": Task(DATA / "ethanol_rmd17.npz", ((1, 0, 2, 8), (2, 0, 1, 5)), 500),
    "malonaldehyde": Task(Path("docs/data/malonaldehyde.npz"), ((3, 1, 0, 2), (4, 2, 0, 1)), 120),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], default=[], help="both if left out")
    parser.add_argument("--every", type=float, default=20.0, help="degrees")
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models and scans")
    parser.add_argument("--surfaces", type=Path, default=Path("docs/data"), help="folder of surface-<name>.npz")
    parser.add_argument("--grid", type=Path, help="only write the best model's geometries, .xyz")
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    for name in options.tasks or TASKS:
        data = read_trial_set(TASKS[name].file)
        if options.grid is not None:
            found = of_model(BEST, name, data, options)
            geometries = found.positions.reshape(-1, len(data.molecule.numbers), 3)
            ase.io.write(
                options.grid, [ase.Atoms(data.molecule.numbers, x / ANGSTROM) for x in geometries], format="extxyz"
            )
            continue
        one_molecule(name, data, options)


def one_molecule(name: str, data: TrialSet, options: argparse.Namespace) -> None:
    """Table and pictures of a molecule."""
    task, grids = TASKS[name], angles(options)
    surface = read_frames(options.surfaces / f"surface-{name}.npz")
    reference = on_grid(surface.positions, surface.energies, task.torsions, grids, f"surface-{name}.npz")
    scans = {"reference": reference}
    for model in MODELS:
        scans[model] = of_model(model, name, data, options)
    for title, key in OTHERS.items():
        scans[title] = of_other(title, key, name, data, options)
    try:
        scans[XTB] = at_reference(surface, method("gfn2-xtb", data.molecule), task, grids)
    except MissingProgramError as error:
        say(f"{XTB} is left out: {error}")
    labels = [chain_name(data.molecule, own) for own in task.torsions]
    print(f"\n{name}: {' and '.join(labels)} every {options.every:g}°, {task.train} training frames.")
    print(f"Reference: {surface.theory}.\n")
    print("| method | highest [kcal/mol] | mean deviation | largest |\n| --- | --- | --- | --- |")
    for title, own in scans.items():
        mean, largest = (value / KCAL_MOL for value in own.deviation(reference))
        cells = "| |" if title == "reference" else f"| {mean:.2f} | {largest:.2f} |"
        print(f"| {title} | {np.nanmax(own.energies) / KCAL_MOL:.2f} {cells}", flush=True)
    highest = float(np.nanmax(reference.energies))
    maps = {title: TorsionGrid(grids, own.energies) for title, own in scans.items()}
    content = torsion_maps(maps, labels, "energy", ColourScale(0.0, highest))
    write(options.pictures / f"scan-{name}.png", content)
    off = {title: TorsionGrid(grids, own.difference(reference)) for title, own in scans.items() if title != "reference"}
    content = torsion_maps(off, labels, "energy less the reference's", ColourScale(-highest / 3, highest / 3, "RdBu_r"))
    write(options.pictures / f"scan-{name}-differences.png", content)


def of_model(model: str, name: str, data: TrialSet, options: argparse.Namespace) -> Scan:
    """By a fitted model."""
    saved = made(RECIPES[model], data, TASKS[name].train, options.models)
    path = folder_of(RECIPES[model], data.name, TASKS[name].train, options.models)
    return kept(
        path.with_name(f"{path.name}-scan-{options.every:g}.npz"), model, name, data, saved.force_field, options
    )


def of_other(title: str, key: str, name: str, data: TrialSet, options: argparse.Namespace) -> Scan:
    """By a method that needs no fit."""
    path = options.models / f"{data.name}-{key}-scan-{options.every:g}.npz"
    return kept(path, title, name, data, method(key, data.molecule), options)


def at_reference(surface: Frames, calculator: BaseCalculator, task: Task, grids: tuple[np.ndarray, np.ndarray]) -> Scan:
    """Energies of a method at the geometries of the reference surface."""
    line = Line("", np.arange(float(len(surface))), surface.positions, unit="")
    return on_grid(
        surface.positions, energies_along(line, surface.numbers, calculator), task.torsions, grids, "surface"
    )


def kept(path: Path, title: str, name: str, data: TrialSet, what: object, options: argparse.Namespace) -> Scan:
    """A scan of an earlier run, or a new one."""
    grids = angles(options)
    if path.is_file():
        with np.load(path) as file:
            return Scan(grids, file["energies"] * KCAL_MOL, file["positions"] * ANGSTROM)
    say(f"{name}, {title}: scan")
    calculator = what if not hasattr(what, "table") else HybridFFCalculator(what)  # type: ignore[arg-type]
    found = relaxed_scan(data.molecule, calculator, TASKS[name].torsions, grids)  # type: ignore[arg-type]
    np.savez(path, energies=found.energies / KCAL_MOL, positions=found.positions / ANGSTROM)
    return found


def angles(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Angles of both torsions [rad]."""
    own = np.arange(-180.0, 180.0 - 1e-9, options.every) * DEGREE
    return own, own


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
