"""A molecule of a PDB file, which has positions and no bond orders, and of a SMILES, which has these."""

from collections import Counter
from pathlib import Path

from rdkit import Chem

from hybridff.errors import InputError
from hybridff.foreign import read_text, reading
from hybridff.molecules.completing import are_same
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import rdkit_messages
from hybridff.molecules.sanitising import refuse_fragments


def molecule_of_pdb(path: str | Path, smiles: str) -> Molecule:
    """The molecule of a SMILES with the positions of a PDB file, in its order of atoms.

    Bonds of the file are its CONECT records and those that distances tell. Raises ``InputError`` where they are not
    those of the SMILES, where hydrogens are missing, and where the positions are another stereoisomer.
    """
    path, named = Path(path), Molecule.from_smiles(smiles)
    text = read_text(path, any_encoding=True)
    with reading(path, "a PDB file", "write it again"), rdkit_messages():
        given = Chem.MolFromPDBBlock(text, sanitize=False, removeHs=False)
    if given is None or not given.GetNumAtoms() or not given.GetNumConformers():
        raise InputError(f"{path}: this is not a PDB file with atoms.")
    refuse_fragments(given, str(path))
    found, wanted = (_formula(mol) for mol in (given, named.to_rdkit()))
    if found != wanted:
        raise InputError(
            f"{path} has the atoms {found}, but {smiles} has {wanted}, with all hydrogens; both have to agree."
        )
    match = _plain(given).GetSubstructMatch(_plain(named.to_rdkit()))
    if not match or given.GetNumBonds() != len(named.bonds):
        raise InputError(f"{path}: its bonds, by CONECT records and distances, are not those of {smiles}.")
    molecule = _joined(given, named, match, path)
    if not are_same(molecule, named, stereochemistry=True):
        raise InputError(f"{path}: its positions are another stereoisomer than {smiles}; correct one of them.")
    return molecule


def _joined(given: Chem.Mol, named: Molecule, match: tuple[int, ...], path: Path) -> Molecule:
    """Bond orders and formal charges of one, in the order of atoms and with the positions of the other."""
    mol = Chem.RWMol()
    charges = dict(zip(match, named.formal_charges.tolist(), strict=True))
    for own in given.GetAtoms():
        atom = Chem.Atom(own.GetAtomicNum())
        atom.SetFormalCharge(charges[own.GetIdx()])
        atom.SetNoImplicit(what=True)
        mol.AddAtom(atom)
    types = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    for (i, j), order in zip(named.bonds.tolist(), named.bond_orders.tolist(), strict=True):
        mol.AddBond(match[i], match[j], types[order])
    mol.AddConformer(given.GetConformer(), assignId=True)
    try:
        return Molecule.from_rdkit(mol.GetMol(), path.stem)
    except InputError as error:
        raise InputError(str(error).replace("the RDKit molecule", str(path))) from None


def _plain(mol: Chem.Mol) -> Chem.Mol:
    """Elements and bonds alone."""
    plain = Chem.RWMol()
    for atom in mol.GetAtoms():
        plain.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in mol.GetBonds():
        plain.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return plain.GetMol()


def _formula(mol: Chem.Mol) -> str:
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    return "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in sorted(counts.items()))
