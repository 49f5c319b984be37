"""Bonds that turn: which they are, torsions about them that symmetry makes equal, geometries with one turned."""

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from scipy.spatial.transform import Rotation

from hybridff.geometry import torsion
from hybridff.molecules.graph import far_side
from hybridff.molecules.molecule import Molecule

Rotor = tuple[int, int, int, int]
"""Atoms of a torsion about a bond that turns, counted from 0."""
_CHAIN_BOND = "[!D1]-&!@[!D1]"
"""A single bond outside rings between atoms with other neighbours."""
_TURNING_BOND = "[!D1;!$(*#*)]-&!@[!D1;!$(*#*)]"
"""A ``_CHAIN_BOND`` that is not next to a triple bond, about which nothing turns."""


def find_rotors(molecule: Molecule) -> list[Rotor]:
    """A torsion about each single bond outside rings, between atoms with other neighbours and no triple bond.

    None where bond orders are unknown, as in a molecule from a prmtop: single bonds cannot be told from double ones.
    """
    if np.any(molecule.bond_orders == 0):
        return []
    found = []
    neighbours = molecule.neighbours
    for second, third in _matches(molecule, _TURNING_BOND):
        first = next(atom for atom in neighbours[second] if atom != third)
        last = next(atom for atom in neighbours[third] if atom != second)
        found.append((first, second, third, last))
    return found


def chain_bonds(molecule: Molecule) -> list[tuple[int, int]]:
    """Atoms of each single bond outside rings between atoms with other neighbours, next to a triple bond too.

    Raises ``InputError`` where bond orders are unknown.
    """
    return [(i, j) for i, j in _matches(molecule, _CHAIN_BOND)]


def equal_rotors(molecule: Molecule, rotor: Rotor) -> list[Rotor]:
    """The torsions about a rotor's bond whose outer atoms are equivalent to its own, itself among them."""
    first, second, third, last = rotor
    kinds, neighbours = molecule.equivalent_atoms(), molecule.neighbours
    return [
        (one, second, third, other)
        for one in neighbours[second]
        for other in neighbours[third]
        if one != third and other != second and kinds[one] == kinds[first] and kinds[other] == kinds[last]
    ]


def turn(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], rotor: Rotor, angle: float
) -> Float[np.ndarray, "atoms 3"]:
    """Positions with a torsion turned to an angle [rad]; what hangs on its third atom moves."""
    _, second, third, _ = rotor
    side = far_side(molecule, second, third)
    now = float(torsion(torch.as_tensor(positions[list(rotor)])))
    axis = positions[third] - positions[second]
    rotation = Rotation.from_rotvec((angle - now) * axis / np.linalg.norm(axis))
    turned = positions.copy()
    turned[side] = rotation.apply(positions[side] - positions[third]) + positions[third]
    return turned


def _matches(molecule: Molecule, pattern: str) -> tuple[tuple[int, ...], ...]:
    return molecule.to_rdkit().GetSubstructMatches(Chem.MolFromSmarts(pattern))
