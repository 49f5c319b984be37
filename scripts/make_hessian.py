"""A minimum and its Hessian at the level of theory of a set of frames, by PySCF: ``docs/data/hessian-<set>.npz``.

The minimum is the one next to the frame of lowest energy, or to the lowest minimum that ``make_minima.py`` has found;
the search for it begins with the Hessian of GFN2-xTB, or of a model that is fitted to the frames, which is nearer, and
goes on where an earlier one was stopped. The Hessian is analytic, with density fitting. ``hybridff analyse modes
--reference`` reads the file.

Usage: python scripts/make_hessian.py ethanol_rmd17 [--model DIR] [--largest-force 2e-4] [--out docs/data]
"""

import argparse
import json
import os
from pathlib import Path

import ase
import ase.io
import numpy as np
import pyscf
import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS
from make_minima import positive
from pyscf import dft, gto

from hybridff import HybridFFCalculator, read_model
from hybridff.analysis.methods import method
from hybridff.analysis.modes import HESSIAN_KCAL, hessian, normal_modes
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.corrections.covariance import internal_basis
from hybridff.output import new_file
from hybridff.units import ANGSTROM, BOHR, EV, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
LEVELS = {
    "ethanol_rmd17": ("pbe", "def2-svp", 4),
    "aspirin_rmd17": ("pbe", "def2-svp", 3),
    "nma_b3lyp": ("b3lyp5", "cc-pvdz", 4),
}
"""Functional, basis and PySCF's level of the grid; B3LYP5 is B3LYP with VWN5, as the source of the frames has it."""


class KohnSham(Calculator):
    """Restricted Kohn-Sham energies and forces by PySCF, the latter without what turns the molecule as a whole.

    The grid of the integration makes the energy depend on how the molecule lies, by some 0.01 kcal/mol; a search would
    follow that and never end.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's name)

    def __init__(self, functional: str, basis: str, grid: int) -> None:
        super().__init__()
        self._functional, self._basis, self._grid = functional, basis, grid
        self._density: np.ndarray | None = None

    def solved(self, atoms: ase.Atoms) -> dft.rks.RKS:
        """The solution at some geometry, begun with the last one."""
        mol = gto.M(atom=list(zip(atoms.symbols, atoms.positions.tolist(), strict=True)), basis=self._basis, verbose=0)
        found = dft.RKS(mol, xc=self._functional).density_fit()
        found.grids.level, found.conv_tol, found.conv_tol_grad = self._grid, 1e-10, 1e-6
        found.kernel(self._density)
        if not found.converged:
            raise SystemExit("the Kohn-Sham equations did not converge")
        self._density = found.make_rdm1()
        return found

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Energy [eV] and forces [eV/Å]."""
        super().calculate(atoms, properties, system_changes)
        found = self.solved(self.atoms)
        slope = found.nuc_grad_method().set(grid_response=True).kernel()
        hartree, length = HARTREE / EV, BOHR / ANGSTROM
        forces = (-slope * hartree / length).ravel()
        inner = internal_basis(torch.as_tensor(self.atoms.positions[None]))[0].numpy()
        self.results = {"energy": found.e_tot * hartree, "forces": (inner @ (inner.T @ forces)).reshape(-1, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=LEVELS)
    parser.add_argument("--minima", type=Path, default=Path("docs/data"), help="folder of minima-<set>.json")
    parser.add_argument("--model", type=Path, help="folder of a model whose Hessian begins the search")
    parser.add_argument("--largest-force", type=float, default=2e-4, help="at the minimum [eV/Å]")
    parser.add_argument("--out", type=Path, default=Path("docs/data"))
    options = parser.parse_args()
    data = read_trial_set(DATA / f"{options.set}.npz")
    lowest = data.frames.positions[int(data.frames.energies.argmin())] / ANGSTROM
    if (known := options.minima / f"minima-{options.set}.json").is_file():
        lowest = np.array(json.loads(known.read_text(encoding="utf-8"))["minima"][0]["positions"])
    visited = options.out / f"search-{options.set}.xyz"
    if visited.is_file():
        lowest = next(ase.io.iread(visited)).positions
    atoms, calculator = ase.Atoms(data.molecule.numbers, lowest), KohnSham(*LEVELS[options.set])
    model = None if options.model is None else HybridFFCalculator(read_model(options.model).force_field)
    search = BFGS(atoms, maxstep=0.1)
    guess = model or method("gfn2-xtb", data.molecule)
    search.H0 = positive(hessian(atoms.numbers, atoms.positions * ANGSTROM, guess) / (EV / ANGSTROM**2))
    search.attach(lambda: ase.io.write(visited, ase.Atoms(atoms.numbers, atoms.positions), format="extxyz"))
    atoms.calc = calculator
    search.run(fmax=options.largest_force, steps=200)
    solution = calculator.solved(atoms)
    second = solution.Hessian().kernel().transpose(0, 2, 1, 3).reshape(3 * len(atoms), -1)
    second = (second + second.T) / 2 * (HARTREE / KCAL_MOL) / (BOHR / ANGSTROM) ** 2
    found = normal_modes(atoms.numbers, atoms.positions * ANGSTROM, second * HESSIAN_KCAL)
    print(f"frequencies [1/cm]: {' '.join(f'{value:.1f}' for value in found.frequencies)}")
    if found.frequencies.min() < 0:
        raise SystemExit("this is no minimum")
    functional, basis, grid = LEVELS[options.set]
    theory = f"{functional}/{basis}, density fitting, grid level {grid}, PySCF {pyscf.__version__}"
    with new_file(options.out / f"hessian-{options.set}.npz") as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            z=atoms.numbers.astype(np.int8),
            R=atoms.positions,
            hessian=second,
            energy=solution.e_tot * HARTREE / KCAL_MOL,
            theory=np.str_(theory),
        )
    visited.unlink()


if __name__ == "__main__":
    main()
