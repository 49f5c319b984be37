"""What a sound structure of a molecule looks like: ranges of its bonds, contacts and angles, and the worst fault."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.geometry import angle
from hybridff.molecules.graph import angle_atoms, bond_counts, chain_name
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.radii import covalent_sums, van_der_waals_sums
from hybridff.units import ANGSTROM, DEGREE

_HOT_BOND = (0.6, 1.6)
"""Shortest and longest bond in dynamics over that of the minimum: more than six standard deviations at 1200 K."""
_HOT_CONTACT = 0.7
"""Closest approach in dynamics of atoms without a bond, over the sum of their covalent radii."""
_REST_BOND = (0.75, 1.25)
"""Shortest and longest bond of a relaxed structure over those of its class at the minimum."""
_REST_CONTACT = 1.25
"""Closest contact of a relaxed structure, over the sum of covalent radii: the limit of ``frames.checks``."""
_REST_DISTANT = 0.5
"""Relaxed contact of atoms three or more bonds apart, over the sum of their van der Waals radii."""
_KEPT_CONTACT = 0.8
"""A contact that the start has already may be this much shorter."""
_REST_ANGLE = 40 * DEGREE
"""Largest deviation of a relaxed angle from those of its class at the minimum; conformers differ by some 15°."""
_APART = 10 * ANGSTROM
"""A distance beyond it is said without its number [nm]."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a structure."""

    atoms: tuple[int, ...]
    """Atoms where it is, counted from 0; empty where it cannot be told."""
    what: str
    """Half a sentence on it."""


NOT_FINITE = Fault((), "energy or positions are no longer finite")


@dataclass(frozen=True, eq=False)
class Limits:
    """Ranges of the distances and angles of a sound structure, with their values in the structure compared to."""

    molecule: Molecule
    pairs: Int[np.ndarray, "pairs 2"]
    """All pairs of atoms."""
    distances: Float[np.ndarray, "pairs 3"]
    """Lowest distance of each pair, highest, and that in the reference [nm]."""
    triples: Int[np.ndarray, "angles 3"]
    """Atoms of the angles that are looked at, the vertex second."""
    angles: Float[np.ndarray, "angles 3"]
    """Lowest value of each angle, highest, and that in the reference [rad]."""

    def fault(self, positions: Float[np.ndarray, "atoms 3"]) -> Fault | None:
        """The worst fault of a structure, or None."""
        if not np.isfinite(positions).all():
            return NOT_FINITE
        actual = pair_distances(positions, self.pairs)
        ratio = np.maximum(self.distances[:, 0] / np.maximum(actual, 1e-9), actual / self.distances[:, 1])
        if ratio.size and ratio.max() > 1:
            worst = int(ratio.argmax())
            return self._wrong_distance(worst, actual[worst])
        if not len(self.triples):
            return None
        actual = bond_angles(positions, self.triples)
        excess = np.maximum(self.angles[:, 0] - actual, actual - self.angles[:, 1])
        worst = int(excess.argmax())
        if excess[worst] <= 0:
            return None
        atoms = tuple(self.triples[worst].tolist())
        before = f"{self.angles[worst, 2] / DEGREE:.0f}° before"
        return Fault(atoms, f"the angle {chain_name(self.molecule, atoms)} is {actual[worst] / DEGREE:.0f}° ({before})")

    def closest(self, positions: Float[np.ndarray, "atoms 3"]) -> Fault:
        """The fault of a sound-looking structure that cannot be: the contact that has come closest."""
        apart = np.isinf(self.distances[:, 1])
        ratio = pair_distances(positions, self.pairs) / self.distances[:, 2]
        pair = int(np.where(apart, ratio, np.inf).argmin())
        i, j = (self.molecule.label(atom) for atom in self.pairs[pair].tolist())
        change = f"{ratio[pair] * self.distances[pair, 2] / ANGSTROM:.2f} Å apart"
        change += f" ({self.distances[pair, 2] / ANGSTROM:.2f} Å before)"
        what = f"bonds and angles look sound, but no conformer is that low; {i} and {j} are {change}"
        return Fault(tuple(self.pairs[pair].tolist()), what)

    def _wrong_distance(self, pair: int, distance: float) -> Fault:
        atoms = self.pairs[pair]
        i, j = (self.molecule.label(atom) for atom in atoms.tolist())
        before = f"{self.distances[pair, 2] / ANGSTROM:.2f} Å before"
        length = f"{distance / ANGSTROM:.2f} Å" if distance < _APART else f"more than {_APART / ANGSTROM:.0f} Å"
        if np.isfinite(self.distances[pair, 1]):
            return Fault(tuple(atoms.tolist()), f"the bond {i}-{j} is {length} long ({before})")
        return Fault(tuple(atoms.tolist()), f"{i} and {j}, which have no bond, are {length} apart ({before})")


