"""Make the reference data that the package ships: ``hybridff/data/<name>.npz``.

Geometries come from hot Langevin dynamics with GFN2-xTB, labels from PBE-D3(BJ)/def2-SVP. Every label is a file in DIR,
so an interrupted run goes on where it stopped. (The shipped frames are of ASE's dynamics.) Needs hybridff[reference].

Usage: python scripts/make_bundled_data.py ethanol --work DIR
       python scripts/make_bundled_data.py malonaldehyde --work DIR --out docs/data   # propanedial, for its two rotors
       python scripts/make_bundled_data.py ethanol --work DIR --check 0   # forces of a frame against energy differences
"""

from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import kept_arrays, options_of, write_arrays

from hybridff.frames.checks import changed_geometries
from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import Molecule
from hybridff.reference.labels import label_arrays, slopes
from hybridff.reference.level_calculator import LevelCalculator
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.reference.xtb import XTBLevel
from hybridff.sampling.conformers import relaxed_conformers
from hybridff.sampling.dynamics import DynamicsOptions, dynamics
from hybridff.units import FORCE_KCAL

DATA, LEVEL = Path(__file__).resolve().parents[1] / "hybridff" / "data", PySCFLevel()
MOLECULES = {
    "ethanol": ("ethanol", "[C:1]([C:2]([H:6])([H:7])[H:8])([O:3][H:9])([H:4])[H:5]", 400),
    "methoxymethylacetamide": (
        "2-methoxy-N-methylacetamide",
        "[C:1]([O:2][C:3]([C:4](=[O:5])[N:6]([C:7]([H:14])([H:15])[H:16])[H:13])([H:11])[H:12])([H:8])([H:9])[H:10]",
        360,
    ),
    "malonaldehyde": ("keto-malonaldehyde", "[C:1]([C:2](=[O:4])[H:8])([C:3](=[O:5])[H:9])([H:6])[H:7]", 400),
}
"""Name, atom-mapped SMILES and sampled frames."""
HOW, RUNS = DynamicsOptions(temperature=600.0, apart=0.06, warm=1.0, seed=2024), 8
CITATION = "hybridff; PySCF: J. Chem. Phys. 153, 024109 (2020); D3(BJ): J. Comput. Chem. 32, 1456 (2011)"


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("name", choices=MOLECULES)
    parser.add_argument("--work", type=Path, required=True, help="folder of the unfinished work")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the finished data")
    parser.add_argument("--frames", type=int, default=300, help="label and write so many of the shuffled frames")
    parser.add_argument("--check", type=int, metavar="FRAME", help="only compare forces with energy differences")
    options = parser.parse_args()
    (title, smiles, wanted), work = MOLECULES[options.name], options.work / options.name
    work.mkdir(parents=True, exist_ok=True)
    molecule = Molecule.from_smiles(smiles, title)
    frames = kept_arrays(work / "frames.npz", lambda: {"nm": hot_frames(molecule, wanted)})["nm"][: options.frames]
    if options.check is not None:
        for slope, expected in slopes(molecule.symbols, frames[options.check], LEVEL):
            print(f"{slope / FORCE_KCAL:.6f} from energies, {expected / FORCE_KCAL:.6f} from forces, kcal/mol/Å")
        return
    plans = [partial(label_arrays, molecule.symbols, own, LEVEL) for own in frames]
    labels = [kept_arrays(work / f"labels-{row:04d}.npz", plan) for row, plan in enumerate(plans)]
    energies, forces = (np.array([own[key] for own in labels]) for key in ("energy", "forces"))
    runs = f"{RUNS} runs of GFN2-xTB Langevin dynamics at {HOW.temperature:g} K (tblite {version('tblite')})"
    source = f"scripts/make_bundled_data.py of hybridff; geometries: {runs}, every {HOW.apart:g} ps, in random order"
    made = Frames(molecule.numbers, frames, energies, forces, title, smiles, LEVEL.theory, source)
    changed = [change.frame for change in changed_geometries(molecule, frames)]
    about = {"license": "CC0-1.0", "citation": CITATION, "topo_ok": ~np.isin(np.arange(len(frames)), changed)}
    write_arrays(options.out / f"{options.name}.npz", **made.arrays(), **about)
    print(f"wrote {options.out / options.name}.npz: {len(frames)} frames")


def hot_frames(molecule: Molecule, wanted: int) -> np.ndarray:
    """Geometries of hot dynamics from conformers, in random order [nm]."""
    xtb = LevelCalculator(XTBLevel("gfn2-xtb"), molecule)
    found = dynamics(molecule, xtb, relaxed_conformers(molecule, xtb)[:RUNS], wanted, HOW).positions
    return found[np.random.default_rng(HOW.seed).permutation(len(found))]


if __name__ == "__main__":
    main()
