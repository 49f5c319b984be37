"""What an RDKit molecule has to be before it is taken over: one molecule, complete, with valences that hold."""

from collections.abc import Sequence
from typing import Any

from rdkit import Chem

from hybridff.errors import InputError
from hybridff.foreign import reason_of
from hybridff.molecules.parsing import rdkit_messages

BOND_ORDERS = {Chem.BondType.SINGLE: 1, Chem.BondType.DOUBLE: 2, Chem.BondType.TRIPLE: 3}
"""RDKit's types of bonds that are supported, and their orders."""
_KEEP_KEKULE = Chem.SANITIZE_ALL ^ Chem.SANITIZE_SETAROMATICITY


def complete(mol: Chem.Mol, where: str) -> Chem.Mol:
    """The molecule sanitised; raises ``InputError`` where it is not one molecule with all its hydrogens."""
    if mol.GetNumAtoms() == 0:
        raise InputError(f"{where} has no atoms.")
    _refuse_dummies(mol, where)
    refuse_fragments(mol, where)
    mol = sanitised(mol, where)
    for atom in mol.GetAtoms():
        missing = atom.GetTotalNumHs(includeNeighbors=False)
        if missing:
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) lacks {missing} hydrogen"
                f"{'s' if missing > 1 else ''}; add them with positions (for instance RDKit's "
                "AddHs(mol, addCoords=True) or 'obabel -h') and read the file again."
            )
    return mol


def sanitised(mol: Chem.Mol, where: str) -> Chem.Mol:
    """Copy with valences checked and aromatic bonds kekulised; the file's own Kekulé structure stays."""
    _refuse_dummies(mol, where)
    mol = Chem.RWMol(mol)
    try:
        with rdkit_messages():
            if any(bond.GetIsAromatic() for bond in mol.GetBonds()):
                Chem.SanitizeMol(mol, Chem.SANITIZE_CLEANUP | Chem.SANITIZE_PROPERTIES)
                Chem.Kekulize(mol, clearAromaticFlags=True)
            Chem.SanitizeMol(mol, _KEEP_KEKULE)
    except Chem.AtomValenceException as error:
        atom = mol.GetAtomWithIdx(_cause(error).GetAtomIdx())
        raise InputError(
            f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has more bonds than its formal charge "
            f"({atom.GetFormalCharge():d}) allows; check its bond orders and charge."
        ) from error
    except Chem.KekulizeException as error:
        raise InputError(
            f"{where}: the aromatic bonds fit no structure of single and double bonds; check the ring's hydrogens "
            "(write [nH] for the NH of a pyrrole) and charges."
        ) from error
    except (Chem.MolSanitizeException, RuntimeError) as error:  # RDKit's own assertions are RuntimeErrors
        raise InputError(f"{where}: RDKit refuses the molecule ({reason_of(error)}).") from error
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol.GetMol()


def _cause(error: Any) -> Any:
    """RDKit's own description of a chemistry problem; its type stubs leave it out."""
    return error.cause


def refuse_unsupported(mol: Chem.Mol, where: str) -> None:
    """Raise ``InputError`` for isotopes and radicals, and for bonds that are not single, double or triple."""
    for atom in mol.GetAtoms():
        if atom.GetIsotope():
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} is the isotope {atom.GetIsotope()}{atom.GetSymbol()}, whose mass "
                "is not kept; write the element alone, and set masses in the exported System."
            )
        if atom.GetNumRadicalElectrons():
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has an open valence: a hydrogen is missing, "
                "or this is a radical, which is not supported."
            )
    for bond in mol.GetBonds():
        if bond.GetBondType() not in BOND_ORDERS:
            raise InputError(
                f"{where}: the bond between atoms {bond.GetBeginAtomIdx() + 1} and {bond.GetEndAtomIdx() + 1} is "
                f"of type {bond.GetBondType().name.lower()}; only single, double and triple bonds are supported."
            )


def check_maps(mol: Chem.Mol, maps: Sequence[int], where: str) -> None:
    """Refuse atom maps that do not number every atom, hydrogens included, from 1."""
    for atom in mol.GetAtoms():
        label = f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()})"
        if atom.GetAtomMapNum() == 0:
            raise InputError(f"{label} has no map number; number every atom, hydrogens included, or none.")
        if atom.GetTotalNumHs(includeNeighbors=False):
            raise InputError(
                f"{label}, map number {atom.GetAtomMapNum()}, has hydrogens without map numbers; write each one as "
                "[H:n], or remove all map numbers."
            )
    if sorted(maps) != list(range(1, len(maps) + 1)):
        repeated = next((n for n in maps if maps.count(n) > 1), None)
        problem = f"{repeated} occurs twice" if repeated else f"they run up to {max(maps)}"
        raise InputError(f"{where}: the map numbers must be 1 to {len(maps)}, each once, but {problem}.")


def _refuse_dummies(mol: Chem.Mol, where: str) -> None:
    """Raise ``InputError`` for atoms that are no element."""
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() == 0:
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} is a dummy atom ('{atom.GetSymbol()}'); replace it by an element."
            )


def refuse_fragments(mol: Chem.Mol, where: str) -> None:
    """Raise ``InputError`` for several molecules in one."""
    fragments = Chem.GetMolFrags(mol)
    if len(fragments) > 1:
        sizes = ", ".join(str(len(fragment)) for fragment in fragments[:5])
        raise InputError(
            f"{where} has {len(fragments)} separate parts (of {sizes}{', ...' if len(fragments) > 5 else ''} atoms); "
            "give one molecule, without salts or solvent."
        )
