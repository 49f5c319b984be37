"""A molecule drawn in two dimensions, with the numbers of its atoms, and on request a value of each atom in colour."""

from typing import Any

import numpy as np
from jaxtyping import Float
from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from hybridff.document.blocks import Picture
from hybridff.molecules.molecule import Molecule

_SIZE = 380, 300
_MOST_ATOMS = 60
"""Most atoms that are drawn with all their hydrogens."""
_FULL = (0.85, 0.33, 0.2)
"""Colour of the largest value; the smallest possible one, 0, is white."""


def drawing(molecule: Molecule, alt: str, values: Float[np.ndarray, " atoms"] | None = None) -> Picture:
    """All atoms numbered from 1 as in the molecule file; those with larger values are redder."""
    mol = _graph(molecule)
    for atom in mol.GetAtoms():
        atom.SetProp("atomNote", str(atom.GetIdx() + 1))
    colours = {}
    if values is not None:
        shares = values / max(float(values.max()), 1e-12)
        colours = {i: tuple(1 - share * (1 - part) for part in _FULL) for i, share in enumerate(shares.tolist())}
    if mol.GetNumAtoms() > _MOST_ATOMS:
        mol, colours = _without_hydrogens(mol, colours)
    rdDepictor.Compute2DCoords(mol)
    drawer = rdMolDraw2D.MolDraw2DSVG(*_SIZE)
    options: Any = drawer.drawOptions()
    options.annotationFontScale = 0.6
    options.padding = 0.06
    options.highlightRadius = 0.42
    options.fillHighlights = True
    options.circleAtoms = True
    drawer.DrawMolecule(
        mol,
        highlightAtoms=list(colours),
        highlightAtomColors=colours,
        highlightBonds=[],
    )
    drawer.FinishDrawing()
    return Picture(drawer.GetDrawingText().encode(), alt)


def _graph(molecule: Molecule) -> Chem.Mol:
    """The graph for RDKit; all bonds are single where their orders are unknown."""
    if np.all(molecule.bond_orders > 0):
        mol = molecule.to_rdkit()
        Chem.Kekulize(mol, clearAromaticFlags=True)
        return mol
    graph = Chem.RWMol()
    for number in molecule.numbers.tolist():
        graph.AddAtom(Chem.Atom(number))
    for i, j in molecule.bonds.tolist():
        graph.AddBond(i, j, Chem.BondType.SINGLE)
    for atom in graph.GetAtoms():
        atom.SetNoImplicit(True)  # noqa: FBT003 (RDKit's argument has no name)
    mol = graph.GetMol()
    mol.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(mol)
    return mol


def _without_hydrogens(
    mol: Chem.Mol, colours: dict[int, tuple[float, ...]]
) -> tuple[Chem.Mol, dict[int, tuple[float, ...]]]:
    kept = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1]
    smaller = Chem.RemoveAllHs(mol)
    return smaller, {new: colours[old] for new, old in enumerate(kept) if old in colours}
