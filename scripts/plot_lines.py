"""Ethanol far from its minimum: O-H pulled apart, and along its normal modes at 874 and 3006/cm (Kovács et al.).

All methods see the same geometries. The frames along the mode at 874/cm and their PBE energies are the published ones;
for the mode at 3006/cm the reference is PBE/def2-SVP (``pbe.py``), and for O-H the same unrestricted, with the spins
of H and the rest apart at the start, as it comes apart into radicals. Reference energies are kept in the cache.

Usage: python scripts/plot_lines.py [--train 500] [--models table-models] [--pictures docs/images]
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pbe import AUXILIARY_BASIS, BASIS, FINE_GRID, XC, converged, theory
from pyscf import dft, gto
from recipes import RECIPES, made, say

from hybridff import HybridFFCalculator
from hybridff.analysis.lines import Line, displaced, energies_along, off_by, stretched
from hybridff.analysis.modes import normal_modes, read_reference
from hybridff.cache import cached_json
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.export.ase_atoms import atomic_weights
from hybridff.frames.reading import read_frames
from hybridff.molecules.molecule import Molecule
from hybridff.plots.curves import lines
from hybridff.units import ANGSTROM, HARTREE, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
NAMES = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", "sgdml")
HYDROXYL = (2, 8)
LENGTHS = np.concatenate([np.arange(0.75, 1.5, 0.05), np.arange(1.5, 3.01, 0.1)]) * ANGSTROM
"""Lengths of the bond [nm]."""
STRETCH = 3006.0
"""[1/cm]"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--hessian", type=Path, default=Path("docs/data/hessian-ethanol_rmd17.npz"))
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    data = read_trial_set(DATA / "ethanol_rmd17.npz")
    minimum, second = read_reference(options.hessian, data.molecule)
    known = normal_modes(data.molecule.numbers, minimum, second)
    published = read_frames(DATA / "ethanol_pbe_norm_mode_874.npz")
    number = int(np.abs(known.frequencies - STRETCH).argmin())
    stretch = displaced(known, number, 0.4 * ANGSTROM, 17, atomic_weights(data.molecule.numbers))
    apart = stretched(data.molecule, minimum, HYDROXYL, LENGTHS)
    frame = np.arange(1.0, len(published) + 1)
    plans = {
        "dissociation": (apart, labels(apart, data.molecule, unrestricted)),
        "mode-874": (
            Line("published frame along the mode at 874 cm⁻¹", frame, published.positions, unit=""),
            published.energies,
        ),
        "mode-3006": (stretch, labels(stretch, data.molecule, restricted)),
    }
    print(f"{options.train} training frames. Reference: {theory(dispersion=False)}.\n")
    print("| line | model | mean deviation [kcal/mol] | largest | below 20 kcal/mol: mean | largest |")
    print("| --- " * 6 + "|")
    found: dict[str, dict[str, Float[np.ndarray, " frames"]]] = {}
    for key, (line, reference) in plans.items():
        zero = int(reference.argmin())
        low = reference - reference[zero] < 20 * KCAL_MOL
        found[key] = {"reference": (reference - reference[zero]) / KCAL_MOL}
        for name in NAMES:
            model = made(RECIPES[name], data, options.train, options.models).force_field
            energies = energies_along(line, data.molecule.numbers, HybridFFCalculator(model))
            mean, most = (value / KCAL_MOL for value in off_by(energies, reference))
            near, worst = (value / KCAL_MOL for value in off_by(energies[low], reference[low]))
            print(f"| {key} | {name} | {mean:.2f} | {most:.2f} | {near:.3f} | {worst:.3f} |", flush=True)
            found[key][name] = (energies - energies[zero]) / KCAL_MOL
        highest = 1.15 * float(found[key]["reference"].max())
        options.pictures.mkdir(parents=True, exist_ok=True)
        label, places = line.axis()
        picture = lines(places, found[key], label, highest=highest)
        (options.pictures / f"{key}.png").write_bytes(picture)


def labels(line: Line, molecule: Molecule, energy: Callable[[gto.Mole], float]) -> Float[np.ndarray, " frames"]:
    """Reference energies [kJ/mol]."""
    found = []
    for number, positions in enumerate(line.positions / ANGSTROM):
        symbols = tuple(molecule.symbols)
        key = {"method": f"{energy.__name__}, {theory(dispersion=False)}", "symbols": symbols, "x": positions.tolist()}
        mol = gto.M(atom=list(zip(symbols, positions.tolist(), strict=True)), basis=BASIS, verbose=0)
        found.append(cached_json(key, partial(energy, mol)) * HARTREE)
        say(f"{line.label}: {number + 1} of {len(line.positions)} reference energies")
    return np.array(found)


def restricted(mol: gto.Mole) -> float:
    """[Hartree]"""
    return float(converged(mol).e_tot)


def unrestricted(mol: gto.Mole) -> float:
    """[Hartree]; the hydroxyl's hydrogen begins with one electron, of one spin."""
    found = dft.UKS(mol, xc=XC).density_fit(auxbasis=AUXILIARY_BASIS)
    found.grids.level, found.max_cycle, found.conv_tol = FINE_GRID, 200, 1e-8
    density = np.array(found.get_init_guess())
    first, last = mol.aoslice_by_atom()[HYDROXYL[1], 2:]
    density[0, first:last, first:last] *= 2
    density[1, first:last, first:last] = 0
    found.level_shift = 0.1
    found.kernel(density)
    if not found.converged:
        found = found.newton()
        found.kernel()
    if not found.converged:
        raise SystemExit("the unrestricted Kohn-Sham equations did not converge")
    return float(found.e_tot)


if __name__ == "__main__":
    main()