def hot_limits(molecule: Molecule, minimum: Float[np.ndarray, "atoms 3"]) -> Limits:
    """Limits of dynamics: each bond as it was, wide; no angles."""
    pairs, paths = pairs_and_bonds(molecule)
    own = pair_distances(minimum, pairs)
    bonded = paths == 1
    contact = _HOT_CONTACT * _of(covalent_sums(molecule.numbers), pairs)
    lower = np.where(bonded, _HOT_BOND[0] * own, np.minimum(contact, 0.6 * own))
    upper = np.where(bonded, _HOT_BOND[1] * own, np.inf)
    none = np.empty((0, 3))
    return Limits(molecule, pairs, np.stack([lower, upper, own], -1), none.astype(int), none)


def rest_limits(molecule: Molecule, reference: Float[np.ndarray, "atoms 3"]) -> Limits:
    """Limits of relaxed structures: bonds and angles near those of their class, no new bonds or close contacts."""
    pairs, paths = pairs_and_bonds(molecule)
    own = pair_distances(reference, pairs)
    classes = molecule.equivalent_atoms()
    keys = [pair_key(classes[atoms], path) for atoms, path in zip(pairs, paths.tolist(), strict=True)]
    low, high = _class_ranges(keys, own)
    contact = _REST_CONTACT * _of(covalent_sums(molecule.numbers), pairs)
    distant = _REST_DISTANT * _of(van_der_waals_sums(molecule.numbers), pairs)
    contact = np.where(paths > 2, np.maximum(contact, distant), contact)
    bonded = paths == 1
    lower = np.where(bonded, _REST_BOND[0] * low, np.minimum(contact, _KEPT_CONTACT * own))
    upper = np.where(bonded, _REST_BOND[1] * high, np.inf)
    triples = np.array(angle_atoms(molecule), dtype=int).reshape(-1, 3)
    angles = bond_angles(reference, triples)
    low, high = _class_ranges([chain_key(classes[atoms]) for atoms in triples], angles)
    ranges = np.stack([low - _REST_ANGLE, high + _REST_ANGLE, angles], -1)
    return Limits(molecule, pairs, np.stack([lower, upper, own], -1), triples, ranges)


def _class_ranges(keys: list[tuple], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value among those of the same key, for each."""
    groups: dict[tuple, list[float]] = {}
    for key, value in zip(keys, values.tolist(), strict=True):
        groups.setdefault(key, []).append(value)
    return np.array([min(groups[key]) for key in keys]), np.array([max(groups[key]) for key in keys])


def pairs_and_bonds(molecule: Molecule) -> tuple[Int[np.ndarray, "pairs 2"], Int[np.ndarray, " pairs"]]:
    """All pairs of atoms and the number of bonds between them."""
    pairs = np.stack(np.triu_indices(len(molecule.numbers), k=1), -1)
    return pairs, _of(bond_counts(molecule), pairs)


def _of(matrix: np.ndarray, pairs: Int[np.ndarray, "pairs 2"]) -> np.ndarray:
    """Entries of a matrix over atoms at pairs of them."""
    return matrix[pairs[:, 0], pairs[:, 1]]


def pair_key(classes: Int[np.ndarray, " pair"], path: int) -> tuple[int, ...]:
    """What pairs of equivalent atoms have in common; ``path`` is the number of bonds between them."""
    return (path, *sorted(classes.tolist()))


def chain_key(classes: Int[np.ndarray, " atoms"]) -> tuple[int, ...]:
    """What chains of equivalent atoms have in common."""
    key = tuple(classes.tolist())
    return min(key, key[::-1])


def pair_distances(
    positions: Float[np.ndarray, "atoms 3"], pairs: Int[np.ndarray, "pairs 2"]
) -> Float[np.ndarray, " pairs"]:
    """Distances of pairs of atoms [nm]."""
    return np.linalg.norm(positions[pairs[:, 1]] - positions[pairs[:, 0]], axis=-1)


def bond_angles(
    positions: Float[np.ndarray, "atoms 3"], triples: Int[np.ndarray, "angles 3"]
) -> Float[np.ndarray, " angles"]:
    """Angles of triples of atoms, the vertex second [rad]."""
    return angle(torch.as_tensor(positions[triples])).numpy()
