"""What a source of a molecule may leave open: bond orders, as an AMBER prmtop does, positions, stereochemistry."""

from dataclasses import replace

from rdkit import Chem
from rdkit.Chem import rdDetermineBonds

from hybridff.errors import InputError
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.parsing import rdkit_messages


def with_bond_orders(molecule: Molecule) -> Molecule:
    """The molecule itself where its bond orders are known, else a copy with those of valences and total charge.

    By RDKit's ``DetermineBondOrders`` (Y. Kim, W. Y. Kim, Bull. Korean Chem. Soc. 36, 1769 (2015)). Stereochemistry,
    which bonds alone do not tell, stays open. Raises ``InputError`` where no bond orders go with valences and charge.
    """
    if (molecule.bond_orders > 0).all():
        return molecule
    mol = Chem.RWMol()
    for number in molecule.numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(what=True)
        mol.AddAtom(atom)
    for i, j in molecule.bonds.tolist():
        mol.AddBond(i, j, Chem.BondType.SINGLE)
    try:
        with rdkit_messages():
            rdDetermineBonds.DetermineBondOrders(
                mol, charge=molecule.charge, allowChargedFragments=True, embedChiral=False
            )
        return replace(Molecule.from_rdkit(mol.GetMol(), molecule.name), positions=molecule.positions)
    except (ValueError, RuntimeError, InputError) as error:
        raise InputError(
            f"no bond orders of {molecule.name} go with its bonds and its charge of {molecule.charge:+d} e; give the "
            "molecule as SDF or SMILES."
        ) from error


def with_stereochemistry(molecule: Molecule) -> Molecule:
    """A copy with positions, embedded where there are none, whose SMILES has the stereochemistry of these."""
    return Molecule.from_rdkit(molecule.placed().to_rdkit(), molecule.name)


def leaves_stereochemistry_open(molecule: Molecule) -> bool:
    """Whether nothing says which configuration a centre or double bond has, neither SMILES nor positions."""
    if molecule.positions is not None:
        return False
    found = Chem.FindPotentialStereo(molecule.to_rdkit())
    return any(own.specified == Chem.StereoSpecified.Unspecified for own in found)


def isomer_note(taken: Molecule) -> str:
    """What a user should know where nothing said which stereoisomer a molecule is, and one was taken."""
    return f"Note: nothing says which stereoisomer {taken.name} is; {plain_smiles(taken)} is taken."


def are_same(one: Molecule, other: Molecule, *, stereochemistry: bool) -> bool:
    """Whether two molecules with bond orders are one, their atoms in any order; ``stereochemistry`` counts or not."""
    first, second = one.to_rdkit(), other.to_rdkit()
    same_size = first.GetNumAtoms() == second.GetNumAtoms() and first.GetNumBonds() == second.GetNumBonds()
    return same_size and first.HasSubstructMatch(second, useChirality=stereochemistry)


def plain_smiles(molecule: Molecule) -> str:
    """The SMILES of a molecule as people write it, without hydrogens and atom map."""
    with rdkit_messages():
        return Chem.MolToSmiles(Chem.RemoveHs(molecule.to_rdkit()))
