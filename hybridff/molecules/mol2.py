"""Reader of TRIPOS MOL2 files into RDKit molecules, in SYBYL's or GAFF's atom types.

RDKit's own reader takes SYBYL types only and drops atoms in some files. The format has no formal charges; they follow
here from the bonds of each atom, and are checked against the sum of the partial charges where the file has those.
AmberTools' antechamber draws all oxygens of a carboxylate, nitro, sulfonyl or phosphate group with single bonds; these
groups get their double bonds back, and oxygens whose charge such a drawing leaves open are refused.
"""

import re

import numpy as np
from rdkit import Chem

from hybridff.errors import InputError
from hybridff.molecules.parsing import chosen_record

_BONDS = {
    "1": Chem.BondType.SINGLE,
    "2": Chem.BondType.DOUBLE,
    "3": Chem.BondType.TRIPLE,
    "am": Chem.BondType.SINGLE,
    "ar": Chem.BondType.AROMATIC,
}
_NEUTRAL_VALENCE = {1: 1, 5: 3, 6: 4, 7: 3, 8: 2, 9: 1, 14: 4, 15: 3, 16: 2, 17: 1, 35: 1, 53: 1}
_TWO_LETTERS = {"cl": "Cl", "br": "Br", "si": "Si", "se": "Se", "li": "Li", "na": "Na", "zn": "Zn", "mg": "Mg"}
_TWO_LETTERS |= {"fe": "Fe", "mn": "Mn", "al": "Al"}
_SHORT_TYPE = re.compile(r"[CNOHSPFcnohspf][A-Za-z0-9*+]?")
"""Types of AMBER and like ones, which begin with their element's letter."""
_GAFF_NAMES = """
    br c c1 c2 c3 c5 c6 ca cc cd ce cf cg ch cl cp cq cs cu cv cx cy cz f h1 h2 h3 h4 h5 ha hc hn ho hp hs hw hx i
    n n+ n1 n2 n3 n4 n5 n6 n7 n8 n9 na nb nc nd ne nf nh ni nj nk nl nm nn no np nq ns nt nu nv nx ny nz
    o oh op oq os ow p2 p3 p4 p5 pb pc pd pe pf px py s s2 s4 s6 sh sp sq ss sx sy
"""
GAFF_TYPES = frozenset(_GAFF_NAMES.split())
"""Every atom type of GAFF and GAFF2."""
_OXYGEN_GROUPS = {(6, 3): (4, 2), (7, 3): (4, 2), (15, 4): (5, 1), (16, 3): (4, 1), (16, 4): (6, 1)}
"""Sum of bond orders by element and number of neighbours, and the fewest terminal oxygens that settle it."""
_TITLES = re.compile(r"^@<TRIPOS>(\w+)", re.MULTILINE)


def read_mol2(text: str, where: str, record: int | None = None) -> Chem.RWMol:
    """Parse the only molecule, or a numbered one, without sanitising.

    Aromatic bonds of carboxylates and guanidinium are made single and double.
    """
    sections = _of_one_molecule(text, where, record)
    atoms, bonds = _fields(sections["ATOM"]), _fields(sections.get("BOND", []))
    if not atoms:
        raise InputError(f"{where}: the file has no atoms.")
    if len(atoms) > 1 and not bonds:
        raise InputError(f"{where}: the file has no bonds; write it with bond types, or give an SDF file.")
    mol = Chem.RWMol()
    rows: dict[str, int] = {}
    for fields in atoms:
        if len(fields) < 6 or fields[0] in rows:
            raise InputError(f"{where}: the ATOM line '{' '.join(fields)}' is not complete or repeats a number.")
        atom = Chem.Atom(_element_of(fields, len(atoms), where))
        atom.SetNoImplicit(what=True)
        rows[fields[0]] = mol.AddAtom(atom)
    for fields in bonds:
        _add_bond(mol, rows, fields, where)
    _localise(mol)
    _restore_double_bonds(mol)
    _assign_charges(mol, [fields[8] for fields in atoms if len(fields) > 8], where)
    mol.AddConformer(_conformer(atoms, where), assignId=True)
    title = sections["MOLECULE"][0].strip() if sections["MOLECULE"] else ""
    mol.SetProp("_Name", "" if title.startswith("***") else title)
    return mol


