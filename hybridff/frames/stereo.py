"""Are the frames of data the stereoisomer that the molecule is?"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from rdkit import Chem
from rdkit.Geometry import Point3D

from hybridff.errors import InputError
from hybridff.frames.contradictions import first_numbers
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM

_SIDES = {Chem.BondStereo.STEREOE: "E", Chem.BondStereo.STEREOZ: "Z"}
_SHARE = 0.05
"""Largest share of frames of another stereoisomer that are left out; more are refused."""
_TRIES = 5
"""Frames of one kind that are labelled until one is regular enough to have all labels."""
_TURNING = Chem.MolFromSmarts("[#7]=[#6]-[#7]")
"""Formal double bonds of amidines and guanidines, which turn."""

_Key = tuple[int, ...]
"""Atoms: one of a stereocentre, two of a double bond."""


def check_stereo(
    molecule: Molecule,
    positions: Float[np.ndarray, "frames atoms 3"],
    where: str,
    rows: Int[np.ndarray, " frames"] | None = None,
) -> tuple[Bool[np.ndarray, " frames"], tuple[str, ...]]:
    """Which frames [nm] are another stereoisomer and have to be left out, and notes on them and on mirror images.

    Mirror images have the molecule's energies. ``rows`` are the frames' rows in their files, from 0. Only
    stereocentres and double bonds that the molecule's SMILES or file defines are looked at: no nitrogen with three
    neighbours, which inverts, and no C=N of amidines and guanidines, which turns.

    Raises ``InputError``, which begins with ``where``, where more than 5 % of the frames are another stereoisomer.
    """
    other, mirrored = np.zeros(len(positions), dtype=bool), np.zeros(len(positions), dtype=bool)
    graph = None if molecule.smiles is None or not len(positions) else molecule.to_rdkit()
    wanted = {} if graph is None else _labels(graph)
    if graph is None or not wanted:
        return other, ()
    first: tuple[_Key, str, str] | None = None
    for own in _kinds(graph, list(wanted), positions):
        found = _labels_of(graph, positions[own[:_TRIES]], wanted)
        if found == wanted:
            continue
        if _labels_of(graph, -positions[own[:_TRIES]], wanted) == wanted:
            mirrored[own] = True
            continue
        other[own] = True
        key = next(key for key in wanted if found.get(key) != wanted[key])
        first = first or (key, wanted[key], found.get(key, "neither"))
    notes = []
    if first is not None:
        numbers = np.arange(len(positions)) if rows is None else rows
        what = _sentence(molecule, first, numbers[other])
        if other.sum() > _SHARE * len(positions):
            count = "all frames are" if other.all() else f"{int(other.sum())} of {len(positions)} frames are"
            raise InputError(
                f"{where}: {count} {what}. Give the molecule of the data, leave these frames out, or use --trust-data "
                "if it changes in them."
            )
        notes.append(f"left out {int(other.sum())} of {len(positions)} frames: {what}.")
    if mirrored.any():
        count = "all" if mirrored.all() else f"{int(mirrored.sum())} of the {len(positions)}"
        notes.append(f"{count} frames are mirror images of {molecule.name}, which have the same energies")
    return other, tuple(notes)


def _labels(graph: Chem.Mol) -> dict[_Key, str]:
    """R, S, E and Z of all stereocentres and double bonds that neither invert nor turn and have one."""
    turning = {frozenset(match[:2]) for match in graph.GetSubstructMatches(_TURNING)}
    found: dict[_Key, str] = {
        (atom.GetIdx(),): atom.GetProp("_CIPCode")
        for atom in graph.GetAtoms()
        if atom.HasProp("_CIPCode") and not (atom.GetAtomicNum() == 7 and atom.GetDegree() == 3)
    }
    for bond in graph.GetBonds():
        atoms = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if bond.GetStereo() in _SIDES and frozenset(atoms) not in turning:
            found[atoms] = _SIDES[bond.GetStereo()]
    return found


def _labels_of(
    graph: Chem.Mol, positions: Float[np.ndarray, "frames atoms 3"], keys: Iterable[_Key]
) -> dict[_Key, str]:
    """The labels at ``keys`` of frames of one kind [nm]: of the first that has them all, or the last."""
    found: dict[_Key, str] = {}
    for frame in positions:
        labels = _labels(_placed(graph, frame))
        found = {key: labels[key] for key in keys if key in labels}
        if all(key in found for key in keys):
            break
    return found


def _kinds(
    graph: Chem.Mol, keys: Sequence[_Key], positions: Float[np.ndarray, "frames atoms 3"]
) -> list[Int[np.ndarray, " own"]]:
    """The frames of each stereoisomer, that of the first frame first."""
    _, kinds = np.unique(_signatures(graph, keys, positions), axis=0, return_inverse=True)
    found = [np.flatnonzero(kinds.ravel() == kind) for kind in range(int(kinds.max()) + 1)]
    return sorted(found, key=lambda own: int(own[0]))


def _signatures(
    graph: Chem.Mol, keys: Sequence[_Key], positions: Float[np.ndarray, "frames atoms 3"]
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


def _sentence(molecule: Molecule, element: tuple[_Key, str, str], rows: Int[np.ndarray, " others"]) -> str:
    atoms, label, found = element
    name = ("=" if len(atoms) == 2 else "").join(molecule.label(atom) for atom in atoms)
    return (
        f"another stereoisomer than {molecule.name} ({first_numbers(rows.tolist())}): in frame {int(rows[0]) + 1}, "
        f"{name} is {found}, and {label} in the molecule"
    )
