"""Frequencies of normal modes against the reference level's own, each model at its own minimum (Kovács et al., Fig. 4).

References are the files of ``make_hessian.py``. Modes are told by their overlap with the reference's. N-methylacetamide
comes twice: with all frames, and with those of the trans amide, which is what the reference's minimum is, up to 30
kcal/mol above the lowest.

Usage: python scripts/table_frequencies.py [--sets ethanol_rmd17 …] [--train 500] [--models table-models]
                                           [--picture docs/images/frequencies.png]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import PICTURES, PUBLISHED_DATA, options_of, read_set, say, table, write

from hybridff import HybridFFCalculator
from hybridff.analysis.minima import rmsd
from hybridff.analysis.modes import matching, modes_of, normal_modes, read_reference
from hybridff.comparison.recipes import SGDML, SIX, StoredModels, sgdml_fits
from hybridff.plots.frequencies import ModeErrors, mode_errors
from hybridff.units import ANGSTROM

ISOMERS = {"nma_b3lyp-trans": ("nma_b3lyp", (3, 4, 7, 6), 30.0)}
"""Sets of the frames whose torsion is nearer than 60° to the reference minimum's: of which file, the torsion, and the
highest energy [kcal/mol]."""
SETS = ("ethanol_rmd17", "nma_b3lyp", *ISOMERS, "aspirin_rmd17")
POINTS = {"nma_b3lyp": 100, "nma_b3lyp-trans": 200, "aspirin_rmd17": 150}
"""Of kernels beside terms, so that a processor trains them in minutes."""
HEADER = ("set", "model", "energy / force RMSE", "mean", "largest, of the mode at", "RMSD of the minimum [Å]")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--names", nargs="+", choices=SIX, default=SIX)
    parser.add_argument("--train", type=int, default=500)
    parser.add_argument("--models", type=Path, default=Path("table-models"), help="folder of models")
    parser.add_argument("--hessians", type=Path, default=PUBLISHED_DATA, help="folder of hessian-<set>.npz")
    parser.add_argument("--picture", type=Path, default=PICTURES / "frequencies.png")
    options = parser.parse_args()
    found: dict[str, ModeErrors] = {}
    table(HEADER, rows(options, found))
    write(options.picture, mode_errors(found, SIX))


def rows(options: argparse.Namespace, found: dict[str, ModeErrors]) -> Iterator[list[str]]:
    """Rows of all sets, whose errors are added to what was found."""
    for name in options.sets:
        file, torsion, highest = ISOMERS.get(name, (name, None, np.inf))
        data = read_set(file, highest=highest)
        begin, second = read_reference(options.hessians / f"hessian-{file}.npz", data.molecule)
        if torsion is not None:
            data = data.isomer(name, torsion, begin)
        kept = StoredModels(options.models, data, options.train, POINTS.get(name), say)
        reference, errors = normal_modes(data.molecule.numbers, begin, second), dict[str, np.ndarray]()
        for model in options.names:
            if model == SGDML and not sgdml_fits(len(begin), options.train):
                continue
            saved = kept.model(model)
            calculator = HybridFFCalculator(saved.force_field)
            own = modes_of(data.molecule.numbers, begin, calculator)
            errors[model] = off = own.frequencies[matching(reference, own)] - reference.frequencies
            worst = int(np.abs(off).argmax())
            largest = f"{off[worst]:+.0f}, {reference.frequencies[worst]:.0f}"
            rmse = " / ".join(f"{error:.2f}" for error in saved.provenance["errors"])
            away = rmsd(data.molecule, own.positions, begin) / ANGSTROM
            yield [name, model, rmse, f"{np.abs(off).mean():.1f}", largest, f"{away:.3f}"]
        found[name] = ModeErrors(reference.frequencies, errors)


if __name__ == "__main__":
    main()
