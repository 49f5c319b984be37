"""Molecule: elements, bonds, formal charges; from SMILES, SDF, MOL2, RDKit, OpenFF, AMBER prmtop, OpenMM."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from openmm import app
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from hybridff.errors import InputError, MissingProgramError
from hybridff.foreign import LARGEST_STRUCTURE, check_file, exists, printable, read_text, refuse_compressed
from hybridff.molecules.mol2 import read_mol2
from hybridff.molecules.openmm_files import load_prmtop
from hybridff.molecules.parsing import (
    SMILES_SUFFIXES,
    chosen_record,
    is_file,
    parse_sdf,
    parse_smiles,
    path_and_record,
    rdkit_messages,
    smiles_entries,
)
from hybridff.molecules.sanitising import (
    BOND_ORDERS,
    check_maps,
    complete,
    refuse_fragments,
    refuse_unsupported,
    sanitised,
)
from hybridff.molecules.structure import checked_positions
from hybridff.units import ANGSTROM

STRUCTURE_SUFFIXES = (".sdf", ".mol", ".mol2", ".prmtop", ".parm7")
_NO_BOND_ORDERS = (".pdb", ".xyz", ".extxyz", ".cif", ".pdbx", ".gro")
_TYPES = {order: bond_type for bond_type, order in BOND_ORDERS.items()}
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
        """Read a structure file where ``text`` names one, else a SMILES.

        Of a file of several molecules, the text says which: ``ligands.sdf:2``.
        """
        path, record = path_and_record(text)
        if path.suffix.lower() in (*STRUCTURE_SUFFIXES, *SMILES_SUFFIXES, *_NO_BOND_ORDERS) or is_file(path):
            return cls.from_file(path, record)
        try:
            return cls.from_smiles(str(text))
        except InputError:
            if str(text).strip() and exists(path):
                check_file(path)
            raise

    @classmethod
    def from_smiles(cls, smiles: str, name: str | None = None) -> "Molecule":
        """Read a SMILES; atom maps, where there are any, fix the order of all atoms, hydrogens included."""
        smiles = smiles.strip()
        mol = parse_smiles(smiles)
        where = f"the SMILES '{printable(smiles)}'"
        refuse_fragments(mol, where)
        maps = [atom.GetAtomMapNum() for atom in mol.GetAtoms()]
        mol = sanitised(mol, where)
        if any(maps):
            check_maps(mol, maps, where)
            mol = Chem.RenumberAtoms(mol, [int(i) for i in np.argsort(maps)])
        else:
            mol = Chem.AddHs(mol)
        return _taken_over(mol, name or _unmapped_smiles(mol), where)

    @classmethod
    def from_file(cls, path: str | Path, record: int | None = None) -> "Molecule":
        """Read a molecule with all its hydrogens from an SDF, MOL, MOL2 or AMBER prmtop file, or a file of SMILES.

        Where there are several, ``record`` is the number of one, from 1.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in _NO_BOND_ORDERS:
            more = (
                "; parametrize, fit, apply and make take a PDB file with --bonds-from SMILES"
                if suffix == ".pdb"
                else ""
            )
            raise InputError(
                f"{path}: '{suffix}' files carry no bond orders; give the molecule as SDF, MOL2 or atom-mapped "
                f"SMILES{more}."
            )
        path = check_file(path, LARGEST_STRUCTURE)
        if suffix not in STRUCTURE_SUFFIXES + SMILES_SUFFIXES:
            refuse_compressed(path)
            known = ", ".join(STRUCTURE_SUFFIXES + SMILES_SUFFIXES)
            raise InputError(f"{path}: '{suffix}' is not a known kind of structure file; use one of {known}.")
        if suffix in (".prmtop", ".parm7"):
            return cls.from_prmtop(path)
        if suffix in SMILES_SUFFIXES:
            entries = smiles_entries(path)
            line = chosen_record(entries, record, entries, str(path)).split(maxsplit=1)
            return cls.from_smiles(line[0], line[-1].strip())
        text = read_text(path, any_encoding=True)
        mol = read_mol2(text, str(path), record) if suffix == ".mol2" else parse_sdf(text, str(path), record)
        return _taken_over(complete(mol, str(path)), _file_title(mol) or path.stem, str(path))

    @classmethod
    def from_rdkit(cls, mol: Chem.Mol, name: str | None = None) -> "Molecule":
        """Take an RDKit molecule with explicit hydrogens; its first conformer gives the positions."""
        mol = Chem.Mol(mol)
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
        mol = complete(mol, "the RDKit molecule")
        return _taken_over(mol, name or _file_title(mol) or _unmapped_smiles(mol), "the RDKit molecule")

    @classmethod
    def from_openff(cls, molecule: Any, name: str | None = None) -> "Molecule":
        """Take an ``openff.toolkit.Molecule``."""
        return cls.from_rdkit(molecule.to_rdkit(), name or molecule.name or None)

    @classmethod
    def from_prmtop(cls, path: str | Path) -> "Molecule":
        """Read elements, bonds and total charge of an AMBER prmtop of one molecule; it has no bond orders."""
        prmtop = load_prmtop(path)
        charge = sum(prmtop._prmtop.getCharges())  # noqa: SLF001 (no public way to them)
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
        if len({frozenset(pair) for pair in pairs}) < len(pairs) or any(i == j for i, j in pairs):
            raise InputError(f"the topology of {name} has a bond twice, or one from an atom to itself; write it again.")
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
        refuse_fragments(_graph(molecule), f"the topology of {name}")
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
        ranks = Chem.CanonicalRankAtoms(_graph(plain), breakTies=False, includeChirality=False)
        first: dict[int, int] = {}
        return np.array([first.setdefault(rank, len(first)) for rank in ranks], dtype=int)

    def to_rdkit(self) -> Chem.Mol:
        """RDKit molecule with explicit hydrogens, aromaticity perceived, and the positions as its conformer."""
        self._require_bond_orders()
        mol = _graph(self) if self.smiles is None else _stereo_graph(self, self.smiles)
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
            raise MissingProgramError(
                'openff-toolkit is not installed; get it with: pip install "hybridff[openff]"'
            ) from error
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
        """The molecule itself where it has positions, else a copy with embedded ones."""
        return self if self.positions is not None else self.with_embedded_positions()

    def with_embedded_positions(self, seed: int = 0) -> "Molecule":
        """Copy with a geometry from RDKit's ETKDG, relaxed with MMFF94 (UFF where that has no parameters)."""
        mol = self.to_rdkit()
        mol.RemoveAllConformers()
        with rdkit_messages():
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


