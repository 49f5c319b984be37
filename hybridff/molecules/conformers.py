"""Conformers of a molecule by RDKit."""

import numpy as np
from jaxtyping import Float
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import rdkit_messages
from hybridff.units import ANGSTROM, KCAL_MOL

_MOST_STEPS = 2000


def embedded_conformers(molecule: Molecule, wanted: int, seed: int = 0) -> Float[np.ndarray, "conformers atoms 3"]:
    """Geometries [nm] from RDKit's ETKDG, relaxed with MMFF94 (UFF where that has no parameters); may be none.

    Close ones are not left out: they are starts of something else. Raises ``InputError`` where bond orders are unknown.
    """
    mol = molecule.to_rdkit()
    mol.RemoveAllConformers()
    with rdkit_messages():
        rdDistGeom.EmbedMultipleConfs(mol, wanted, randomSeed=seed + 1)  # with a seed of 0 all of them are the same
        relax_by_rdkit(mol, _MOST_STEPS)
    found = [conformer.GetPositions() * ANGSTROM for conformer in mol.GetConformers()]
    return np.array(found).reshape(-1, len(molecule.numbers), 3)


def relax_by_rdkit(mol: Chem.Mol, most_steps: int, *, charged: bool = True) -> Float[np.ndarray, " conformers"]:
    """Relax all conformers of an RDKit molecule in place; their energies [kJ/mol].

    By MMFF94, or UFF where that has no parameters; nothing happens where neither has. Without ``charged``, MMFF94
    leaves its electrostatics out, which in vacuum draw ions of one molecule together.
    """
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        if not rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            return np.zeros(mol.GetNumConformers())
        found = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=most_steps)
    elif charged:
        found = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=most_steps)
    else:
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
        properties.SetMMFFEleTerm(False)  # noqa: FBT003 (RDKit's own way)
        found = []
        for conformer in mol.GetConformers():
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conformer.GetId())
            found.append((field.Minimize(maxIts=most_steps), field.CalcEnergy()))
    return np.array([energy for _, energy in found]) * KCAL_MOL
