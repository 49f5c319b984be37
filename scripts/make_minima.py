"""Lowest minima of a molecule by PBE/def2-SVP, the level of the rMD17 sets: ``docs/data/minima-<set>.json``.

Conformers come from RDKit (distance geometry, MMFF94), are relaxed with GFN2-xTB, and those within --window of the
lowest with PBE/def2-SVP (``pbe.py``). Mirror images count as one. Relaxations begin with GFN2-xTB's Hessian, so that
they take few steps; every one that is finished is in the file, and a run that was stopped goes on. Needs the extra
``hybridff[reference]``.

Usage: python scripts/make_minima.py aspirin_rmd17 [--window 6] [--out docs/data]
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase.optimize import BFGS
from jaxtyping import Float
from pbe import PBE, theory

from hybridff.analysis.methods import method
from hybridff.analysis.minima import search
from hybridff.analysis.modes import hessian
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, EV, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
CONFORMERS, SEED = 200, 1
LARGEST_FORCE = 0.2
"""Of a relaxed geometry [kcal/mol/Å]."""
_SOFTEST = 0.1
"""Curvature of a mode at the start of a relaxation, at least [eV/Å²]."""
_KCAL = KCAL_MOL / EV
"""1 kcal/mol in eV."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set")
    parser.add_argument("--window", type=float, default=6.0, help="above the lowest, by GFN2-xTB [kcal/mol]")
    parser.add_argument("--out", type=Path, default=Path("docs/data"))
    options = parser.parse_args()
    molecule = read_trial_set(DATA / f"{options.set}.npz").molecule
    path = options.out / f"minima-{options.set}.json"
    starts = conformers(molecule, options.window)
    finished: list[dict[str, Any]] = json.loads(path.read_text())["minima"] if path.is_file() else []
    for i, (guess, curvature) in enumerate(starts):
        if any(minimum["start"] == i for minimum in finished):
            continue
        energy, relaxed = relax(molecule, guess, curvature, f"minimum {i + 1} of {len(starts)}")
        finished.append({"start": i, "energy": round(energy, 4), "positions": relaxed.round(5).tolist()})
        finished.sort(key=lambda minimum: minimum["energy"])
        whole = {"set": options.set, "theory": theory(dispersion=False), "minima": finished}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(whole, indent=1) + "\n")
        path.with_suffix(".part").replace(path)
    for minimum in finished:
        print(f"{minimum['energy'] - finished[0]['energy']:8.3f} kcal/mol")


def conformers(molecule: Molecule, window: float) -> list[tuple[Float[np.ndarray, "atoms 3"], np.ndarray]]:
    """Minima of GFN2-xTB [Å] with their Hessians [eV/Å²], lowest first."""
    xtb = method("gfn2-xtb", molecule)
    found = search(molecule, xtb, wanted=CONFORMERS, seed=SEED)
    print("GFN2-xTB [kcal/mol]:", *(f"{(own.energy - found[0].energy) / KCAL_MOL:.2f}" for own in found), flush=True)
    near = [own.positions for own in found if own.energy - found[0].energy < window * KCAL_MOL]
    return [
        (positions / ANGSTROM, positive(hessian(molecule.numbers, positions, xtb) / (EV / ANGSTROM**2)))
        for positions in near
    ]


def positive(second: np.ndarray) -> np.ndarray:
    """A Hessian [eV/Å²] without negative curvature."""
    values, vectors = np.linalg.eigh(second)
    return vectors @ np.diag(np.maximum(np.abs(values), _SOFTEST)) @ vectors.T


def relax(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], curvature: np.ndarray, name: str
) -> tuple[float, Float[np.ndarray, "atoms 3"]]:
    """Energy [kcal/mol] and geometry [Å] of the next minimum of PBE/def2-SVP."""
    atoms = ase.Atoms(molecule.numbers, positions, calculator=PBE())
    optimiser = BFGS(atoms, logfile=None, maxstep=0.1)
    optimiser.H0 = curvature
    for _ in optimiser.irun(fmax=LARGEST_FORCE * _KCAL, steps=100):
        force = np.linalg.norm(atoms.get_forces(), axis=1).max() / _KCAL
        print(f"{name}: {atoms.get_potential_energy() / _KCAL:.4f} kcal/mol, {force:.2f} kcal/mol/Å", flush=True)
    if force > LARGEST_FORCE:
        raise SystemExit(f"{name} is not relaxed after 100 steps.")
    return atoms.get_potential_energy() / _KCAL, atoms.positions


if __name__ == "__main__":
    main()
