"""Permutational symmetries of a set of atoms: those of the bond graph that dynamics gets to.

As in sGDML (S. Chmiela et al., Nat. Commun. 9, 3887 (2018)), a permutation counts if it brings two frames as near to
each other as any can. Here the molecule's graph proposes the permutations, so that no matching of atoms is needed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hybridff.corrections.descriptor import Descriptor
from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.symmetry import automorphism_generators

_MOST = 5000
"""Most symmetric images of a set of atoms."""
_COMPARED = 200
"""Number of frames that are compared, about."""
_SHARE = 0.005
"""Share of the pairs of frames that a permutation has to bring nearest to each other."""


def graph_permutations(molecule: Molecule, atoms: Sequence[int]) -> Int[np.ndarray, "permutations atoms"]:
    """How the molecule's symmetries permute a set of atoms that they take to itself; the identity first.

    Entry k of a permutation is the place, among ``atoms``, of the image of the k-th. Raises ``InputError`` where there
    are too many.
    """
    start = tuple(atoms)
    generators = automorphism_generators(molecule)
    seen, front = {start}, [start]
    while front:
        here = front.pop()
        for generator in generators:
            image = tuple(int(generator[atom]) for atom in here)
            if image not in seen:
                seen.add(image)
                front.append(image)
        if len(seen) > _MOST:
            raise InputError(
                f"{len(start)} atoms have more than {_MOST} symmetric images in this molecule; choose fewer atoms."
            )
    place = {atom: k for k, atom in enumerate(start)}
    found = sorted(tuple(place[atom] for atom in image) for image in seen if set(image) == set(start))
    identity = tuple(range(len(start)))
    return np.array([identity, *(each for each in found if each != identity)], dtype=np.int64)


def reached(
    descriptor: Descriptor,
    candidates: Int[np.ndarray, "candidates atoms"],
    positions: Float[Tensor, "frames atoms 3"],
) -> Int[Tensor, "permutations atoms"]:
    """The group of those permutations that take frames [nm] to what looks like other frames; the identity first."""
    x = descriptor.of(positions[:: max(1, len(positions) // _COMPARED)])
    nearest = torch.full((len(x), len(x)), torch.inf, dtype=x.dtype)
    best = torch.zeros(len(x), len(x), dtype=torch.int64)
    for i, permutation in enumerate(candidates.tolist()):
        apart = torch.cdist(x, x[:, descriptor.permuted(permutation)])
        nearer = apart < nearest
        nearest[nearer], best[nearer] = apart[nearer], i
    upper = torch.ones_like(best, dtype=torch.bool).triu(1)
    chosen = torch.bincount(best[upper], minlength=len(candidates))
    kept = chosen >= _SHARE * upper.sum()
    kept[0] = True
    return torch.tensor(_group(candidates[kept.numpy()].tolist()), dtype=torch.int64)


def _group(generators: Sequence[Sequence[int]]) -> list[list[int]]:
    """All products of some permutations, the identity first."""
    identity = tuple(range(len(generators[0])))
    seen, front = {identity}, [identity]
    while front:
        here = front.pop()
        for generator in generators:
            image = tuple(here[place] for place in generator)
            if image not in seen:
                seen.add(image)
                front.append(image)
    return [list(each) for each in sorted(seen)]
