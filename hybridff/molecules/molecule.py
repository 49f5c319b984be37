"""Molecule: elements, bonds, formal charges; from SMILES, SDF, MOL2, RDKit, OpenFF, AMBER prmtop, OpenMM."""

import contextlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from openmm import app
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from hybridff.errors import InputError, MissingProgramError
from hybridff.molecules.mol2 import read_mol2
from hybridff.units import ANGSTROM

STRUCTURE_SUFFIXES = (".sdf", ".mol", ".mol2", ".prmtop", ".parm7")
_NO_BOND_ORDERS = (".pdb", ".xyz", ".extxyz", ".cif", ".pdbx", ".gro")
_KEEP_KEKULE = Chem.SANITIZE_ALL ^ Chem.SANITIZE_SETAROMATICITY
_ORDERS = {Chem.BondType.SINGLE: 1, Chem.BondType.DOUBLE: 2, Chem.BondType.TRIPLE: 3}
_TYPES = {order: bond_type for bond_type, order in _ORDERS.items()}
_OPENMM_TYPES = {1: app.Single, 2: app.Double, 3: app.Triple}


@dataclass(frozen=True, eq=False)
class Molecule:
    """One molecule in a fixed atom order.

    ``bond_orders`` are kekulised orders (1, 2, 3), or 0 where the source does not know them (prmtop, System).
    ``positions`` are one plausible geometry [nm] or None. ``smiles`` is atom-mapped (map number minus 1 is the row) and
    carries the stereochemistry, or None where the bond orders are unknown. ``total_charge`` is given where the formal
    charges of the atoms are unknown.
    """

    name: str
    numbers: Int[np.ndarray, " atoms"]
    bonds: Int[np.ndarray, "bonds 2"]
    bond_orders: Int[np.ndarray, " bonds"]
    formal_charges: Int[np.ndarray, " atoms"]
    positions: Float[np.ndarray, "atoms 3"] | None = None
    smiles: str | None = None
    total_charge: int | None = None

    @classmethod
    def read(cls, text: str | Path) -> "Molecule":
        """Read a structure file where ``text`` names one, else a SMILES."""
        path = Path(text)
        suffix = path.suffix.lower()
        if suffix in STRUCTURE_SUFFIXES + _NO_BOND_ORDERS or _is_file(path):
            return cls.from_file(path)
        return cls.from_smiles(str(text))

    @classmethod
    def from_smiles(cls, smiles: str, name: str | None = None) -> "Molecule":
        """Read a SMILES; atom maps, where there are any, fix the order of all atoms, hydrogens included."""
        smiles = smiles.strip()
        mol = _parse_smiles(smiles)
        where = f"the SMILES '{smiles}'"
        _refuse_fragments(mol, where)
        maps = [atom.GetAtomMapNum() for atom in mol.GetAtoms()]
        mol = _sanitised(mol, where)
        if any(maps):
            _check_maps(mol, maps, where)
            mol = Chem.RenumberAtoms(mol, [int(i) for i in np.argsort(maps)])
        else:
            mol = Chem.AddHs(mol)
        return _from_sanitised(mol, name or _unmapped_smiles(mol), where)

    @classmethod
    def from_file(cls, path: str | Path) -> "Molecule":
        """Read an SDF, MOL, MOL2 or AMBER prmtop file that holds one molecule with all its hydrogens."""
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in _NO_BOND_ORDERS:
            raise InputError(
                f"{path}: '{suffix}' files carry no bond orders; give the molecule as SDF, MOL2 or atom-mapped SMILES."
            )
        if suffix not in STRUCTURE_SUFFIXES:
            raise InputError(
                f"{path}: '{suffix}' is not a known kind of structure file; use one of {', '.join(STRUCTURE_SUFFIXES)}."
            )
        if not _is_file(path):
            raise InputError(f"{path}: there is no such file.")
        if suffix in (".prmtop", ".parm7"):
            return cls.from_prmtop(path)
        text = _read_text(path)
        mol = read_mol2(text, str(path)) if suffix == ".mol2" else _parse_sdf(text, str(path))
        return _from_raw(mol, _file_title(mol) or path.stem, str(path))

    @classmethod
    def from_rdkit(cls, mol: Chem.Mol, name: str | None = None) -> "Molecule":
        """Take an RDKit molecule with explicit hydrogens; its first conformer gives the positions."""
        mol = Chem.Mol(mol)
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
        return _from_raw(mol, name or _file_title(mol), "the RDKit molecule")

    @classmethod
    def from_openff(cls, molecule: Any, name: str | None = None) -> "Molecule":
        """Take an ``openff.toolkit.Molecule``."""
        return cls.from_rdkit(molecule.to_rdkit(), name or molecule.name or None)

    @classmethod
    def from_prmtop(cls, path: str | Path) -> "Molecule":
        """Read elements, bonds and total charge of an AMBER prmtop of one molecule; it has no bond orders."""
        prmtop = load_prmtop(path)
        charge = sum(prmtop._prmtop.getCharges())
        if abs(charge - round(charge)) > 0.05:
            raise InputError(f"{path}: the charges add up to {charge:.3f} e, which is not a whole number.")
        molecule = cls.from_openmm(prmtop.topology, Path(path).stem)
        return replace(molecule, total_charge=round(charge))

    @classmethod
    def from_openmm(cls, topology: app.Topology, name: str, charge: int | None = None) -> "Molecule":
        """Take an OpenMM topology of one molecule.

        Bond orders and formal charges are kept where all are known. ``charge`` [e] is the total charge where the
        topology knows no formal charges; left out, it counts as 0.
        """
        atoms = list(topology.atoms())
        for atom in atoms:
            if atom.element is None:
                raise InputError(f"atom {atom.index + 1} ({atom.name}) of {name} has no element (a dummy or site).")
        pairs = [(bond[0].index, bond[1].index) for bond in topology.bonds()]
        orders = [bond.order or 0 for bond in topology.bonds()]
        if any(order not in _TYPES for order in orders):
            orders = [0] * len(orders)
        formal = [getattr(atom, "formalCharge", None) for atom in atoms]
        known = all(value is not None for value in formal)
        molecule = cls(
            name=name,
            numbers=np.array([atom.element.atomic_number for atom in atoms], dtype=int),
            bonds=np.array(pairs, dtype=int).reshape(-1, 2),
            bond_orders=np.array(orders, dtype=int),
            formal_charges=np.array(formal if known else [0] * len(atoms), dtype=int),
            total_charge=charge,
        )
        _refuse_fragments(molecule._graph(), f"the topology of {name}")
        return molecule

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbols in the order of the atoms."""
        return tuple(element_symbol(number) for number in self.numbers.tolist())

    @property
    def charge(self) -> int:
        """Total charge [e]."""
        return int(self.formal_charges.sum()) if self.total_charge is None else self.total_charge

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """Bonded atoms of each atom, ascending."""
        found: list[list[int]] = [[] for _ in self.numbers]
        for i, j in self.bonds.tolist():
            found[i].append(j)
            found[j].append(i)
        return tuple(tuple(sorted(atoms)) for atoms in found)

    def label(self, atom: int) -> str:
        """Name of an atom for messages: symbol and 1-based number, as in ``C3``."""
        return f"{self.symbols[atom]}{atom + 1}"

    def equivalent_atoms(self) -> Int[np.ndarray, " atoms"]:
        """Symmetry class of each atom, numbered from 0 in the order of first appearance.

        Classes are those of the graph of elements and bonds. Bond orders, formal charges and stereochemistry are left
        out, so that the oxygens of a carboxylate or the ortho atoms of a kekulised ring are equivalent.
        """
        plain = replace(
            self, bond_orders=np.zeros_like(self.bond_orders), formal_charges=np.zeros_like(self.formal_charges)
        )
        ranks = Chem.CanonicalRankAtoms(plain._graph(), breakTies=False, includeChirality=False)
        first: dict[int, int] = {}
        return np.array([first.setdefault(rank, len(first)) for rank in ranks], dtype=int)

    def to_rdkit(self) -> Chem.Mol:
        """RDKit molecule with explicit hydrogens, aromaticity perceived, and the positions as its conformer."""
        self._require_bond_orders()
        mol = self._graph() if self.smiles is None else self._stereo_graph(self.smiles)
        Chem.SanitizeMol(mol)
        if self.positions is not None:
            mol.AddConformer(_conformer(self.positions), assignId=True)
        if self.smiles is not None:
            Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
        elif self.positions is not None:
            Chem.AssignStereochemistryFrom3D(mol)
        mol.SetProp("_Name", self.name)
        return mol

    def to_openff(self) -> Any:
        """``openff.toolkit.Molecule`` with the same atom order."""
        try:
            from openff.toolkit import Molecule as OpenFFMolecule
        except ImportError as error:
            raise MissingProgramError("openff-toolkit is not installed; it is needed to make its Molecule.") from error
        return OpenFFMolecule.from_rdkit(self.to_rdkit(), allow_undefined_stereo=True, hydrogens_are_explicit=True)

    def to_openmm_topology(self, residue: str = "MOL") -> app.Topology:
        """OpenMM topology: one chain, one residue, atoms named as in reports (``C1``, ``C2``, ``O3``, ...)."""
        topology = app.Topology()
        parent = topology.addResidue(residue, topology.addChain())
        atoms = []
        known = self.total_charge is None
        for i, (number, formal) in enumerate(zip(self.numbers.tolist(), self.formal_charges.tolist(), strict=True)):
            element = app.Element.getByAtomicNumber(number)
            charge = formal if known else None
            atoms.append(topology.addAtom(self.label(i), element, parent, formalCharge=charge))
        for (i, j), order in zip(self.bonds.tolist(), self.bond_orders.tolist(), strict=True):
            topology.addBond(atoms[i], atoms[j], type=_OPENMM_TYPES.get(order), order=order or None)
        return topology

    def placed(self) -> "Molecule":
        """Itself, or if it has no positions a copy with embedded ones."""
        return self if self.positions is not None else self.with_embedded_positions()

    def with_embedded_positions(self, seed: int = 0) -> "Molecule":
        """Copy with a geometry from RDKit's ETKDG, relaxed with MMFF94 (UFF where that has no parameters)."""
        mol = self.to_rdkit()
        mol.RemoveAllConformers()
        with _rdkit_messages():
            failed = rdDistGeom.EmbedMolecule(mol, randomSeed=seed) < 0
            failed = failed and rdDistGeom.EmbedMolecule(mol, randomSeed=seed, useRandomCoords=True) < 0
            if failed:
                raise InputError(
                    f"RDKit finds no 3D geometry for {self.name}; give the molecule as SDF with positions."
                )
            if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
                rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=2000)
            elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
                rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=2000)
        return replace(self, positions=mol.GetConformer().GetPositions() * ANGSTROM)

    def _require_bond_orders(self) -> None:
        if np.any(self.bond_orders == 0):
            raise InputError(
                f"the bond orders of {self.name} are unknown (its source has none); give the molecule as SDF or SMILES."
            )

    def _graph(self) -> Chem.RWMol:
        """Unsanitised RDKit molecule; bonds of unknown order are single."""
        mol = Chem.RWMol()
        for number, charge in zip(self.numbers.tolist(), self.formal_charges.tolist(), strict=True):
            atom = Chem.Atom(number)
            atom.SetFormalCharge(charge)
            atom.SetNoImplicit(True)
            mol.AddAtom(atom)
        for (i, j), order in zip(self.bonds.tolist(), self.bond_orders.tolist(), strict=True):
            mol.AddBond(i, j, _TYPES.get(order, Chem.BondType.SINGLE))
        return mol

    def _stereo_graph(self, smiles: str) -> Chem.RWMol:
        """The molecule from its mapped SMILES, with this molecule's own Kekulé structure."""
        mol = _parse_smiles(smiles)
        order = np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])
        mol = Chem.RWMol(Chem.RenumberAtoms(mol, [int(i) for i in order]))
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
            atom.SetFormalCharge(int(self.formal_charges[atom.GetIdx()]))
        for (i, j), bond_order in zip(self.bonds.tolist(), self.bond_orders.tolist(), strict=True):
            mol.GetBondBetweenAtoms(i, j).SetBondType(_TYPES[bond_order])
        return mol