def atom_rows(text: str) -> list[list[str]] | None:
    """Fields of each line of the first ATOM section: number, name, x, y, z, type, …; None where there is no section."""
    return next((_fields(lines) for name, lines in _sections(text) if name == "ATOM"), None)


def elements_and_bonds(text: str, where: str) -> tuple[list[int], set[frozenset[int]]]:
    """Atomic numbers of the atoms of the first molecule, and the pairs of rows that have bonds."""
    sections = dict(reversed(_sections(text)))
    atoms = [fields for fields in _fields(sections.get("ATOM", [])) if len(fields) > 5]
    rows = {fields[0]: row for row, fields in enumerate(atoms)}
    bonds = [fields[1:3] for fields in _fields(sections.get("BOND", [])) if len(fields) > 2]
    pairs = {frozenset((rows[i], rows[j])) for i, j in bonds if i in rows and j in rows and i != j}
    return [_element_of(fields, len(atoms), where) for fields in atoms], pairs


def _element_of(fields: list[str], n_atoms: int, where: str) -> int:
    """Atomic number of the atom of a line; a type of GAFF goes before all others, but a single atom is an ion."""
    in_gaff = fields[5] in GAFF_TYPES and n_atoms > 1
    return gaff_element(fields[5]) if in_gaff else _element(fields[1], fields[5], where)


def _sections(text: str) -> list[tuple[str, list[str]]]:
    """Names and lines of all sections, in order."""
    parts = _TITLES.split(text)[1:]
    return [(name, body.splitlines()[1:]) for name, body in zip(parts[::2], parts[1::2], strict=True)]