def element_symbol(number: int) -> str:
    """Chemical symbol of an atomic number, or the number itself where it is that of no element."""
    if not 0 < number < 119:
        return f"no element ({number})"
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


def _graph(molecule: Molecule) -> Chem.RWMol:
    """Unsanitised RDKit molecule; bonds of unknown order are single."""
    mol = Chem.RWMol()
    for number, charge in zip(molecule.numbers.tolist(), molecule.formal_charges.tolist(), strict=True):
        atom = Chem.Atom(number)
        atom.SetFormalCharge(charge)
        atom.SetNoImplicit(what=True)
        mol.AddAtom(atom)
    for (i, j), order in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True):
        mol.AddBond(i, j, _TYPES.get(order, Chem.BondType.SINGLE))
    return mol


def _stereo_graph(molecule: Molecule, smiles: str) -> Chem.RWMol:
    """Unsanitised RDKit molecule from the mapped SMILES, with the molecule's own Kekulé structure."""
    mol = parse_smiles(smiles)
    order = np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])
    mol = Chem.RWMol(Chem.RenumberAtoms(mol, [int(i) for i in order]))
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetFormalCharge(int(molecule.formal_charges[atom.GetIdx()]))
    for (i, j), bond_order in zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True):
        mol.GetBondBetweenAtoms(i, j).SetBondType(_TYPES[bond_order])
    return mol


def _taken_over(mol: Chem.Mol, name: str, where: str) -> Molecule:
    """The molecule of an RDKit molecule with all hydrogens; messages name it as ``where``."""
    refuse_unsupported(mol, where)
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    bonds = np.array(pairs, dtype=int).reshape(-1, 2)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=int)
    positions = _positions(mol, where)
    if positions is not None:
        labels = [f"{element_symbol(number)}{atom}" for atom, number in enumerate(numbers.tolist(), start=1)]
        positions = checked_positions(numbers, bonds, positions, labels, where)
    if positions is not None:
        Chem.AssignStereochemistryFrom3D(mol)
    return Molecule(
        name=name,
        numbers=numbers,
        bonds=bonds,
        bond_orders=np.array([BOND_ORDERS[bond.GetBondType()] for bond in mol.GetBonds()], dtype=int),
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
    conformer.Set3D(v=True)
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
    with rdkit_messages():
        return Chem.MolToSmiles(Chem.RemoveHs(mol))


def _file_title(mol: Chem.Mol) -> str:
    return printable(mol.GetProp("_Name").strip()) if mol.HasProp("_Name") else ""
