"""Copies of a molecule in an OpenMM topology, and which of their atoms is which."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from openmm import app, unit
from rdkit import Chem
from scipy.sparse.csgraph import connected_components

from hybridff.errors import InputError
from hybridff.gaff.forcefield import ForceField
from hybridff.molecules.graph import sparse_graph
from hybridff.molecules.molecule import Molecule

_MOST = 50000
"""Orders of the atoms that are looked at."""
_BETTER = 0.99
"""Share of the distance from the training data that makes another order of the atoms the better one."""
Copy = Int[np.ndarray, " atoms"]
"""Particles of a molecule, in the order of its atoms."""


def find_copies(
    force_field: ForceField,
    topology: app.Topology,
    atoms: Collection[int] | np.ndarray | None = None,
    positions: Any = None,
) -> list[Copy]:
    """Each copy of a molecule in a topology, by elements and bonds, whatever the order of the atoms.

    ``atoms`` are the particles that may belong to copies, by number, as a mask, or as the topology's atoms; all if not
    given. A
    kernel tells apart atoms that the graph does not, such as the two hydrogens of a methylene group: ``positions``, in
    nm or with a unit, of whole molecules, choose the assignment that its training data know best. They are needed where
    the order of the atoms is not the model's.

    Raises ``InputError`` where atoms that were named are no copies, and where positions are needed.
    """
    molecule, elements, bonds = force_field.molecule, elements_of(topology), bonds_of(topology)
    wanted = None if atoms is None else _named(list(atoms), len(elements))
    if positions is not None:
        positions = in_nanometers(positions, len(elements))
    if wanted is not None and not wanted:
        raise InputError("atoms names no atom; leave it out for all copies of the molecule.")
    own_bonds: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for bond in bonds:
        own_bonds[bond[0]].append(bond)
    found = []
    for own in _molecules(len(elements), bonds):
        if len(own) != len(molecule.numbers) or (wanted is not None and not wanted.issuperset(own)):
            continue
        inner = [bond for atom in own for bond in own_bonds[atom]]
        order = assign(force_field, own, [elements[i] for i in own], inner, positions)
        if order is not None:
            found.append(order)
    if wanted is not None and sum(map(len, found)) < len(wanted):
        left = min(wanted - {i for copy in found for i in copy.tolist()})
        raise InputError(
            f"atom {left + 1} of the topology was named, but belongs to no {molecule.name}: a molecule has to have the "
            f"elements and bonds of the model, {len(molecule.numbers)} atoms, and be named as a whole."
        )
    return found


def _named(atoms: Sequence[Any], n: int) -> set[int]:
    """Numbers of atoms that are given by number, as atoms of a topology, or by a mask."""
    if any(isinstance(atom, bool | np.bool_) for atom in atoms):
        if len(atoms) != n:
            raise InputError(f"atoms is a mask of {len(atoms)} values for a topology of {n} atoms; give one for each.")
        return set(np.flatnonzero(atoms).tolist())
    return {int(getattr(atom, "index", atom)) for atom in atoms}


def check_different(models: Sequence[ForceField]) -> None:
    """Raise ``InputError`` where two models are of the same molecule."""
    for one, other in combinations(models, 2):
        if is_alike(one, other):
            raise InputError(f"two models are of the same molecule, {one.molecule.name}; leave one of them out.")


def is_alike(one: ForceField, other: ForceField) -> bool:
    """Whether two models are of the same molecule, whatever the order of its atoms."""
    molecule, bonds = one.molecule, [(int(i), int(j)) for i, j in one.molecule.bonds]
    everything = range(len(molecule.numbers))
    return assign(other.with_corrections(()), everything, molecule.numbers.tolist(), bonds) is not None


def assign(
    force_field: ForceField,
    particles: Sequence[int],
    elements: Sequence[int],
    bonds: Sequence[tuple[int, int]],
    positions: Float[np.ndarray, "particles 3"] | None = None,
) -> Copy | None:
    """Particles in the order of the molecule's atoms; None where they are no such molecule.

    ``positions`` [nm] are those of all particles.
    """
    molecule = force_field.molecule
    if sorted(elements) != sorted(molecule.numbers.tolist()) or len(bonds) != len(molecule.bonds):
        return None
    same = dict(zip(particles, range(len(particles)), strict=True))
    own = sorted((min(same[i], same[j]), max(same[i], same[j])) for i, j in bonds)
    ours = sorted((min(i, j), max(i, j)) for i, j in molecule.bonds.tolist())
    as_given = list(elements) == molecule.numbers.tolist() and own == ours
    if as_given and (positions is None or not force_field.corrections):
        return np.array(particles)
    orders = _isomorphisms(molecule, elements, own)
    if len(orders) == _MOST and force_field.corrections:
        raise InputError(
            f"the atoms of {molecule.name} have more than {_MOST} orders with the same bonds, too many to try; give "
            "them in the order of the model, and no positions."
        )
    if not len(orders):
        return None
    if not force_field.corrections:
        return np.array(particles)[orders[0]]
    if positions is None:
        raise InputError(
            f"the atoms of {molecule.name} from number {min(particles) + 1} on are in another order than in the model, "
            "whose kernels tell apart atoms that bonds do not: give positions, which say which is which."
        )
    known = np.array(particles)[orders]
    distances = force_field.distance(positions[known])
    best = int(distances.argmin())
    if as_given:
        here = int((orders == np.arange(len(particles))).all(1).argmax())
        best = best if distances[best] < _BETTER * distances[here] else here
    return known[best]


def in_nanometers(positions: Any, n: int, *, more: bool = False) -> Float[np.ndarray, "particles 3"]:
    """Positions of so many particles, or ``more``, without a unit, which are in nm, or with one, as ``Modeller``'s."""
    if unit.is_quantity(positions):
        positions = positions.value_in_unit(unit.nanometer)
    found = np.array([list(position) for position in positions], dtype=float)
    if found.ndim != 2 or found.shape[1] != 3 or len(found) < n or (len(found) > n and not more):
        raise InputError(f"positions have the shape {found.shape}, and need three numbers for each of {n} particles.")
    return found


