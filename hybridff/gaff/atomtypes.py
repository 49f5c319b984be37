"""GAFF atom types, and estimates of what a table lacks, from AmberTools' ``antechamber`` and ``parmchk2``.

Both see the molecule as a MOL2 file with its own bond orders. Atom types depend on the bonds alone, so the drawing that
RDKit makes in the plane serves as geometry and nothing has to be embedded.
"""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdDepictor

from hybridff.cache import cached_json
from hybridff.errors import InputError
from hybridff.gaff.programs import find_program, last_words, run
from hybridff.gaff.table import ParameterTable, gaff_file
from hybridff.molecules.mol2 import atom_rows
from hybridff.molecules.molecule import Molecule

DEFAULT_VERSION = "gaff-2.2.20"

_ELEMENTS = {1: "H", 6: "C", 7: "N", 8: "O", 9: "F", 15: "P", 16: "S", 17: "Cl", 35: "Br", 53: "I"}
_PARAMETER_SETS = {1: "gaff", 2: "gaff2"}


def assign_types(molecule: Molecule, version: str = DEFAULT_VERSION) -> tuple[str, ...]:
    """GAFF type of each atom.

    Bond orders are the molecule's own (``antechamber -j 5``: only aromatic and conjugated bonds are perceived).
    Raises ``InputError`` for elements and electronic states that GAFF has no types for.
    """
    gaff_file(version)
    check_supported(molecule)
    mol2 = _mol2(molecule, [symbol.lower() for symbol in molecule.symbols])
    family = _PARAMETER_SETS[_major(version)]
    key = ("antechamber types", 2, find_program("antechamber").identity(), family, molecule.charge, mol2)
    return tuple(cached_json(key, lambda: _run_antechamber(mol2, molecule, family)))


def estimate_missing(molecule: Molecule, types: Sequence[str], version: str = DEFAULT_VERSION) -> ParameterTable:
    """The rows that a version of GAFF lacks for this molecule, estimated by ``parmchk2``.

    Its ``remarks`` say for each row where it comes from. Rows that parmchk2 gave up on ("ATTN, need revision", with
    zeros for numbers) are left out, so that whoever looks them up learns that they are missing.
    """
    mol2 = _mol2(molecule, types)
    digest = hashlib.sha256(gaff_file(version).read_bytes()).hexdigest()
    key = ("parmchk2", 2, find_program("parmchk2").identity(), _major(version), digest, mol2)
    frcmod = cached_json(key, lambda: _run_parmchk2(mol2, molecule, version))
    found = "\n".join(line for line in frcmod.splitlines() if "ATTN" not in line)
    return ParameterTable.parse(found, f"parmchk2's frcmod for {molecule.name}")


def estimates(table: ParameterTable) -> tuple[str, ...]:
    """One sentence for each parameter that parmchk2 estimated; wildcards of the table itself are no estimates."""
    return tuple(
        f"The {row} is estimated by parmchk2: {_sentence(remark)}."
        for row, remark in table.remarks.items()
        if not remark.startswith("Using general improper")
    )


def check_supported(molecule: Molecule) -> None:
    """Raise ``InputError`` where GAFF has no atom types for this molecule (elements, radicals, unknown bonds)."""
    for atom, number in enumerate(molecule.numbers.tolist()):
        if number not in _ELEMENTS:
            raise InputError(
                f"atom {atom + 1} of {molecule.name} is {molecule.symbols[atom]}; GAFF has parameters for "
                f"{', '.join(_ELEMENTS.values())} only. Start from your own AMBER prmtop or OpenMM System instead."
            )
    for atom, neighbours in enumerate(molecule.neighbours):
        if len(neighbours) > 4:
            raise InputError(
                f"atom {atom + 1} ({molecule.symbols[atom]}) of {molecule.name} has {len(neighbours)} neighbours; GAFF "
                "has one value for all angles at an atom, which cannot hold more than four. Start from your own AMBER "
                "prmtop or OpenMM System instead."
            )
    for atom in molecule.to_rdkit().GetAtoms():
        pairs = _lone_pairs(atom)
        if atom.GetDegree() > 1 and atom.GetDegree() + pairs > 4:
            raise InputError(
                f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) of {molecule.name} has {atom.GetDegree()} neighbours "
                f"and {pairs} lone pair{'s' if pairs > 1 else ''}, so that its angles are not alike; GAFF has one "
                "value for all of them. Start from your own AMBER prmtop or OpenMM System instead."
            )
        if atom.GetNumRadicalElectrons():
            raise InputError(
                f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) of {molecule.name} has an unpaired electron or an "
                "open valence; GAFF has no radicals. Check hydrogens, bond orders and formal charges."
            )


