"""Force errors by interval of a torsion (V. Vassilev-Galindo et al., J. Chem. Phys. 154, 094119 (2021), Fig. 7).

N-methylacetamide, whose frames go from the trans to the cis amide and over the barrier between them; test frames are of
other stretches of the trajectory than training frames.

Usage: python scripts/plot_torsion_errors.py [--train 110] [--models table-models] [--picture docs/images/torsions.png]
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from rdkit import Chem
from recipes import RECIPES, TEST, VALIDATION, made

from hybridff.analysis.groups import error_groups
from hybridff.comparison.benchmark_sets import read_trial_set
from hybridff.plots.curves import lines
from hybridff.units import FORCE_KCAL, KCAL_MOL

DATA = Path(os.environ.get("HYBRIDFF_DATA", "../shared/data"))
SET, AMIDE = "nma_b3lyp", "[#6]C(=O)N[#6]"
NAMES = ("stock GAFF", "harmonic", "morse", "class2", "class2 + kernel", "sgdml")
HIGHEST = 100.0
"""Energy of frames above the lowest [kcal/mol]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=110)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/torsion-errors.png"))
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    data = replace(read_trial_set(DATA / f"{SET}.npz", highest=HIGHEST * KCAL_MOL), name=f"{SET}-{HIGHEST:g}")
    torsion = amide(data.molecule.to_rdkit())
    test = data.frames.subset(data.split(options.train, VALIDATION, TEST, seed=0).test)
    label = "-".join(data.molecule.label(atom) for atom in torsion)
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for name in NAMES:
        model = made(RECIPES[name], data, options.train, options.models).force_field
        groups = error_groups(model, test, data.molecule, torsions=[torsion])
        found[name] = {
            own.name: (own.n, (own.force_rmse or np.nan) / FORCE_KCAL) for own in groups if own.kind == label
        }
    intervals = list(found[NAMES[0]])
    print(
        f"{SET}, {options.train} training and {len(test)} test frames; force RMSE [kcal/mol/Å] by {label} [degrees]\n"
    )
    print(f"| model | {' | '.join(f'{own} ({found[NAMES[0]][own][0]})' for own in intervals)} |")
    print("| --- " * (len(intervals) + 1) + "|")
    for name, own in found.items():
        print(f"| {name} | {' | '.join(f'{own[interval][1]:.2f}' for interval in intervals)} |")
    middles = np.array([np.mean([float(end) for end in own.split(" to ")]) for own in intervals])
    curves = {name: np.array([own[interval][1] for interval in intervals]) for name, own in found.items()}
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_bytes(lines(middles, curves, f"{label} [degrees]", "force RMSE [kcal/mol/Å]"))


def amide(mol: Chem.Mol) -> tuple[int, int, int, int]:
    """The torsion C-C-N-C."""
    first, second, _, third, last = mol.GetSubstructMatch(Chem.MolFromSmarts(AMIDE))
    return first, second, third, last


if __name__ == "__main__":
    main()
