"""A set of atoms with the descriptor and the permutations that a kernel on it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.covariance import Points
from hybridff.corrections.descriptor import Descriptor
from hybridff.corrections.permutations import graph_permutations, reached
from hybridff.molecules.molecule import Molecule


@dataclass(frozen=True, eq=False)
class Fragment:
    """Some atoms of a molecule with the descriptor and permutations of a kernel, before any training."""

    atoms: tuple[int, ...]
    """Numbers of the atoms in the molecule, from 0."""
    descriptor: Descriptor
    """Descriptor of these atoms, which are counted anew there."""
    permutations: Int[Tensor, "permutations atoms"]
    """Permutations of the atoms that change nothing, as places among ``atoms``; the identity first."""

    @classmethod
    def find(
        cls,
        molecule: Molecule,
        atoms: Sequence[int],
        positions: Float[Tensor, "frames all_atoms 3"],
        *,
        angular: bool = False,
    ) -> "Fragment":
        """A fragment that sees distances, on request angles and torsions, with the permutations that frames [nm] reach.

        Raises ``InputError`` where the molecule has too many symmetric images of the atoms.
        """
        descriptor = _angular(molecule, atoms) if angular else Descriptor(len(atoms))
        candidates = graph_permutations(molecule, atoms)
        return cls(tuple(atoms), descriptor, reached(descriptor, candidates, positions[:, list(atoms)]))

    def points(
        self, positions: Float[Tensor, "points all_atoms 3"], basis: Float[Tensor, "sloped coordinates directions"]
    ) -> Points:
        """Geometries of the whole molecule [nm], the first with directions of it, as the kernel sees them."""
        rows = [3 * atom + axis for atom in self.atoms for axis in range(3)]
        return Points.of(self.descriptor, positions[:, list(self.atoms)], basis[:, rows])

    @property
    def index(self) -> Int[Tensor, "permutations entries"]:
        """The permutations as those of descriptor entries."""
        return self.descriptor.index(self.permutations)


def _angular(molecule: Molecule, atoms: Sequence[int]) -> Descriptor:
    """The descriptor that sees all angles and torsions of the bonds between some atoms, too."""
    place = {atom: k for k, atom in enumerate(atoms)}
    near = [[place[other] for other in molecule.neighbours[atom] if other in place] for atom in atoms]
    angles = [(i, j, k) for j in range(len(atoms)) for i, k in combinations(near[j], 2)]
    torsions = [
        (i, j, k, m)
        for j in range(len(atoms))
        for k in near[j]
        if j < k
        for i in near[j]
        for m in near[k]
        if len({i, j, k, m}) == 4
    ]
    return Descriptor(len(atoms), tuple(angles), tuple(torsions))