def _lone_pairs(atom: Chem.Atom) -> int:
    """Pairs of electrons of an atom that are in no bond."""
    outer = Chem.GetPeriodicTable().GetNOuterElecs(atom.GetAtomicNum())
    bonded = round(sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()))
    return max(outer - atom.GetFormalCharge() - bonded, 0) // 2


def _major(version: str) -> int:
    return int(version.removeprefix("gaff-").split(".")[0])


def _mol2(molecule: Molecule, types: Sequence[str]) -> str:
    """MOL2 text in the molecule's atom order with its Kekulé bonds."""
    places = _drawing(molecule)
    atoms = [
        f"{i + 1:7d} {symbol}{i + 1} {x:.4f} {y:.4f} {z:.4f} {kind} 1 MOL 0.0"
        for i, (symbol, kind, (x, y, z)) in enumerate(zip(molecule.symbols, types, places.tolist(), strict=True))
    ]
    pairs = zip(molecule.bonds.tolist(), molecule.bond_orders.tolist(), strict=True)
    bonds = [f"{n + 1:6d} {i + 1} {j + 1} {order}" for n, ((i, j), order) in enumerate(pairs)]
    head = ["@<TRIPOS>MOLECULE", "MOL", f"{len(atoms)} {len(bonds)} 1 0 0", "SMALL", "NO_CHARGES"]
    return "\n".join([*head, "@<TRIPOS>ATOM", *atoms, "@<TRIPOS>BOND", *bonds, ""])


def _drawing(molecule: Molecule) -> np.ndarray:
    mol = molecule.to_rdkit()
    rdDepictor.Compute2DCoords(mol)
    return mol.GetConformer().GetPositions()


def _run_antechamber(mol2: str, molecule: Molecule, family: str) -> list[str]:
    # fmt: off
    arguments = [
        "-i", "in.mol2", "-fi", "mol2", "-o", "out.mol2", "-fo", "mol2",
        "-at", family, "-j", "5", "-nc", str(molecule.charge), "-dr", "no", "-s", "0", "-pf", "y",
    ]
    # fmt: on
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.mol2").write_text(mol2, encoding="utf-8")
        try:
            output = run("antechamber", arguments, folder)
        except InputError as error:
            raise InputError(f"no GAFF atom types for {molecule.name}: {error}") from error
        if not (folder / "out.mol2").is_file():
            raise InputError(f"no GAFF atom types for {molecule.name}: antechamber says: {last_words(output)}")
        written = (folder / "out.mol2").read_text(encoding="utf-8", errors="replace")
        types = [fields[5] for fields in atom_rows(written) or [] if len(fields) > 5]
    if len(types) != len(molecule.numbers):
        raise InputError(f"antechamber typed {len(types)} of the {len(molecule.numbers)} atoms of {molecule.name}.")
    untyped = [atom for atom, kind in enumerate(types) if kind.upper() == "DU"]
    if untyped:
        raise InputError(f"GAFF has no atom type for {molecule.label(untyped[0])} of {molecule.name}.")
    return types


def _run_parmchk2(mol2: str, molecule: Molecule, version: str) -> str:
    arguments = ["-i", "in.mol2", "-f", "mol2", "-o", "out.frcmod", "-s", str(_major(version))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.mol2").write_text(mol2, encoding="utf-8")
        (folder / "gaff.dat").write_bytes(gaff_file(version).read_bytes())
        output = run("parmchk2", [*arguments, "-p", "gaff.dat"], folder)
        if not (folder / "out.frcmod").is_file():
            raise InputError(f"parmchk2 wrote nothing for {molecule.name}: {last_words(output)}")
        return (folder / "out.frcmod").read_text(encoding="utf-8", errors="replace")


def _sentence(remark: str) -> str:
    """parmchk2's remark without its loose brackets and spaces."""
    text = re.sub(r"penalty score=\s*", "penalty score ", remark).replace(" ,", ",").strip()
    text = re.sub(r"\s+-|-\s+", "-", text)
    text = text.removesuffix(")") if text.count(")") > text.count("(") else text
    return text[:1].lower() + text[1:]
