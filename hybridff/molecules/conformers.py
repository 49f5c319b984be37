"""Conformers of a molecule by RDKit."""

import numpy as np
from jaxtyping import Float
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import rdkit_messages
from hybridff.units import ANGSTROM

_MOST_STEPS = 2000


def embedded_conformers(molecule: Molecule, wanted: int, seed: int = 0) -> Float[np.ndarray, "conformers atoms 3"]:
    """Geometries [nm] from RDKit's ETKDG, relaxed with MMFF94 (UFF where that has no parameters); may be none.

    Close ones are not left out: they are starts of something else. Raises ``InputError`` where bond orders are unknown.
    """
    mol = molecule.to_rdkit()
    mol.RemoveAllConformers()
    with rdkit_messages():
        rdDistGeom.EmbedMultipleConfs(mol, wanted, randomSeed=seed + 1)  # with a seed of 0 all of them are the same
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=_MOST_STEPS)
        elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=_MOST_STEPS)
    found = [conformer.GetPositions() * ANGSTROM for conformer in mol.GetConformers()]
    return np.array(found).reshape(-1, len(molecule.numbers), 3)
