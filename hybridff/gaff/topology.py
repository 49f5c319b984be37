"""The internal coordinates of a molecule, in canonical order, and what its symmetries do to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.geometry import COORDINATES
from hybridff.molecules.graph import angle_atoms, bond_counts, torsion_atoms
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.symmetry import automorphism_generators

Atoms = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Topology:
    """All bonds, angles, torsions, three-coordinate centres and pairs three or more bonds apart of a molecule.

    Torsions are chains of four bonded atoms, and those across atoms in line, as of the two ends of allene.
    """

    molecule: Molecule
    lines: frozenset[Atoms] = frozenset()
    """Angles whose atoms are in line at rest, each in canonical order."""

    @cached_property
    def distances(self) -> Int[np.ndarray, "atoms atoms"]:
        """Number of bonds between every two atoms."""
        return bond_counts(self.molecule)

    @cached_property
    def atoms(self) -> Mapping[str, tuple[Atoms, ...]]:
        """Atoms of every coordinate, by kind."""
        neighbours = self.molecule.neighbours
        bonds = [(i, j) for i, bonded in enumerate(neighbours) for j in bonded if i < j]
        centres = [(i, *bonded) for i, bonded in enumerate(neighbours) if len(bonded) == 3]
        pairs = [(i, j) for i, j in combinations(range(len(neighbours)), 2) if self.distances[i, j] > 2]
        found: dict[str, Sequence[Atoms]] = {
            "bond": bonds,
            "angle": angle_atoms(self.molecule),
            "torsion": tuple(self.paths),
            "out_of_plane": centres,
            "pair": pairs,
        }
        return {kind: tuple(dict.fromkeys(canonical(kind, row)[0] for row in rows)) for kind, rows in found.items()}

    @cached_property
    def paths(self) -> Mapping[Atoms, Atoms]:
        """The atoms from the second to the third of each torsion, both included: more than two across atoms in line."""
        found = {}
        for atoms in torsion_atoms(self.molecule):
            own, _ = canonical("torsion", atoms)
            found[own] = own[1:3]
        neighbours = self.molecule.neighbours
        for path in self._straight_paths():
            for i in neighbours[path[0]]:
                for m in neighbours[path[-1]]:
                    if len({i, m, *path}) == len(path) + 2:
                        own, _ = canonical("torsion", (i, path[0], path[-1], m))
                        found.setdefault(own, path if own[1] == path[0] else path[::-1])
        return found

    def _straight_paths(self) -> Iterator[Atoms]:
        """Paths of three or more atoms of which every three neighbours are in line, each once."""
        neighbours = self.molecule.neighbours
        front: list[Atoms] = [(j, k) for j, bonded in enumerate(neighbours) for k in bonded]
        while front:
            path = front.pop()
            for atom in neighbours[path[-1]]:
                if atom not in path and canonical("angle", (*path[-2:], atom))[0] in self.lines:
                    front.append((*path, atom))
                    if path[0] < atom:
                        yield front[-1]

    def ends(self, torsion: Atoms) -> tuple[Atoms, Atoms]:
        """The angles at the second and the third atom of a torsion."""
        path = self.paths[torsion]
        first, last = (torsion[0], *path[:2]), (*path[-2:], torsion[3])
        return canonical("angle", first)[0], canonical("angle", last)[0]

    @cached_property
    def index(self) -> Mapping[str, Mapping[Atoms, int]]:
        """Row of each coordinate in ``atoms``, by kind."""
        return {kind: {atoms: i for i, atoms in enumerate(rows)} for kind, rows in self.atoms.items()}

    @cached_property
    def images(self) -> tuple[Mapping[str, tuple[list[int], list[int]]], ...]:
        """Image and sign of each coordinate, by generator of the symmetries and kind of coordinate."""
        found: list[Mapping[str, tuple[list[int], list[int]]]] = []
        for generator in automorphism_generators(self.molecule):
            permutation: list[int] = generator.tolist()
            maps: dict[str, tuple[list[int], list[int]]] = {}
            for kind, rows in self.atoms.items():
                moved = [canonical(kind, tuple(permutation[atom] for atom in atoms)) for atoms in rows]
                maps[kind] = ([self.index[kind][atoms] for atoms, _ in moved], [sign for _, sign in moved])
            found.append(maps)
        return tuple(found)

    @cached_property
    def classes(self) -> Mapping[str, Int[np.ndarray, " _"]]:
        """Which coordinates of a kind are equivalent: the first of each class stands for it."""
        found = {}
        for kind, rows in self.atoms.items():
            label = np.arange(len(rows))
            for _ in rows:
                before = label.copy()
                for maps in self.images:
                    np.minimum.at(label, maps[kind][0], before)
                    label = np.minimum(label, label[maps[kind][0]])
                if (label == before).all():
                    break
            found[kind] = label
        return found

    def means(self, kind: str, variable: str, positions: Float[np.ndarray, "frames atoms 3"]) -> list[float]:
        """Mean of a variable over frames and equivalent coordinates."""
        return self.shared(kind, self.values(kind, variable, positions).mean(0))

    def shared(self, kind: str, values: Sequence[float] | Float[np.ndarray, " rows"]) -> list[float]:
        """Values of all coordinates of a kind, each replaced by the mean over the equivalent ones."""
        label = self.classes[kind]
        sums = np.bincount(label, values, minlength=len(label))
        counts = np.maximum(np.bincount(label, minlength=len(label)), 1)
        return (sums / counts)[label].tolist()

    def quantiles(
        self, kind: str, variable: str, positions: Float[np.ndarray, "frames atoms 3"], share: float
    ) -> list[float]:
        """What a variable falls below in this share of the frames; the least of equivalent coordinates."""
        value = np.quantile(self.values(kind, variable, positions), share, axis=0)
        lowest = np.full(len(value), np.inf)
        np.minimum.at(lowest, self.classes[kind], value)
        return lowest[self.classes[kind]].tolist()

    def values(
        self, kind: str, variable: str, positions: Float[np.ndarray, "frames atoms 3"]
    ) -> Float[np.ndarray, "frames rows"]:
        """A variable of every coordinate of a kind on all frames."""
        rows = np.array(self.atoms[kind], dtype=np.int64).reshape(-1, COORDINATES[kind].n_atoms)
        return COORDINATES[kind].variables[variable].of(torch.as_tensor(positions)[:, rows]).numpy()


def canonical(kind: str, atoms: Atoms) -> tuple[Atoms, int]:
    """The same coordinate with its atoms in canonical order, and the sign that this gives an out-of-plane value."""
    if kind == "out_of_plane":
        centre, *outer = atoms
        odd = sum(a > b for a, b in combinations(outer, 2)) % 2
        return (centre, *sorted(outer)), -1 if odd else 1
    return min(atoms, atoms[::-1]), 1
