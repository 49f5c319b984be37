"""Conformer energies of drug-like molecules: class II taught by GFN2-xTB alone, beside stock GAFF and GFN2-xTB itself.

Conformers and their energies by DLPNO-CCSD(T)/cc-pVTZ and other methods: D. Folmsbee, G. Hutchison, Int. J. Quantum
Chem. 121, e26381 (2021); all methods at the same geometries, which no fit sees. Frames of GFN2-xTB are conformers of
RDKit, of all angles of rotors, and dynamics, as ``fit --pretrain`` makes them. Charges are those of Gasteiger.

Usage: python scripts/table_conformers.py [--molecules 12] [--largest 34] [--frames 600] [--seed 0]
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import DATA, options_of, table
from scipy.stats import spearmanr
from taught_by_level import taught_models

import hybridff as hf
from hybridff.frames.accuracy import predict
from hybridff.units import ANGSTROM, KCAL_MOL

TRUTH = "dlpno-ccsd(t)/cc-pvtz"
OTHERS = ("gfn2-xtb", "b3lyp-d3(bj)/def2-tzvp", "wb97x-d3/def2-tzvp")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--molecules", type=int, default=12)
    parser.add_argument("--largest", type=int, default=34, help="atoms of a molecule at most")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with (DATA / "conformers_folmsbee.json").open(encoding="utf-8") as file:
        known = [own for own in json.load(file)["molecules"] if len(own["positions"][0]) <= options.largest]
    some = [known[i] for i in sorted(np.random.default_rng(options.seed).permutation(len(known))[: options.molecules])]
    names = ("stock GAFF", "class II, no labels", *OTHERS)
    found: list[list[float]] = []

    def rows() -> Iterator[list[str]]:
        for entry in some:
            errors, ranks, left = cells(entry, options.frames, options.seed)
            found.append(errors)
            formatted = [f"{error:.2f} ({rank:.2f})" for error, rank in zip(errors, ranks, strict=True)]
            yield [entry["name"], str(len(entry["positions"][0])), f"{entry['charge']:+d}", f"{left:.2f}", *formatted]
        yield ["median", "", "", "", *(f"{value:.2f}" for value in np.median(found, 0))]

    print("MAE of conformer energies less their mean [kcal/mol] against DLPNO-CCSD(T) (rank correlation).\n")
    table(["molecule", "atoms", "charge", "left of xTB's forces [kcal/mol/Å]", *names], rows())


def cells(entry: dict[str, Any], n_frames: int, seed: int) -> tuple[list[float], list[float], float]:
    """Errors and rank correlations of all methods for one molecule, and what class II leaves of GFN2-xTB's forces."""
    positions = np.array(entry["positions"]) * ANGSTROM
    molecule = hf.Molecule.from_smiles(entry["smiles"])
    stock, taught, left = taught_models(molecule, n_frames, seed)
    truth = np.array(entry["energies"][TRUTH])
    energies = [predict(model, positions)[0] / KCAL_MOL for model in (stock, taught)]
    energies += [np.array(entry["energies"][name]) for name in OTHERS]
    off = [float(np.abs((own - own.mean()) - (truth - truth.mean())).mean()) for own in energies]
    return off, [float(spearmanr(own, truth).statistic) for own in energies], left


if __name__ == "__main__":
    main()
