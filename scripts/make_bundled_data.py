"""Make the reference data that the package ships: ``hybridff/data/<name>.npz``.

    python scripts/make_bundled_data.py ethanol --work DIR
    python scripts/make_bundled_data.py methoxymethylacetamide --work DIR
    python scripts/make_bundled_data.py malonaldehyde --work DIR --out docs/data   # propanedial, for its two rotors
    python scripts/make_bundled_data.py ethanol --work DIR --check 0   # forces of one frame against energy differences

Geometries come from hot Langevin dynamics with GFN2-xTB, labels from PBE-D3(BJ)/def2-SVP (``pbe.py``). Every label
is a file in DIR, so an interrupted run goes on where it stopped. Needs the extra ``hybridff[reference]``.
"""

import argparse
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ase
import numpy as np
from ase import units as ase_units
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from pbe import energy_forces, theory
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from tblite.ase import TBLite

DATA = Path(__file__).resolve().parents[1] / "hybridff" / "data"
TEMPERATURE = 600.0
"""[K]"""
FRICTION = 0.01
"""[1/fs]"""
STEP = 1.0
"""[fs]"""
EQUILIBRATION = 1000.0
"""Not used at the start of each run [fs]."""
SEED = 2024


@dataclass(frozen=True)
class Task:
    """One molecule: atom-mapped SMILES, sampled frames and runs, time between frames of one run [fs]."""

    name: str
    smiles: str
    frames: int
    runs: int
    spacing: float


TASKS = {
    "ethanol": Task(
        "ethanol", "[C:1]([C:2]([H:6])([H:7])[H:8])([O:3][H:9])([H:4])[H:5]", frames=400, runs=8, spacing=60.0
    ),
    "methoxymethylacetamide": Task(
        "2-methoxy-N-methylacetamide",
        "[C:1]([O:2][C:3]([C:4](=[O:5])[N:6]([C:7]([H:14])([H:15])[H:16])[H:13])([H:11])[H:12])([H:8])([H:9])[H:10]",
        frames=360,
        runs=8,
        spacing=60.0,
    ),
    "malonaldehyde": Task(
        "keto-malonaldehyde",
        "[C:1]([C:2](=[O:4])[H:8])([C:3](=[O:5])[H:9])([H:6])[H:7]",
        frames=400,
        runs=8,
        spacing=60.0,
    ),
}


def mapped_molecule(smiles: str) -> Chem.Mol:
    parser: Any = Chem.SmilesParserParams()
    parser.removeHs = False
    mol = Chem.MolFromSmiles(smiles, parser)
    return Chem.RenumberAtoms(mol, [int(i) for i in np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])])


def starting_geometries(mol: Chem.Mol, runs: int) -> list[np.ndarray]:
    """Conformers [Å], spread over what MMFF94 finds below 6 kcal/mol."""
    mol = Chem.Mol(mol)
    rdDistGeom.EmbedMultipleConfs(mol, 60, randomSeed=SEED)
    energies = np.array([energy for _, energy in rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=2000)])
    low = np.flatnonzero(energies < energies.min() + 6.0)
    chosen = low[np.argsort(energies[low])][np.linspace(0, len(low) - 1, runs).astype(int)]
    return [mol.GetConformer(int(i)).GetPositions() for i in chosen]


def sample(mol: Chem.Mol, task: Task) -> np.ndarray:
    """Frames [Å] of all runs in random order."""
    runs = [
        langevin([a.GetAtomicNum() for a in mol.GetAtoms()], start, task, np.random.default_rng([SEED, run]))
        for run, start in enumerate(starting_geometries(mol, task.runs))
    ]
    frames = np.concatenate(runs)
    return frames[np.random.default_rng(SEED).permutation(len(frames))]


