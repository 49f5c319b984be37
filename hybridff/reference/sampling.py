"""Frames of a molecule from hot Langevin dynamics with GFN2-xTB, which a level of theory labels then.

Needs the extra ``hybridff[reference]``.
"""

from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from ase import units as ase_units
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from jaxtyping import Bool, Float
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from hybridff.units import ANGSTROM, KCAL_MOL

_FRICTION = 0.01
"""Friction of the Langevin dynamics [1/fs]."""
_STEP = 1.0
"""Time step [fs]."""
_EQUILIBRATION = 1000.0
"""Dynamics at the start of each run that are not used: ten times the inverse friction [fs]."""
_CONFORMERS = 60
"""Number of conformers that the starts are chosen from."""
_WINDOW = 6.0 * KCAL_MOL
"""Energy of a start above the lowest conformer, at most, by MMFF94 [kJ/mol]."""
_LONGEST_BOND, _SHORTEST_CONTACT = 1.35, 1.25
"""Bonds are shorter and all other distances longer than so many sums of the covalent radii."""


@dataclass(frozen=True, kw_only=True)
class HotOptions:
    """How frames are sampled."""

    frames: int
    """Number of frames of all runs together."""
    runs: int
    """Number of runs, each from a conformer of its own."""
    spacing: float = 60.0
    """Time between two frames of a run [fs]."""
    temperature: float = 600.0
    """Temperature [K]."""
    seed: int = 2024
    """Seed of conformers and runs."""


def mapped_molecule(smiles: str) -> Chem.Mol:
    """The molecule of a SMILES with hydrogens and atom maps, its atoms in the order of their maps."""
    parser: Any = Chem.SmilesParserParams()
    parser.removeHs = False
    mol = Chem.MolFromSmiles(smiles, parser)
    return Chem.RenumberAtoms(mol, [int(i) for i in np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])])


def starting_geometries(mol: Chem.Mol, runs: int, seed: int) -> list[Float[np.ndarray, "atoms 3"]]:
    """Conformers [nm], spread over what MMFF94 finds below 6 kcal/mol."""
    mol = Chem.Mol(mol)
    rdDistGeom.EmbedMultipleConfs(mol, _CONFORMERS, randomSeed=seed)
    energies = np.array([energy for _, energy in rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=2000)])
    low = np.flatnonzero(energies < energies.min() + _WINDOW / KCAL_MOL)
    chosen = low[np.argsort(energies[low])][np.linspace(0, len(low) - 1, runs).astype(int)]
    return [mol.GetConformer(int(i)).GetPositions() * ANGSTROM for i in chosen]


def hot_frames(mol: Chem.Mol, calculator: BaseCalculator, options: HotOptions) -> Float[np.ndarray, "frames atoms 3"]:
    """Frames [nm] of all runs in random order, by a calculator of ASE."""
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    runs = [
        _langevin(ase.Atoms(numbers, start / ANGSTROM, calculator=calculator), run, options)
        for run, start in enumerate(starting_geometries(mol, options.runs, options.seed))
    ]
    frames = np.concatenate(runs) * ANGSTROM
    return frames[np.random.default_rng(options.seed).permutation(len(frames))]


def _langevin(atoms: ase.Atoms, run: int, options: HotOptions) -> Float[np.ndarray, "frames atoms 3"]:
    """Frames [Å] of one run, which starts at rest."""
    dynamics = Langevin(
        atoms,
        _STEP * ase_units.fs,
        temperature_K=options.temperature,
        friction=_FRICTION / ase_units.fs,
        rng=np.random.default_rng([options.seed, run]),
        fixcm=False,
    )
    dynamics.run(int(_EQUILIBRATION / _STEP))
    frames = []
    for _ in range(options.frames // options.runs):
        dynamics.run(int(options.spacing / _STEP))
        frames.append(atoms.get_positions() - atoms.get_center_of_mass())
    return np.array(frames)


def bonds_are_whole(mol: Chem.Mol, frames: Float[np.ndarray, "frames atoms 3"]) -> Bool[np.ndarray, " frames"]:
    """Whether all bonded pairs are near and all others apart, by the sums of the covalent radii; frames in nm."""
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    i, j = np.triu_indices(len(numbers), 1)
    bonded = Chem.GetAdjacencyMatrix(mol)[i, j].astype(bool)
    radii = covalent_radii[numbers] * ANGSTROM
    ratio = np.linalg.norm(frames[:, i] - frames[:, j], axis=-1) / (radii[i] + radii[j])
    return np.all(np.where(bonded, ratio < _LONGEST_BOND, ratio > _SHORTEST_CONTACT), axis=1)