def element_symbol(number: int) -> str:
    """Chemical symbol of an atomic number."""
    return Chem.GetPeriodicTable().GetElementSymbol(number)


def check_same_elements(molecule: Molecule, numbers: Int[np.ndarray, " other"], where: str) -> None:
    """Raise ``InputError`` naming the first atom whose element differs between the molecule and ``where``."""
    for atom, (mine, theirs) in enumerate(zip(molecule.numbers.tolist(), numbers.tolist(), strict=False)):
        if mine != theirs:
            raise InputError(
                f"atom {atom + 1} is {element_symbol(mine)} in the molecule {molecule.name} but "
                f"{element_symbol(theirs)} in {where}; give the molecule in the atom order of the data."
            )
    if len(molecule.numbers) != len(numbers):
        raise InputError(
            f"the molecule {molecule.name} has {len(molecule.numbers)} atoms but {where} has {len(numbers)}; "
            "both must hold the same molecule with all its hydrogens."
        )


def load_prmtop(path: str | Path) -> app.AmberPrmtopFile:
    """Open an AMBER prmtop file."""
    path = Path(path)
    if not _is_file(path):
        raise InputError(f"{path}: there is no such file.")
    try:
        return app.AmberPrmtopFile(str(path))
    except Exception as error:
        raise InputError(f"{path}: this is not an AMBER prmtop file that OpenMM can read ({error}).") from error


