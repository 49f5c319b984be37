"""Frames that are the molecule by other numbers: a hydrogen that has moved to an equal place, equal atoms exchanged.

The bonds of such a frame are those of the molecule after a permutation of atoms of the same element. Energies know
nothing of numbers, so that positions and forces in the molecule's order are as good as those of any other frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from rdkit import Chem

from hybridff.frames.dataset import Frames
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.radii import covalent_sums

_MOST_ORDERS = 1000
"""Permutations of the atoms other than hydrogens that are looked at for one set of bonds."""
_AGREE = 0.9
"""Frames have a hand in common where those of the other one are fewer than one in twenty."""


@dataclass(frozen=True)
class Renumbering:
    """How the atoms of a frame are renumbered."""

    frame: int
    """Row of the frame, counted from 0."""
    order: tuple[int, ...]
    """Atom of the data that each atom of the molecule is."""


def renumberings(
    frames: Frames, molecule: Molecule, rows: Sequence[int], sound: Int[np.ndarray, " sound"]
) -> list[Renumbering]:
    """How those of some frames that are the molecule after a permutation of atoms are renumbered.

    ``sound`` are rows of frames that are the molecule as they are. Stereocentres and double bonds of a renumbered frame
    are as theirs, and so is the sense of rotation of equal hydrogens. Of several permutations that do so, the one that
    moves the fewest atoms is taken.
    """
    hands = _Hands.of(molecule)
    mean = hands.signs(frames.positions[sound]).mean(axis=0)
    wanted = np.where(np.abs(mean) > _AGREE, np.sign(mean), 0.0)
    alike: dict[tuple, list[int]] = {}
    for row in rows:
        alike.setdefault(_shortest_pairs(frames, row, len(molecule.bonds)), []).append(row)
    found = []
    own = _skeleton(molecule.numbers, molecule.bonds.tolist())
    for bonds, group in alike.items():
        orders = _orders(own, _skeleton(molecule.numbers, bonds), len(molecule.numbers))
        for row in group:
            fitting = (hands.matched(frames.positions[row], order, wanted) for order in orders)
            order = next((order for order in fitting if order is not None), None)
            if order is not None:
                found.append(Renumbering(row, tuple(order.tolist())))
    return sorted(found, key=lambda renumbering: renumbering.frame)


class _Skeleton(NamedTuple):
    """A graph without those hydrogens that have one bond."""

    graph: Chem.Mol
    """The other atoms; the isotope tells the number of hydrogens of each."""
    atoms: list[int]
    """Their numbers in the whole."""
    hydrogens: list[list[int]]
    """The hydrogens of each, ascending."""


def _skeleton(numbers: Int[np.ndarray, " atoms"], bonds: Sequence[Sequence[int]]) -> _Skeleton:
    neighbours: list[list[int]] = [[] for _ in numbers]
    for i, j in bonds:
        neighbours[i].append(j)
        neighbours[j].append(i)
    leaves = {
        atom
        for atom, own in enumerate(neighbours)
        if numbers[atom] == 1 and len(own) == 1 and numbers[own[0]] != 1  # of H2, both stay
    }
    atoms = [atom for atom in range(len(numbers)) if atom not in leaves]
    hydrogens = [sorted(leaves & set(neighbours[atom])) for atom in atoms]
    graph, place = Chem.RWMol(), {atom: i for i, atom in enumerate(atoms)}
    for atom, own in zip(atoms, hydrogens, strict=True):
        node = Chem.Atom(int(numbers[atom]))
        node.SetIsotope(1 + len(own))
        graph.AddAtom(node)
    for i, j in bonds:
        if i in place and j in place:
            graph.AddBond(place[i], place[j], Chem.BondType.SINGLE)
    return _Skeleton(graph.GetMol(), atoms, hydrogens)


def _orders(own: _Skeleton, other: _Skeleton, n_atoms: int) -> list[Int[np.ndarray, " atoms"]]:
    """Which atom of another graph each atom of the own one is, in every way; the fewest moved atoms first."""
    if own.graph.GetNumBonds() != other.graph.GetNumBonds() or len(own.atoms) != len(other.atoms):
        return []
    found = []
    for match in other.graph.GetSubstructMatches(own.graph, uniquify=False, maxMatches=_MOST_ORDERS):
        order = np.arange(n_atoms)
        for atom, hydrogens, image in zip(own.atoms, own.hydrogens, match, strict=True):
            order[atom] = other.atoms[image]
            theirs = other.hydrogens[image]
            stay = set(hydrogens) & set(theirs)
            left, right = ([h for h in some if h not in stay] for some in (hydrogens, theirs))
            order[left] = right
        found.append(order)
    return sorted(found, key=lambda order: (int((order != np.arange(n_atoms)).sum()), order.tolist()))


def _shortest_pairs(frames: Frames, row: int, n_bonds: int) -> tuple[tuple[int, int], ...]:
    """As many pairs as the molecule has bonds: those shortest over the sums of their covalent radii."""
    first, second = np.triu_indices(len(frames.numbers), 1)
    x = frames.positions[row]
    ratios = np.linalg.norm(x[first] - x[second], axis=-1) / covalent_sums(frames.numbers)[first, second]
    chosen = np.sort(np.argsort(ratios, kind="stable")[:n_bonds])
    return tuple(zip(first[chosen].tolist(), second[chosen].tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class _Hands:
    """What tells stereoisomers apart: the hand of each atom with four neighbours, cis or trans at each double bond."""

    centres: Int[np.ndarray, "centres 4"]
    """Such an atom and three of its neighbours."""
    swaps: list[tuple[int, ...]]
    """Two hydrogens of each centre, whose exchange turns its hand; none where it has fewer."""
    double: Int[np.ndarray, "double 4"]
    """Atoms of a torsion about each double bond neither end of which has two hydrogens."""

    @classmethod
    def of(cls, molecule: Molecule) -> "_Hands":
        neighbours, numbers = molecule.neighbours, molecule.numbers
        hydrogens = [tuple(n for n in own if numbers[n] == 1 and len(neighbours[n]) == 1) for own in neighbours]
        middles = [atom for atom, own in enumerate(neighbours) if len(own) == 4]
        double = [
            (min(set(neighbours[j]) - {k}), j, k, min(set(neighbours[k]) - {j}))
            for (j, k), order in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)
            if order == 2 and all(len(neighbours[end]) > 1 and len(hydrogens[end]) < 2 for end in (j, k))
        ]
        return cls(
            np.array([(atom, *neighbours[atom][:3]) for atom in middles], dtype=np.int64).reshape(-1, 4),
            [hydrogens[atom][-2:] if len(hydrogens[atom]) > 1 else () for atom in middles],
            np.array(double, dtype=np.int64).reshape(-1, 4),
        )

    def signs(self, positions: Float[np.ndarray, "frames atoms 3"]) -> Float[np.ndarray, "frames hands"]:
        """Hand of each centre and side of each double bond, as 1 or -1, in geometries [nm]."""
        x = positions[:, self.centres]
        hands = np.linalg.det(x[:, :, 1:] - x[:, :, :1])
        x = positions[:, self.double]
        axis = x[:, :, 2] - x[:, :, 1]
        across = [np.cross(x[:, :, 0] - x[:, :, 1], axis), np.cross(x[:, :, 3] - x[:, :, 2], axis)]
        return np.sign(np.concatenate([hands, (across[0] * across[1]).sum(-1)], axis=1))

    def matched(
        self,
        positions: Float[np.ndarray, "atoms 3"],
        order: Int[np.ndarray, " atoms"],
        wanted: Float[np.ndarray, " hands"],
    ) -> Int[np.ndarray, " atoms"] | None:
        """An order with equal hydrogens exchanged so that all hands are as wanted (0 for any), or None."""
        signs = self.signs(positions[None, order])[0]
        order = order.copy()
        for hand in np.flatnonzero((wanted != 0.0) & (signs != wanted)).tolist():
            swap = list(self.swaps[hand]) if hand < len(self.swaps) else []
            if not swap:
                return None
            order[swap] = order[swap[::-1]]
        return order
