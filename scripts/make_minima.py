"""Lowest minima of a molecule by PBE/def2-SVP, the level of the rMD17 sets: ``docs/data/minima-<set>.json``.

Conformers come from RDKit (distance geometry, MMFF94), are relaxed with GFN2-xTB, and those within --window of the
lowest with PBE/def2-SVP (``hybridff.reference.pyscf_level``). Mirror images count as one. Relaxations begin with
GFN2-xTB's Hessian, so that they take few steps; every one that is finished is in the file, and a run that was stopped
goes on. Needs the extra ``hybridff[reference]``.

Usage: python scripts/make_minima.py aspirin_rmd17 [--window 6] [--out docs/data]
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from common import PUBLISHED_DATA, options_of, read_set

from hybridff import Molecule
from hybridff.analysis.methods import method
from hybridff.analysis.minima import search
from hybridff.analysis.modes import hessian
from hybridff.reference.hessian import positive
from hybridff.reference.minima import relaxed_minimum, write_minima
from hybridff.reference.pyscf_level import PBE, PySCFLevel
from hybridff.units import ANGSTROM, KCAL_MOL

CONFORMERS, SEED = 200, 1


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("set")
    parser.add_argument("--window", type=float, default=6.0, help="above the lowest, by GFN2-xTB [kcal/mol]")
    parser.add_argument("--out", type=Path, default=PUBLISHED_DATA)
    options = parser.parse_args()
    molecule = read_set(options.set).molecule
    path = options.out / f"minima-{options.set}.json"
    starts = conformers(molecule, options.window)
    finished: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["minima"] if path.is_file() else []
    for i, (guess, curvature) in enumerate(starts):
        if any(minimum["start"] == i for minimum in finished):
            continue
        name = f"minimum {i + 1} of {len(starts)}"
        energy, positions = relaxed_minimum(molecule.numbers, guess, PBE(), curvature, name=name, say=print)
        rounded = {"energy": round(energy / KCAL_MOL, 4), "positions": (positions / ANGSTROM).round(5).tolist()}
        finished.append({"start": i, **rounded})
        finished.sort(key=lambda minimum: minimum["energy"])
        write_minima(path, options.set, PySCFLevel(dispersion=False).theory, finished)
    for minimum in finished:
        print(f"{minimum['energy'] - finished[0]['energy']:8.3f} kcal/mol")


def conformers(molecule: Molecule, window: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Minima of GFN2-xTB [nm] up to so much above the lowest [kcal/mol] with Hessians [kJ/mol/nm²], lowest first."""
    xtb = method("gfn2-xtb", molecule)
    found = search(molecule, xtb, wanted=CONFORMERS, seed=SEED)
    print("GFN2-xTB [kcal/mol]:", *(f"{(own.energy - found[0].energy) / KCAL_MOL:.2f}" for own in found), flush=True)
    near = [own.positions for own in found if own.energy - found[0].energy < window * KCAL_MOL]
    return [(positions, positive(hessian(molecule.numbers, positions, xtb))) for positions in near]


if __name__ == "__main__":
    main()