@contextlib.contextmanager
def _rdkit_messages() -> Iterator[io.StringIO]:
    """Collect RDKit's log, which it would write to the terminal."""
    stream = io.StringIO()
    terminal = sys.stderr
    rdBase.LogToPythonStderr()
    sys.stderr = stream
    try:
        yield stream
    finally:
        sys.stderr = terminal
        rdBase.LogToCppStreams()


def _parse_smiles(smiles: str) -> Chem.Mol:
    """Parse without sanitising; hydrogens written in the SMILES stay."""
    if not smiles:
        raise InputError("the SMILES is empty.")
    parameters: Any = Chem.SmilesParserParams()
    parameters.sanitize = False
    parameters.removeHs = False
    parameters.allowCXSMILES = False
    parameters.parseName = False
    with _rdkit_messages() as messages:
        mol = Chem.MolFromSmiles(smiles, parameters)
    if mol is None:
        raise InputError(
            f"'{smiles}' is not a SMILES ({_smiles_problem(messages.getvalue())}), and there is no file of that name."
        )
    return mol


def _smiles_problem(messages: str) -> str:
    """What RDKit says about a SMILES: the kind of error and the position."""
    kind = re.search(r"Parse Error: ([^:\n]*?)(?: while parsing| for input)?[:\n]", messages)
    position = re.search(r"around position (\d+)", messages)
    problem = kind.group(1) if kind else "it cannot be parsed"
    return f"{problem} near character {position.group(1)}" if position else problem


