"""Reference energies on a grid of two torsions: ``docs/data/surface-<name>.npz``, for ``analyse scan --reference``.

The geometries are those of a relaxed scan by a fitted model (``hybridff analyse scan … --structures grid.xyz``); they
are labelled as they are by PBE/def2-SVP (``hybridff.reference.pyscf_level``), with D3(BJ) on request. Geometries that
are one but for equal atoms exchanged or a mirror image are labelled once. Labels are kept in the cache: a run that was
stopped goes on.

How much relaxing by the reference itself would change is told by Newton steps from a few of the geometries: the force
that is left there, across the torsions, and the model's Hessian.

Usage: python scripts/make_surface.py ethanol grid.xyz MODEL [--dispersion] [--out docs/data]
"""

from pathlib import Path

import ase
import ase.io
import numpy as np
from common import PUBLISHED_DATA, options_of, say, write_arrays

from hybridff import HybridFFCalculator, read_model
from hybridff.reference.labels import labelled
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.reference.surface import first_alike, relaxation_gain
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

TRIED = 5
"""Geometries whose relaxation is estimated."""


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("name")
    parser.add_argument("grid", type=Path, help="geometries, .xyz")
    parser.add_argument("model", type=Path, help="that relaxed them")
    parser.add_argument("--dispersion", action="store_true")
    parser.add_argument("--out", type=Path, default=PUBLISHED_DATA)
    options = parser.parse_args()
    frames: list[ase.Atoms] = list(ase.io.iread(options.grid, index=":"))
    positions = np.array([frame.positions for frame in frames])
    first = first_alike(frames[0].numbers, positions * ANGSTROM).tolist()
    distinct, level = sorted(set(first)), PySCFLevel(dispersion=options.dispersion)
    say(f"{len(frames)} geometries, {len(distinct)} different ones")
    labels = {}
    for count, i in enumerate(distinct):
        labels[i] = labelled(tuple(frames[i].symbols), positions[i] * ANGSTROM, level)
        say(f"{count + 1} of {len(distinct)}: {labels[i][0] / KCAL_MOL:.3f} kcal/mol")
    calculator = HybridFFCalculator(read_model(options.model).force_field)
    for i in np.random.default_rng(0).permutation(distinct)[:TRIED]:
        gain, force = relaxation_gain(frames[i].numbers, positions[i] * ANGSTROM, labels[i][1], calculator)
        left = f"force left {force / FORCE_KCAL:.2f} kcal/mol/Å (rms)"
        print(f"geometry {i + 1}: {left}, relaxing would gain {gain / KCAL_MOL:.3f} kcal/mol")
    write_arrays(
        options.out / f"surface-{options.name}.npz",
        z=frames[0].numbers.astype(np.int8),
        R=positions,
        E=np.array([labels[i][0] for i in first]) / KCAL_MOL,
        F=np.empty((0, len(frames[0]), 3), dtype=np.float32),
        r_unit="Ang",
        e_unit="kcal/mol",
        theory=level.theory,
    )


if __name__ == "__main__":
    main()
