"""Ethanol far from its minimum: O-H pulled apart, and along its normal modes at 874 and 3006/cm (Kovács et al.).

All methods see the same geometries. The frames along the mode at 874/cm and their PBE energies are the published ones;
for the mode at 3006/cm the reference is PBE/def2-SVP (``hybridff.reference.pyscf_level``), and for O-H the same
unrestricted, with the spins of H and the rest apart at the start, as it comes apart into radicals. Reference energies
are kept in the cache.

Usage: python scripts/plot_lines.py [--train 500] [--models table-models] [--pictures docs/images]
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import DATA, PICTURES, PUBLISHED_DATA, options_of, read_set, say, table, write

from hybridff import HybridFFCalculator
from hybridff.analysis.lines import Line, energies_along, off_by
from hybridff.comparison.recipes import SIX, StoredModels
from hybridff.plots.curves import lines
from hybridff.reference.ethanol_lines import LEVEL, ethanol_lines
from hybridff.units import KCAL_MOL

LOW = 20.0
"""Energies of the reference that are compared once more [kcal/mol]."""
HEADER = ("line", "model", "mean deviation [kcal/mol]", "largest", f"below {LOW:g} kcal/mol: mean", "largest")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--hessian", type=Path, default=PUBLISHED_DATA / "hessian-ethanol_rmd17.npz")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    options = parser.parse_args()
    kept = StoredModels(options.models, read_set("ethanol_rmd17"), options.train, say=say)
    plans = ethanol_lines(kept.data.molecule, options.hessian, DATA / "ethanol_pbe_norm_mode_874.npz", say)
    print(f"{options.train} training frames. Reference: {LEVEL.theory}.\n")
    found: dict[str, dict[str, np.ndarray]] = {}
    table(HEADER, rows(plans, kept, found))
    for key, (line, _) in plans.items():
        label, places = line.axis()
        picture = lines(places, found[key], label, highest=1.15 * float(found[key]["reference"].max()))
        write(options.pictures / f"{key}.png", picture)


def rows(
    plans: dict[str, tuple[Line, np.ndarray]], kept: StoredModels, found: dict[str, dict[str, np.ndarray]]
) -> Iterator[list[str]]:
    """Rows of all lines and models, whose energies are added to what was found."""
    for key, (line, reference) in plans.items():
        zero = int(reference.argmin())
        low = reference - reference[zero] < LOW * KCAL_MOL
        found[key] = {"reference": (reference - reference[zero]) / KCAL_MOL}
        for name in SIX:
            energies = energies_along(line, kept.data.molecule.numbers, HybridFFCalculator(kept.force_field(name)))
            whole, near = off_by(energies, reference), off_by(energies[low], reference[low])
            found[key][name] = (energies - energies[zero]) / KCAL_MOL
            yield [
                key,
                name,
                *(f"{value / KCAL_MOL:.2f}" for value in whole),
                *(f"{value / KCAL_MOL:.3f}" for value in near),
            ]


if __name__ == "__main__":
    main()