def _fields(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def mol2_records(text: str) -> list[str]:
    """The molecules of a MOL2 file, each as a text of its own."""
    parts = re.split(r"^(?=@<TRIPOS>MOLECULE\b)", text, flags=re.MULTILINE)
    return [own for own in parts if re.match(r"@<TRIPOS>MOLECULE\b", own)]


def _of_one_molecule(text: str, where: str, record: int | None) -> dict[str, list[str]]:
    """Lines of the sections of the only molecule, or of a numbered one, by name."""
    records = mol2_records(text)
    titles = [(dict(_sections(own)).get("MOLECULE") or [""])[0].strip() for own in records]
    sections = dict(_sections(chosen_record(records, record, titles, where))) if records else {}
    if "ATOM" not in sections:
        raise InputError(f"{where}: this is not a MOL2 file (no @<TRIPOS>MOLECULE and @<TRIPOS>ATOM sections).")
    return sections


def gaff_element(atom_type: str) -> int:
    """Atomic number from a GAFF type, of which some look like another element (``na``, ``cd``, ``os``, ``no``)."""
    symbol = atom_type.capitalize() if atom_type in ("br", "cl") else atom_type[0].upper()
    return Chem.GetPeriodicTable().GetAtomicNumber(symbol)


def _element(name: str, atom_type: str, where: str) -> int:
    """Atomic number from a SYBYL type (``C.ar``, ``Cl``), one of AMBER (``CT``), a lower-case symbol, or the name."""
    table = Chem.GetPeriodicTable()
    head = atom_type.split(".")[0]
    if head in ("Du", "LP", "Any", "Hal", "Het", "Hev"):
        raise InputError(f"{where}: atom {name} is a dummy atom (type {atom_type}); replace it by an element.")
    written = re.match(r"[A-Za-z]*", name.strip())
    letters = written.group(0) if written else ""
    of_amber = _SHORT_TYPE.fullmatch(head) and head[0].upper() == letters[:1].upper()
    candidates = [head, _TWO_LETTERS.get(head.lower(), ""), head[0].upper() if of_amber else "", letters]
    candidates += [_TWO_LETTERS.get(letters[:2].lower(), ""), letters[:1].upper()]
    candidates += [head[:1].upper() if len(head) == 1 else ""]
    for symbol in candidates:
        if symbol and symbol[0].isupper() and _is_element(symbol):
            return table.GetAtomicNumber(symbol)
    raise InputError(f"{where}: atom {name} has the type '{atom_type}', which names no element.")


def _is_element(symbol: str) -> bool:
    return any(Chem.GetPeriodicTable().GetElementSymbol(number) == symbol for number in range(1, 119))


def _add_bond(mol: Chem.RWMol, rows: dict[str, int], fields: list[str], where: str) -> None:
    if len(fields) < 4 or fields[1] not in rows or fields[2] not in rows:
        raise InputError(f"{where}: the BOND line '{' '.join(fields)}' has no bond type or names an unknown atom.")
    i, j = rows[fields[1]], rows[fields[2]]
    if fields[3].lower() not in _BONDS:
        raise InputError(
            f"{where}: the bond between atoms {i + 1} and {j + 1} has the type '{fields[3]}'; write the file with bond "
            "types 1, 2, 3, am or ar, or give an SDF file."
        )
    if i == j or mol.GetBondBetweenAtoms(i, j) is not None:
        raise InputError(
            f"{where}: the bond between atoms {i + 1} and {j + 1} is given twice or joins an atom to itself."
        )
    mol.AddBond(i, j, _BONDS[fields[3].lower()])
    if fields[3].lower() == "ar":
        mol.GetBondBetweenAtoms(i, j).SetIsAromatic(what=True)
        mol.GetAtomWithIdx(i).SetIsAromatic(what=True)
        mol.GetAtomWithIdx(j).SetIsAromatic(what=True)


def _localise(mol: Chem.RWMol) -> None:
    """Give one double bond to each centre whose aromatic bonds are in no ring (carboxylate, guanidinium)."""
    Chem.FastFindRings(mol)
    delocalised = [b for b in mol.GetBonds() if b.GetIsAromatic() and not b.IsInRing()]
    centres = sorted({_centre(bond) for bond in delocalised})
    for bond in delocalised:
        bond.SetIsAromatic(what=False)
        bond.SetBondType(Chem.BondType.SINGLE)
    for centre in centres:
        ends = [b for b in delocalised if _centre(b) == centre]
        oxygens = [b for b in ends if b.GetOtherAtomIdx(centre) in _terminal_oxygens(mol)]
        doubles = 2 if mol.GetAtomWithIdx(centre).GetAtomicNum() == 16 else 1
        for bond in (oxygens or ends)[:doubles]:
            bond.SetBondType(Chem.BondType.DOUBLE)
    for atom in mol.GetAtoms():
        atom.SetIsAromatic(any(bond.GetIsAromatic() for bond in atom.GetBonds()))


def _centre(bond: Chem.Bond) -> int:
    ends = (bond.GetBeginAtom(), bond.GetEndAtom())
    return max(ends, key=lambda atom: (atom.GetAtomicNum() in (6, 15, 16), atom.GetDegree())).GetIdx()


def _terminal_oxygens(mol: Chem.RWMol) -> set[int]:
    return {a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() == 8 and a.GetDegree() == 1}


def _restore_double_bonds(mol: Chem.RWMol) -> None:
    """Draw the double bonds of carboxylate, nitro, sulfoxide, sulfonyl and phosphate groups written without them."""
    for atom in mol.GetAtoms():
        orders, fewest = _OXYGEN_GROUPS.get((atom.GetAtomicNum(), atom.GetDegree()), (0, 0))
        singles = _single_oxygens(atom)
        missing = orders - _bond_orders(atom)
        if not atom.GetIsAromatic() and len(singles) >= max(fewest, missing):
            for bond in singles[: max(missing, 0)]:
                bond.SetBondType(Chem.BondType.DOUBLE)


def _single_oxygens(atom: Chem.Atom) -> list[Chem.Bond]:
    """Single bonds of an atom to oxygens that have no other neighbour."""
    terminal = _terminal_oxygens(atom.GetOwningMol())
    single = [bond for bond in atom.GetBonds() if bond.GetBondType() == Chem.BondType.SINGLE]
    return [bond for bond in single if bond.GetOtherAtomIdx(atom.GetIdx()) in terminal]


def _bond_orders(atom: Chem.Atom) -> int:
    return round(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))


def _refuse_doubtful_oxygens(mol: Chem.RWMol, where: str) -> None:
    """Refuse oxygens that their single bond would make anions although the atom they sit on may want a double bond."""
    for atom in mol.GetAtoms():
        for bond in _single_oxygens(atom) if _leaves_oxygens_open(atom) else []:
            oxygen = bond.GetOtherAtomIdx(atom.GetIdx()) + 1
            raise InputError(
                f"{where}: atom {oxygen} (O) has a single bond to atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) and no "
                "hydrogen, as in files of AmberTools' antechamber, which leaves its charge open; give an SDF file or a "
                "SMILES."
            )


