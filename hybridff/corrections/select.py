"""Which atoms a correction is on: numbers, all, contacts found by chemistry, or overlapping fragments."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.geometry import angle, distance
from hybridff.molecules.graph import bond_counts, shortest_chain
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.radii import van_der_waals_sums
from hybridff.molecules.rotors import chain_bonds
from hybridff.units import ANGSTROM

LOCAL = "local"
"""Names the environments of all bonds."""
_ENVIRONMENT = 2
"""Bonds from one of the ends of a bond to the atoms around it."""
_SMALL = 12
"""Most atoms of a molecule that needs no fragments."""
_LARGEST = 8
"""Most atoms of a fragment that grows along the bonds between its ends."""
_DONORS = "[OX1,OX2,SX1,SX2,nX2,NX2,$([NX3;!$(N-[C,S,P]=[O,S,N]);!$(N-c);!$(N=*)])]"
"""SMARTS of atoms with a lone pair that is not part of an amide or aniline."""
_CARBONYL = "[CX3]=[OX1,SX1]"
_REACH = {7: 3.25 * ANGSTROM, 8: 3.22 * ANGSTROM, 16: 3.50 * ANGSTROM}
"""Longest distance from donor to carbon [nm], by atomic number of the donor: sums of van der Waals radii (A. Bondi,
J. Phys. Chem. 68, 441 (1964))."""
_BURGI_DUNITZ = (89.0, 129.0)
"""Least and largest angle donor - carbon - oxygen [degrees]: 109 ± 20, after G. J. Bartlett, A. Choudhary,
R. T. Raines, D. N. Woolfson, Nat. Chem. Biol. 6, 615 (2010)."""
_APART = 4
"""Least number of bonds between donor and carbon, or between the atoms of a contact."""
_CONTACT = 0.9
"""Distance over the sum of van der Waals radii below which two atoms are in contact."""
_MET = 0.01
"""Least share of the frames that show a contact."""
_MOST_CONTACTS = 4


@dataclass(frozen=True)
class Contact:
    """A lone pair that faces a carbonyl group in some of the frames."""

    donor: int
    carbon: int
    oxygen: int
    share: float
    """Share of the frames that show the contact."""
    atoms: tuple[int, ...]
    """Atoms that a kernel needs: donor and carbonyl with their neighbours, and the chain between them, as far as it is
    short."""


def chosen_atoms(
    text: str, molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]
) -> list[tuple[int, ...]]:
    """The sets of atoms that "all", "local", "auto", "n-pi-star", or numbers separated by commas mean; counted from 0.

    Numbers in ``text`` count from 1.

    ``positions`` [nm] show which contacts there are. Raises ``InputError`` for anything else, for fewer than two atoms,
    and where no n→π* contact is found.
    """
    n_atoms = len(molecule.numbers)
    if text == "all" or (text == "auto" and n_atoms <= _SMALL):
        return [tuple(range(n_atoms))]
    if text == LOCAL:
        return environments(molecule)
    if text == "auto":
        return fragments(molecule, positions)
    if text == "n-pi-star":
        found = n_pi_star(molecule, positions)
        if not found:
            raise InputError(
                f"correction n-pi-star: a lone pair of {molecule.name} faces a carbonyl group in fewer than {_MET:.0%} "
                "of the frames; name the atoms by their numbers, or take auto."
            )
        return list(dict.fromkeys(contact.atoms for contact in found))
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"a correction is all, local, auto, n-pi-star, or atom numbers such as 1,2,8, not '{text}'."
        ) from None
    for number in numbers:
        if not 1 <= number <= n_atoms:
            raise InputError(f"correction {text}: {molecule.name} has no atom {number}, only 1 to {n_atoms}.")
    if len(numbers) < 2 or len(set(numbers)) < len(numbers):
        raise InputError(f"correction {text}: name at least two atoms, each once.")
    return [tuple(number - 1 for number in numbers)]


def environments(molecule: Molecule) -> list[tuple[int, ...]]:
    """What is around each bond: atoms within two bonds of one of its ends; sets inside of others are left out.

    Bonds to atoms without other neighbours have none of their own. All atoms where there is no other bond.
    """
    apart, neighbours = bond_counts(molecule), molecule.neighbours
    inner = [pair for pair in molecule.bonds.tolist() if all(len(neighbours[atom]) > 1 for atom in pair)]
    sets = [set(np.flatnonzero(apart[pair].min(0) <= _ENVIRONMENT).tolist()) for pair in inner]
    return _largest(sets) or [tuple(range(len(molecule.numbers)))]


def n_pi_star(molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> list[Contact]:
    """Contacts of a lone pair with a carbonyl carbon at the angle of Bürgi and Dunitz, the most frequent first."""
    graph = molecule.to_rdkit()
    apart = bond_counts(molecule)
    donors = [atom for (atom,) in graph.GetSubstructMatches(Chem.MolFromSmarts(_DONORS))]
    frames = torch.as_tensor(positions)
    found = []
    for carbon, oxygen in graph.GetSubstructMatches(Chem.MolFromSmarts(_CARBONYL)):
        for donor in donors:
            if apart[donor, carbon] < _APART:
                continue
            near = distance(frames[:, [donor, carbon]]) < _REACH[int(molecule.numbers[donor])]
            low, high = np.deg2rad(_BURGI_DUNITZ)
            facing = angle(frames[:, [donor, carbon, oxygen]])
            share = float((near & (facing > low) & (facing < high)).double().mean())
            if share >= _MET:
                found.append(Contact(donor, carbon, oxygen, share, _around(molecule, donor, carbon)))
    return sorted(found, key=lambda contact: -contact.share)


def fragments(molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> list[tuple[int, ...]]:
    """Overlapping sets of atoms: those about each bond that turns, each ring, and the most frequent close contacts."""
    graph = molecule.to_rdkit()
    neighbours = molecule.neighbours
    sets = [{i, j, *neighbours[i], *neighbours[j]} for i, j in chain_bonds(molecule)]
    sets += [
        {*ring, *(other for atom in ring for other in neighbours[atom])} for ring in graph.GetRingInfo().AtomRings()
    ]
    sets += [set(_around(molecule, *pair)) for pair in _contacts(molecule, positions)]
    return _largest(sets)


def _largest(sets: list[set[int]]) -> list[tuple[int, ...]]:
    """Sets that are not inside of others, each once, ascending."""
    kept = [own for own in sets if not any(own < other for other in sets)]
    return list(dict.fromkeys(tuple(sorted(own)) for own in kept))


def _contacts(molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> Iterator[tuple[int, int]]:
    """Pairs of atoms that often come close, each with other heavy neighbours than those before."""
    first, second = np.nonzero(np.triu(bond_counts(molecule) >= _APART))
    if not len(first):
        return
    pairs = np.stack([first, second], 1)
    lengths = distance(torch.as_tensor(positions)[:, pairs]).numpy()
    met: Bool[np.ndarray, "frames pairs"] = lengths < _CONTACT * van_der_waals_sums(molecule.numbers)[first, second]
    share = met.mean(0)
    seen: set[frozenset[int]] = set()
    for pair in np.argsort(-share, kind="stable").tolist():
        if share[pair] < _MET or len(seen) == _MOST_CONTACTS:
            return
        own = frozenset(_around(molecule, int(first[pair]), int(second[pair])))
        if own not in seen:
            seen.add(own)
            yield int(first[pair]), int(second[pair])


def _around(molecule: Molecule, first: int, second: int) -> tuple[int, ...]:
    """Two atoms with their neighbours, and the shortest chain of bonds between them if the set stays small."""
    neighbours = molecule.neighbours
    own = {first, second, *neighbours[first], *neighbours[second]}
    chain = own | {*shortest_chain(molecule, first, second)}
    return tuple(sorted(chain if len(chain) <= _LARGEST else own))