def _parse_sdf(text: str, where: str) -> Chem.Mol:
    records = [record for record in re.split(r"^\$\$\$\$.*$", text, flags=re.MULTILINE) if record.strip()]
    if not records:
        raise InputError(f"{where}: the file is empty.")
    if len(records) > 1:
        titles = ", ".join(record.lstrip("\n").splitlines()[0].strip() or "untitled" for record in records[:3])
        raise InputError(
            f"{where}: the file holds {len(records)} molecules ({titles}{', ...' if len(records) > 3 else ''}); "
            "give a file with one."
        )
    record = records[0]
    with _rdkit_messages() as messages:
        mol = Chem.MolFromMolBlock(record, sanitize=False, removeHs=False)
    if mol is None:
        reason = messages.getvalue().strip().splitlines()
        detail = re.sub(r"^\[[\d:]+\] ", "", reason[0]) if reason else "RDKit gives no reason"
        raise InputError(f"{where}: this is not a readable SDF file ({detail}).")
    header = record.splitlines()[1] if record.count("\n") > 1 else ""
    if mol.GetNumConformers() and header[20:22] != "3D" and not mol.GetConformer().Is3D():
        mol.RemoveAllConformers()
    return mol


def _from_raw(mol: Chem.Mol, name: str, where: str) -> Molecule:
    """Check a molecule that must have all its hydrogens, sanitise it, and take it over."""
    if mol.GetNumAtoms() == 0:
        raise InputError(f"{where} has no atoms.")
    _refuse_dummies(mol, where)
    _refuse_fragments(mol, where)
    mol = _sanitised(mol, where)
    for atom in mol.GetAtoms():
        missing = atom.GetTotalNumHs(includeNeighbors=False)
        if missing:
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) lacks {missing} hydrogen"
                f"{'s' if missing > 1 else ''}; add them with positions (for instance RDKit's "
                "AddHs(mol, addCoords=True) or 'obabel -h') and read the file again."
            )
    return _from_sanitised(mol, name or _unmapped_smiles(mol), where)