def _leaves_oxygens_open(atom: Chem.Atom) -> bool:
    """Whether a single bond of this atom, whose charge is assigned, may not tell the charge of a terminal oxygen."""
    number = atom.GetAtomicNum()
    if number == 7:
        doubles = any(bond.GetBondType() == Chem.BondType.DOUBLE for bond in atom.GetBonds())
        return atom.GetFormalCharge() < 1 and not doubles
    if number in (15, 16):
        orders, _ = _OXYGEN_GROUPS.get((number, atom.GetDegree()), (0, 0))
        return atom.GetIsAromatic() or _bond_orders(atom) != orders
    return number not in (1, 5, 6, 14)


def _assign_charges(mol: Chem.RWMol, partial: list[str], where: str) -> None:
    """Formal charges from the valences, which the partial charges must not contradict."""
    metal = next((atom for atom in mol.GetAtoms() if atom.GetAtomicNum() not in _NEUTRAL_VALENCE), None)
    if metal is not None and mol.GetNumAtoms() > 1:
        raise InputError(
            f"{where}: atom {metal.GetIdx() + 1} is {metal.GetSymbol()}, whose charge a MOL2 file does not tell; "
            "GAFF has parameters for H, C, N, O, F, P, S, Cl, Br and I only."
        )
    for atom in mol.GetAtoms():
        if not atom.GetIsAromatic():
            atom.SetFormalCharge(_formal_charge(atom))
    _charge_aromatic_nitrogen(mol)
    total = sum(atom.GetFormalCharge() for atom in mol.GetAtoms())
    charges = _numbers(partial, where)
    if len(charges) != mol.GetNumAtoms() or not np.any(charges):
        _refuse_doubtful_oxygens(mol, where)
    elif abs(charges.sum() - total) > 0.5:
        raise InputError(
            f"{where}: the partial charges add up to {charges.sum():.2f} e but the bonds to a molecule of charge "
            f"{total:+d}; check the bond types and hydrogens, or give an SDF file."
        )


def _charge_aromatic_nitrogen(mol: Chem.RWMol) -> None:
    """Make one ring nitrogen a cation (three neighbours) or an anion (two) where no neutral Kekulé structure exists."""
    if _kekulisable(mol):
        return
    nitrogens = [atom for atom in mol.GetAtoms() if atom.GetIsAromatic() and atom.GetAtomicNum() == 7]
    for degree, charge in ((3, 1), (2, -1)):
        for atom in nitrogens:
            if atom.GetDegree() == degree:
                atom.SetFormalCharge(charge)
                if _kekulisable(mol):
                    return
                atom.SetFormalCharge(0)


def _formal_charge(atom: Chem.Atom) -> int:
    """Charge that the bonds of a non-aromatic atom imply."""
    valence = _NEUTRAL_VALENCE.get(atom.GetAtomicNum())
    if valence is None:
        return 0
    excess = _bond_orders(atom) - valence
    if atom.GetAtomicNum() in (15, 16, 17, 35, 53) and excess > 0:
        return 0 if excess % 2 == 0 else 1
    if atom.GetAtomicNum() == 7 and excess == 2:
        return 0
    if atom.GetAtomicNum() == 6 and atom.GetDegree() == 1 and excess == -1:
        return -1
    if atom.GetAtomicNum() in (1, 6, 14):
        return 0
    return excess if atom.GetAtomicNum() != 5 else -max(excess, 0)


def _kekulisable(mol: Chem.RWMol) -> bool:
    copy = Chem.RWMol(mol)
    block = Chem.rdBase.BlockLogs()
    try:
        copy.UpdatePropertyCache(strict=False)
        Chem.Kekulize(copy, clearAromaticFlags=True)
    except Chem.KekulizeException:
        return False
    finally:
        del block
    return True


def _numbers(fields: list[str], where: str) -> np.ndarray:
    try:
        return np.array([float(field) for field in fields])
    except ValueError as error:
        raise InputError(f"{where}: a number of an ATOM line cannot be read ({error}).") from error


def _conformer(atoms: list[list[str]], where: str) -> Chem.Conformer:
    conformer = Chem.Conformer(len(atoms))
    conformer.Set3D(v=True)
    conformer.SetPositions(np.array([_numbers(fields[2:5], where) for fields in atoms]))
    return conformer