def langevin(numbers: list[int], start: np.ndarray, task: Task, rng: np.random.Generator) -> np.ndarray:
    """Frames [Å] of one run, which starts at rest; equilibration lasts ten times the inverse friction."""
    atoms = ase.Atoms(numbers, start, calculator=TBLite(method="GFN2-xTB", verbosity=0))
    friction = FRICTION / ase_units.fs
    dynamics = Langevin(atoms, STEP * ase_units.fs, temperature_K=TEMPERATURE, friction=friction, rng=rng, fixcm=False)
    dynamics.run(int(EQUILIBRATION / STEP))
    frames = []
    for _ in range(task.frames // task.runs):
        dynamics.run(int(task.spacing / STEP))
        frames.append(atoms.get_positions() - atoms.get_center_of_mass())
    return np.array(frames)


def topology_ok(mol: Chem.Mol, frames: np.ndarray) -> np.ndarray:
    """Frames with bonded pairs below 1.35 and all others above 1.25 times the sum of the covalent radii."""
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    i, j = np.triu_indices(len(numbers), 1)
    bonded = Chem.GetAdjacencyMatrix(mol)[i, j].astype(bool)
    radii = covalent_radii[numbers]
    ratio = np.linalg.norm(frames[:, i] - frames[:, j], axis=-1) / (radii[i] + radii[j])
    return np.all(np.where(bonded, ratio < 1.35, ratio > 1.25), axis=1)


def save(path: Path, **arrays: Any) -> None:
    """Write an npz that appears under its name only when it is whole."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.replace(path)


def frames_of(mol: Chem.Mol, task: Task, work: Path) -> np.ndarray:
    path = work / "frames.npz"
    if not path.exists():
        save(path, R=sample(mol, task))
    return np.load(path)["R"]


def label(mol: Chem.Mol, frames: np.ndarray, work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Energies [kcal/mol] and forces [kcal/mol/Å] of all frames."""
    symbols = tuple(atom.GetSymbol() for atom in mol.GetAtoms())
    labels = []
    for i, frame in enumerate(frames):
        path = work / f"label-{i:04d}.npz"
        if not path.exists():
            energy, forces = energy_forces(symbols, frame)
            save(path, E=energy, F=forces)
            print(f"frame {i + 1} of {len(frames)}: {energy:.3f} kcal/mol", flush=True)
        try:
            labels.append(np.load(path))
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            raise SystemExit(f"{path} is damaged; delete it and run again.") from error
    return np.array([item["E"] for item in labels]), np.array([item["F"] for item in labels])


def check(mol: Chem.Mol, frame: np.ndarray, directions: int = 4, step: float = 0.001) -> float:
    """Largest difference [kcal/mol/Å] of forces from central differences of the energy, along random unit vectors."""
    symbols = tuple(atom.GetSymbol() for atom in mol.GetAtoms())
    _, forces = energy_forces(symbols, frame)
    errors = []
    for shift in np.random.default_rng(SEED).normal(size=(directions, *frame.shape)):
        shift *= step / np.linalg.norm(shift)
        difference = energy_forces(symbols, frame + shift)[0] - energy_forces(symbols, frame - shift)[0]
        slope, expected = difference / (2 * step), -np.sum(forces * shift) / step
        print(f"{slope:.6f} from energies, {expected:.6f} from forces, kcal/mol/Å", flush=True)
        errors.append(abs(slope - expected))
    return max(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=TASKS)
    parser.add_argument("--work", type=Path, required=True, help="folder of the unfinished work")
    parser.add_argument("--out", type=Path, default=DATA, help="folder of the finished data")
    parser.add_argument("--frames", type=int, default=300, help="label and write so many of the shuffled frames")
    parser.add_argument("--check", type=int, metavar="FRAME", help="only compare forces with energy differences")
    options = parser.parse_args()
    task, work = TASKS[options.name], options.work / options.name
    work.mkdir(parents=True, exist_ok=True)
    mol = mapped_molecule(task.smiles)
    frames = frames_of(mol, task, work)[: options.frames]
    if options.check is not None:
        print(f"largest difference {check(mol, frames[options.check]):.1e} kcal/mol/Å")
        return
    energies, forces = label(mol, frames, work)
    save(
        options.out / f"{options.name}.npz",
        z=np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int8),
        R=frames,
        E=energies,
        F=forces.astype(np.float32),
        r_unit="Ang",
        e_unit="kcal/mol",
        name=task.name,
        theory=theory(),
        source=(
            f"scripts/make_bundled_data.py of hybridff; geometries: {task.runs} runs of GFN2-xTB Langevin dynamics at "
            f"{TEMPERATURE:g} K (tblite {version('tblite')}), a frame every {task.spacing:g} fs, in random order"
        ),
        license="CC0-1.0",
        citation=(
            "hybridff; PySCF: Sun et al., J. Chem. Phys. 153, 024109 (2020); "
            "D3(BJ): Grimme et al., J. Comput. Chem. 32, 1456 (2011)"
        ),
        smiles=task.smiles,
        topo_ok=topology_ok(mol, frames),
    )
    worst = np.abs(forces.sum(axis=1)).max()
    print(f"wrote {options.out / options.name}.npz: {len(frames)} frames, largest net force {worst:.1e} kcal/mol/Å")


if __name__ == "__main__":
    main()
