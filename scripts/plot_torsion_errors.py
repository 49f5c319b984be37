"""Force errors by interval of a torsion (V. Vassilev-Galindo et al., J. Chem. Phys. 154, 094119 (2021), Fig. 7).

N-methylacetamide, whose frames go from the trans to the cis amide and over the barrier between them; test frames are of
other stretches of the trajectory than training frames.

Usage: python scripts/plot_torsion_errors.py [--train 110] [--models table-models] [--picture docs/images/torsions.png]
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from common import PICTURES, options_of, read_set, say, table, write
from rdkit import Chem

from hybridff.analysis.groups import error_groups
from hybridff.comparison.recipes import SIX, StoredModels
from hybridff.molecules.graph import chain_name
from hybridff.plots.curves import lines
from hybridff.units import FORCE_KCAL

SET, AMIDE = "nma_b3lyp", "[#6]C(=O)N[#6]"
HIGHEST = 100.0
"""Energy of frames above the lowest [kcal/mol]."""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", type=int, default=110)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--picture", type=Path, default=PICTURES / "torsion-errors.png")
    options = parser.parse_args()
    data = replace(read_set(SET, highest=HIGHEST), name=f"{SET}-{HIGHEST:g}")
    kept = StoredModels(options.models, data, options.train, say=say)
    torsion = amide(data.molecule.to_rdkit())
    test = data.frames.subset(kept.split.test)
    label = chain_name(data.molecule, torsion)
    groups = {name: error_groups(kept.force_field(name), test, data.molecule, torsions=[torsion]) for name in SIX}
    own = {name: [group for group in found if group.kind == label] for name, found in groups.items()}
    errors = {name: [(group.force_rmse or np.nan) / FORCE_KCAL for group in found] for name, found in own.items()}
    intervals = [(group.name, group.n) for group in own[SIX[0]]]
    print(
        f"{SET}, {options.train} training and {len(test)} test frames; force RMSE [kcal/mol/Å] by {label} [degrees]\n"
    )
    header = ["model", *(f"{name} ({n})" for name, n in intervals)]
    table(header, [[name, *(f"{error:.2f}" for error in found)] for name, found in errors.items()])
    middles = np.array([np.mean([float(end) for end in name.split(" to ")]) for name, _ in intervals])
    curves = {name: np.array(found) for name, found in errors.items()}
    write(options.picture, lines(middles, curves, f"{label} [degrees]", "force RMSE [kcal/mol/Å]"))


def amide(mol: Chem.Mol) -> tuple[int, int, int, int]:
    """The torsion C-C-N-C."""
    first, second, _, third, last = mol.GetSubstructMatch(Chem.MolFromSmarts(AMIDE))
    return first, second, third, last


if __name__ == "__main__":
    main()
