"""Make the reference data that the package ships: ``hybridff/data/<name>.npz``.

Geometries come from hot Langevin dynamics with GFN2-xTB, labels from PBE-D3(BJ)/def2-SVP. Every label is a file in DIR,
so an interrupted run goes on where it stopped. Needs the extra ``hybridff[reference]``.

Usage: python scripts/make_bundled_data.py ethanol --work DIR
       python scripts/make_bundled_data.py malonaldehyde --work DIR --out docs/data   # propanedial, for its two rotors
       python scripts/make_bundled_data.py ethanol --work DIR --check 0   # forces of a frame against energy differences
"""

from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from common import kept_arrays, options_of, write_arrays

from hybridff.reference.labels import label_arrays, slopes
from hybridff.reference.pyscf_level import PySCFLevel
from hybridff.reference.sampling import HotOptions, bonds_are_whole, hot_frames, mapped_molecule
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

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
CITATION = "hybridff; PySCF: Sun et al., J. Chem. Phys. 153, 024109 (2020); "
CITATION += "D3(BJ): Grimme et al., J. Comput. Chem. 32, 1456 (2011)"
UNITS = {"r_unit": "Ang", "e_unit": "kcal/mol"}


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("name", choices=MOLECULES)
    parser.add_argument("--work", type=Path, required=True, help="folder of the unfinished work")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the finished data")
    parser.add_argument("--frames", type=int, default=300, help="label and write so many of the shuffled frames")
    parser.add_argument("--check", type=int, metavar="FRAME", help="only compare forces with energy differences")
    options = parser.parse_args()
    from tblite.ase import TBLite

    (title, smiles, wanted), work = MOLECULES[options.name], options.work / options.name
    work.mkdir(parents=True, exist_ok=True)
    mol, how = mapped_molecule(smiles), HotOptions(frames=wanted, runs=8)
    symbols = tuple(atom.GetSymbol() for atom in mol.GetAtoms())
    xtb = TBLite(method="GFN2-xTB", verbosity=0)
    frames = kept_arrays(work / "frames.npz", lambda: {"R": hot_frames(mol, xtb, how) / ANGSTROM})["R"]
    frames = frames[: options.frames] * ANGSTROM
    if options.check is not None:
        found = np.array(list(slopes(symbols, frames[options.check], LEVEL))) / FORCE_KCAL
        for slope, expected in found:
            print(f"{slope:.6f} from energies, {expected:.6f} from forces, kcal/mol/Å", flush=True)
        print(f"largest difference {np.abs(found[:, 0] - found[:, 1]).max():.1e} kcal/mol/Å")
        return
    plans = [(work / f"labels-{i:04d}.npz", partial(label_arrays, symbols, x, LEVEL)) for i, x in enumerate(frames)]
    labels = [kept_arrays(path, label) for path, label in plans]
    forces = np.array([own["forces"] for own in labels]) / FORCE_KCAL
    runs = f"{how.runs} runs of GFN2-xTB Langevin dynamics at {how.temperature:g} K (tblite {version('tblite')})"
    source = f"scripts/make_bundled_data.py of hybridff; geometries: {runs}, a frame every {how.spacing:g} fs, "
    about = {"name": title, "theory": LEVEL.theory, "source": source + "in random order", "license": "CC0-1.0"}
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int8)
    energies, whole = np.array([own["energy"] for own in labels]) / KCAL_MOL, bonds_are_whole(mol, frames)
    arrays = {"z": numbers, "R": frames / ANGSTROM, "E": energies, "F": forces.astype(np.float32), **UNITS, **about}
    arrays |= {"citation": CITATION, "smiles": smiles, "topo_ok": whole}
    write_arrays(options.out / f"{options.name}.npz", **arrays)
    worst = np.abs(forces.sum(axis=1)).max()
    print(f"wrote {options.out / options.name}.npz: {len(frames)} frames, largest net force {worst:.1e} kcal/mol/Å")


if __name__ == "__main__":
    main()
