"""A large molecule cut into overlapping pieces that are molecules: rings, conjugated groups and charges stay whole.

Bonds that may be cut are single, in no ring and no conjugated group, and have a saturated carbon on one side. What is
left between the cuts are the units of the molecule. A piece is a unit with all units that it is bonded to, and more of
them while it is small: so the surroundings of every unit are whole in one piece. Where the molecule goes on beyond the
units of a piece with a saturated carbon in no ring, the piece has a methyl group there, and hydrogen elsewhere. That
bonds are cut, rings and functional groups kept, is as in C. D. Stern et al., bioRxiv 2020.08.27.270934.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from rdkit import Chem

from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import rdkit_messages

PIECE = 30
"""Atoms up to which a piece grows beyond a unit and its neighbours, those that close it among them."""
MOST = 45
"""Most atoms of a unit with all its neighbours; where there are more, it has a piece with each of these."""
_CARBON, _HYDROGEN = 6, 1


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of a molecule."""

    molecule: Molecule
    """The piece, closed by hydrogen and methyl groups, as it is in the first place."""
    places: tuple[tuple[int, ...], ...]
    """Atoms of the large molecule, counted from 0, that are its units, for each place where it is found."""


def pieces_of(molecule: Molecule) -> list[Piece]:
    """The pieces of a molecule, each kind once, from the largest to the smallest; none where nothing can be cut.

    Raises ``InputError`` where bond orders are unknown.
    """
    return _Cut(molecule.to_rdkit()).pieces()


@dataclass(frozen=True, eq=False)
class _Cut:
    """A molecule with explicit hydrogens and its units, which are numbered from 0."""

    mol: Chem.Mol

    @cached_property
    def bonds(self) -> list[tuple[int, int]]:
        """Atoms of the bonds that may be cut."""
        found = []
        for bond in self.mol.GetBonds():
            ends = (bond.GetBeginAtom(), bond.GetEndAtom())
            single = bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing() and not bond.GetIsConjugated()
            if single and any(map(_is_saturated, ends)) and all(_heavy_neighbours(end) > 1 for end in ends):
                found.append((ends[0].GetIdx(), ends[1].GetIdx()))
        return found

    @cached_property
    def units(self) -> list[frozenset[int]]:
        """Atoms of each unit."""
        rest = Chem.RWMol(self.mol)
        for i, j in self.bonds:
            rest.RemoveBond(i, j)
        return [frozenset(own) for own in Chem.GetMolFrags(rest, sanitizeFrags=False)]

    @cached_property
    def joined(self) -> list[tuple[int, int]]:
        """Units on both sides of each of the bonds."""
        unit = {atom: place for place, own in enumerate(self.units) for atom in own}
        return [(unit[i], unit[j]) for i, j in self.bonds]

    def pieces(self) -> list[Piece]:
        """The pieces, each kind once, from the largest to the smallest."""
        grown = list(dict.fromkeys(map(self.grown, self.seeds())))
        largest = [own for own in grown if not any(own < other for other in grown)]
        kinds: dict[str, list[frozenset[int]]] = {}
        for own in largest:
            kinds.setdefault(_same_mirrored(self.closed(own)), []).append(own)
        if len(largest) < 2:
            return []
        found = [
            Piece(
                Molecule.from_smiles(_smiles(self.closed(same[0]))),
                tuple(tuple(sorted(self.atoms(own))) for own in same),
            )
            for same in kinds.values()
        ]
        return sorted(found, key=lambda own: -len(own.molecule.numbers))

    def seeds(self) -> Iterator[frozenset[int]]:
        """Every unit with all its neighbours; where these are too large, with each of them."""
        for place in range(len(self.units)):
            own = frozenset([place])
            around = self.around(own)
            if self.size(own | around) <= MOST:
                yield own | around
            else:
                yield from (own | {other} for other in around)

    def grown(self, own: frozenset[int]) -> frozenset[int]:
        """Units with those around them, and those around these, while they are small enough."""
        while (larger := own | self.around(own)) != own and self.size(larger) <= PIECE:
            own = larger
        return own

    def around(self, own: frozenset[int]) -> frozenset[int]:
        """The neighbours of some units."""
        return frozenset(place for pair in self.joined if own & set(pair) for place in pair) - own

    def atoms(self, own: frozenset[int]) -> frozenset[int]:
        """Atoms of some units."""
        return frozenset().union(*(self.units[place] for place in own))

    def size(self, own: frozenset[int]) -> int:
        """Number of atoms of a piece of some units."""
        return self.closed(own).GetNumAtoms()

    def closed(self, own: frozenset[int]) -> Chem.Mol:
        """Some units that hang together, closed by methyl groups and hydrogen."""
        kept = set(self.atoms(own))
        for i, j in self.bonds:
            for inside, outside in ((i, j), (j, i)):
                cap = self.mol.GetAtomWithIdx(outside)
                if inside in kept and outside not in kept and _may_be_methyl(cap):
                    kept |= {outside, *(one.GetIdx() for one in cap.GetNeighbors() if one.GetAtomicNum() == _HYDROGEN)}
        inner = self.atoms(own)
        cut = [
            bond.GetIdx()
            for bond in self.mol.GetBonds()
            for ends in [{bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}]
            if ends & kept and (not ends <= kept or (not ends & inner and _heavy_bond(bond)))
        ]
        opened = Chem.FragmentOnBonds(self.mol, cut) if cut else self.mol
        (mine,) = [atoms for atoms in Chem.GetMolFrags(opened) if inner & set(atoms)]
        found = Chem.RWMol(opened)
        for atom in found.GetAtoms():
            if atom.GetAtomicNum() == 0:
                atom.SetAtomicNum(_HYDROGEN)
                atom.SetIsotope(0)
        for place in sorted(set(range(found.GetNumAtoms())) - set(mine), reverse=True):
            found.RemoveAtom(place)
        Chem.SanitizeMol(found)
        Chem.AssignStereochemistry(found, cleanIt=True, force=True)
        return found


def _is_saturated(atom: Chem.Atom) -> bool:
    """Whether an atom is a saturated carbon."""
    return atom.GetAtomicNum() == _CARBON and atom.GetHybridization() == Chem.HybridizationType.SP3


def _may_be_methyl(atom: Chem.Atom) -> bool:
    return _is_saturated(atom) and not atom.IsInRing() and atom.GetFormalCharge() == 0


def _heavy_neighbours(atom: Chem.Atom) -> int:
    return sum(other.GetAtomicNum() != _HYDROGEN for other in atom.GetNeighbors())


def _heavy_bond(bond: Chem.Bond) -> bool:
    return _HYDROGEN not in (bond.GetBeginAtom().GetAtomicNum(), bond.GetEndAtom().GetAtomicNum())


def _smiles(mol: Chem.Mol) -> str:
    with rdkit_messages():
        return Chem.MolToSmiles(Chem.RemoveHs(mol))


def _same_mirrored(mol: Chem.Mol) -> str:
    """The same text for a molecule and its mirror image."""
    mirrored = Chem.Mol(mol)
    for atom in mirrored.GetAtoms():
        atom.InvertChirality()
    return min(_smiles(mol), _smiles(mirrored))
