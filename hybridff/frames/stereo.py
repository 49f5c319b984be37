"""Are the frames of data the stereoisomer that the molecule is?"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from rdkit import Chem
from rdkit.Geometry import Point3D

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM

_HANDS = {"R": "S", "S": "R"}
_SIDES = {Chem.BondStereo.STEREOE: "E", Chem.BondStereo.STEREOZ: "Z"}


def check_stereo(molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"], where: str) -> tuple[str, ...]:
    """Notes on frames [nm] that are mirror images of the molecule, which have its energies.

    Only stereocentres and double bonds that the molecule's SMILES or file defines are looked at. Raises ``InputError``,
    which begins with ``where``, for frames of another stereoisomer.
    """
    if molecule.smiles is None or not len(positions):
        return ()
    graph = molecule.to_rdkit()
    wanted = _labels(graph)
    if not wanted:
        return ()
    _, frame_of, kinds = np.unique(
        _signatures(graph, list(wanted), positions), axis=0, return_index=True, return_inverse=True
    )
    mirrored = np.zeros(len(positions), dtype=bool)
    for kind in np.argsort(frame_of):
        own = kinds.ravel() == kind
        found = _labels(_placed(graph, positions[frame_of[kind]]), list(wanted))
        other = [key for key, label in wanted.items() if found.get(key) != label]
        if other and all(found.get(key) == _HANDS.get(label, label) for key, label in wanted.items()):
            mirrored |= own
        elif other:
            raise InputError(_sentence(molecule, (other[0], wanted[other[0]], found.get(other[0], "?")), own, where))
    if not mirrored.any():
        return ()
    count = "all" if mirrored.all() else f"{int(mirrored.sum())} of the {len(positions)}"
    return (f"{count} frames are mirror images of {molecule.name}, which have the same energies",)


def _labels(graph: Chem.Mol, keys: Sequence[tuple[int, ...]] | None = None) -> dict[tuple[int, ...], str]:
    """R, S, E and Z by atoms: one of a stereocentre, two of a double bond; those of ``keys``, or all defined ones."""
    found: dict[tuple[int, ...], str] = {
        (atom.GetIdx(),): atom.GetProp("_CIPCode")
        for atom in graph.GetAtoms()
        if atom.HasProp("_CIPCode") and atom.GetProp("_CIPCode") in _HANDS
    }
    for bond in graph.GetBonds():
        if bond.GetStereo() in _SIDES:
            found[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()] = _SIDES[bond.GetStereo()]
    return found if keys is None else {key: label for key, label in found.items() if key in keys}


def _signatures(
    graph: Chem.Mol, keys: Sequence[tuple[int, ...]], positions: Float[np.ndarray, "frames atoms 3"]
) -> Bool[np.ndarray, "frames elements"]:
    """On which side of each other the neighbours are: frames that are equal in it are one stereoisomer."""
    columns = []
    for key in keys:
        neighbours = [[other.GetIdx() for other in graph.GetAtomWithIdx(atom).GetNeighbors()] for atom in key]
        if len(key) == 1:
            a, b, c = (positions[:, atom] - positions[:, key[0]] for atom in neighbours[0][:3])
            columns.append(np.einsum("fi,fi->f", a, np.cross(b, c)) > 0)
        else:
            begin, end = key
            axis = positions[:, end] - positions[:, begin]
            one = positions[:, next(i for i in neighbours[0] if i != end)] - positions[:, begin]
            other = positions[:, next(i for i in neighbours[1] if i != begin)] - positions[:, end]
            columns.append(np.einsum("fi,fi->f", np.cross(axis, one), np.cross(axis, other)) > 0)
    return np.stack(columns, axis=1)


def _placed(graph: Chem.Mol, positions: Float[np.ndarray, "atoms 3"]) -> Chem.Mol:
    """The graph with the stereochemistry of positions [nm]."""
    own = Chem.Mol(graph)
    own.RemoveAllConformers()
    conformer = Chem.Conformer(own.GetNumAtoms())
    for atom, place in enumerate((positions / ANGSTROM).tolist()):
        conformer.SetAtomPosition(atom, Point3D(*place))
    own.AddConformer(conformer)
    Chem.AssignStereochemistryFrom3D(own)
    return own


def _sentence(
    molecule: Molecule, element: tuple[tuple[int, ...], str, str], frames: Bool[np.ndarray, " frames"], where: str
) -> str:
    atoms, label, found = element
    count = "all frames are" if frames.all() else f"{int(frames.sum())} of {len(frames)} frames are"
    first = int(np.flatnonzero(frames)[0]) + 1
    name = ("=" if len(atoms) == 2 else "").join(molecule.label(atom) for atom in atoms)
    return (
        f"{where}: {count} another stereoisomer than {molecule.name}, frame {first} of those used for one: {name} is "
        f"{found} there and {label} in the molecule. Give the molecule of the data, leave these frames out, or use "
        "--trust-data if it changes in them."
    )