def elements_of(topology: app.Topology) -> list[int]:
    """Atomic numbers; zero for particles that are no atoms."""
    return [0 if atom.element is None else atom.element.atomic_number for atom in topology.atoms()]


def bonds_of(topology: app.Topology) -> list[tuple[int, int]]:
    """Pairs of particles, the smaller number first, each once."""
    return sorted({(min(a.index, b.index), max(a.index, b.index)) for a, b in topology.bonds()})


def _molecules(n: int, bonds: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Particles that bonds connect, ascending."""
    graph = sparse_graph(n, np.array(bonds, dtype=int).reshape(-1, 2))
    count, labels = connected_components(graph, directed=False)
    ends = np.searchsorted(np.sort(labels), np.arange(1, count))
    for own in np.split(np.argsort(labels, kind="stable"), ends):
        yield own.tolist()


def _isomorphisms(
    molecule: Molecule, elements: Sequence[int], bonds: Sequence[tuple[int, int]]
) -> Int[np.ndarray, "orders atoms"]:
    """All ways to find a molecule in a graph: for each of its atoms, its place among those of the graph."""
    pattern = _graph(molecule.numbers.tolist(), molecule.bonds.tolist())
    found = _graph(elements, bonds).GetSubstructMatches(pattern, uniquify=False, maxMatches=_MOST)
    return np.array(found, dtype=int).reshape(len(found), len(elements))


def _graph(elements: Sequence[int], bonds: Sequence[Sequence[int]]) -> Chem.Mol:
    """Atoms and bonds, no orders or charges."""
    graph = Chem.RWMol()
    for number in elements:
        atom = Chem.Atom(number)
        atom.SetNoImplicit(what=True)
        graph.AddAtom(atom)
    for i, j in bonds:
        graph.AddBond(int(i), int(j), Chem.BondType.SINGLE)
    return graph.GetMol()
