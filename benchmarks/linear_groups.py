"""Frequencies of molecules with linear groups: fits to GFN2-xTB frames against GFN2-xTB's own Hessian.

Usage: python benchmarks/linear_groups.py [NAME ...] [--form class2] [--folder DIR]

Each molecule gets 120 frames of dynamics at 400 K by GFN2-xTB (kept in the folder), of which 100 train a fit with
the stability gate, by the command's own defaults but AM1-BCC charges. Needs hybridff[reference].
"""

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from rdkit import Chem

from hybridff import FitJob, Frames, Molecule, fit_molecule
from hybridff.analysis.methods import method
from hybridff.analysis.minima import positions_of
from hybridff.analysis.modes import compare_modes, nearest_minimum
from hybridff.export.ase_atoms import FORCE_EV
from hybridff.export.calculator import HybridFFCalculator
from hybridff.units import ANGSTROM, EV

MOLECULES = {
    "co2": "O=C=O",
    "acetonitrile": "CC#N",
    "propyne": "CC#C",
    "diacetylene": "C#CC#C",
    "butyne": "CC#CC",
    "allene": "C=C=C",
    "azide": "CN=[N+]=[N-]",
}


def molecule(name: str) -> Molecule:
    """A molecule whose atoms are numbered in its SMILES, hydrogens too."""
    graph = Chem.AddHs(Chem.MolFromSmiles(MOLECULES[name]))
    for atom in graph.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    return Molecule.from_smiles(Chem.MolToSmiles(graph), name).with_embedded_positions(seed=1)


def frames(owner: Molecule) -> Frames:
    """Frames of dynamics by GFN2-xTB."""
    calculator, random = method("gfn2-xtb", owner), np.random.default_rng(3)
    begin = nearest_minimum(owner.numbers, positions_of(owner), calculator)
    atoms = Atoms(owner.numbers, begin / ANGSTROM, calculator=calculator)
    MaxwellBoltzmannDistribution(atoms, temperature_K=800, rng=random)
    dynamics = Langevin(atoms, 0.5 * units.fs, temperature_K=400, friction=0.02 / units.fs, rng=random)
    dynamics.run(400)
    rows = []
    for _ in range(120):
        dynamics.run(60)
        rows.append((atoms.get_positions(), atoms.get_potential_energy(), atoms.get_forces()))
    x, energy, force = (np.array(column) for column in zip(*rows, strict=True))
    return Frames(owner.numbers, x * ANGSTROM, energy * EV, force * FORCE_EV, owner.name, owner.smiles, "GFN2-xTB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MOLECULES))
    parser.add_argument("--form", default="class2")
    parser.add_argument("--folder", type=Path, default=Path("linear-groups"))
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    for name in options.names:
        owner, path = molecule(name), options.folder / f"{name}.npz"
        if not path.exists():
            frames(owner).write(path)
        job = FitJob.of(form=options.form, train=100, validation=10, charges="am1bcc", report="brief")
        fitted = HybridFFCalculator(fit_molecule(path, job).force_field)
        columns = compare_modes(owner, {"GFN2-xTB": method("gfn2-xtb", owner), "fit": fitted}).columns()
        print(f"{name}, {options.form}: frequencies of GFN2-xTB, and how far the fit is off [1/cm]")
        print("  " + ", ".join(f"{a:.0f} {b - a:+.1f}" for a, b in zip(*columns.values(), strict=True)), flush=True)


if __name__ == "__main__":
    main()