def _sanitised(mol: Chem.Mol, where: str) -> Chem.Mol:
    """Copy with valences checked and aromatic bonds kekulised; the file's own Kekulé structure stays."""
    _refuse_dummies(mol, where)
    mol = Chem.RWMol(mol)
    try:
        with _rdkit_messages():
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
    except Chem.MolSanitizeException as error:
        raise InputError(f"{where}: RDKit refuses the molecule ({error}).") from error
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol.GetMol()


def _cause(error: Any) -> Any:
    """RDKit's own description of a chemistry problem; its type stubs leave it out."""
    return error.cause


def _from_sanitised(mol: Chem.Mol, name: str, where: str) -> Molecule:
    for atom in mol.GetAtoms():
        if atom.GetNumRadicalElectrons():
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has an open valence: a hydrogen is missing, "
                "or this is a radical, which is not supported."
            )
    for bond in mol.GetBonds():
        if bond.GetBondType() not in _ORDERS:
            raise InputError(
                f"{where}: the bond between atoms {bond.GetBeginAtomIdx() + 1} and {bond.GetEndAtomIdx() + 1} is "
                f"of type {bond.GetBondType().name.lower()}; only single, double and triple bonds are supported."
            )
    positions = _positions(mol, where)
    if positions is not None:
        Chem.AssignStereochemistryFrom3D(mol)
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    return Molecule(
        name=name,
        numbers=np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=int),
        bonds=np.array(bonds, dtype=int).reshape(-1, 2),
        bond_orders=np.array([_ORDERS[bond.GetBondType()] for bond in mol.GetBonds()], dtype=int),
        formal_charges=np.array([atom.GetFormalCharge() for atom in mol.GetAtoms()], dtype=int),
        positions=positions,
        smiles=_mapped_smiles(mol),
    )


def _positions(mol: Chem.Mol, where: str) -> Float[np.ndarray, "atoms 3"] | None:
    """Positions [nm] of the first 3D conformer, or None."""
    if not mol.GetNumConformers():
        return None
    positions = mol.GetConformer().GetPositions()
    if not np.isfinite(positions).all():
        raise InputError(f"{where}: a position is not a finite number.")
    return positions * ANGSTROM if np.any(positions) else None


def _conformer(positions: Float[np.ndarray, "atoms 3"]) -> Chem.Conformer:
    conformer = Chem.Conformer(len(positions))
    conformer.Set3D(True)
    conformer.SetPositions(np.ascontiguousarray(positions / ANGSTROM, dtype=float))
    return conformer


def _mapped_smiles(mol: Chem.Mol) -> str:
    """Kekulised SMILES whose map numbers are the rows plus 1."""
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(atom.GetIdx() + 1)
    return Chem.MolToSmiles(mol, canonical=False)


def _unmapped_smiles(mol: Chem.Mol) -> str:
    mol = Chem.Mol(mol)
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    Chem.SanitizeMol(mol)
    with _rdkit_messages():
        return Chem.MolToSmiles(Chem.RemoveHs(mol))


def _file_title(mol: Chem.Mol) -> str:
    return mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""


def _check_maps(mol: Chem.Mol, maps: Sequence[int], where: str) -> None:
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
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() == 0:
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} is a dummy atom ('{atom.GetSymbol()}'); replace it by an element."
            )


def _refuse_fragments(mol: Chem.Mol, where: str) -> None:
    fragments = Chem.GetMolFrags(mol)
    if len(fragments) > 1:
        sizes = ", ".join(str(len(fragment)) for fragment in fragments[:5])
        raise InputError(
            f"{where} has {len(fragments)} separate parts (of {sizes}{', ...' if len(fragments) > 5 else ''} atoms); "
            "give one molecule, without salts or solvent."
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read_text(path: Path) -> str:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the file cannot be read as text ({error}).") from error
    if not text.strip():
        raise InputError(f"{path}: the file is empty.")
    return text
