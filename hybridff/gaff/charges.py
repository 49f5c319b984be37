"""Partial charges: RESP (``resp.py``), AM1-BCC by AmberTools' ``antechamber`` and ``sqm``, or the user's own.

Calculated charges are kept on disk (``hybridff.cache``) and belong to one geometry: that of the molecule, or where it
has none the one that ``Molecule.with_embedded_positions`` makes. RESP takes the geometry as it is; AM1-BCC relaxes it
first.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rdkit import Chem

from hybridff.cache import cached_json
from hybridff.errors import InputError
from hybridff.gaff import resp
from hybridff.gaff.programs import last_words, run
from hybridff.molecules.mol2 import atom_rows
from hybridff.molecules.molecule import Molecule

METHODS = ("resp", "am1bcc")
"""Names of calculations; anything else is a file."""

AM1BCC_VERSION = 1
"""Changes whenever AM1-BCC charges may; part of the key under which they are kept."""

LARGEST_REMAINDER = 0.01
"""Largest difference between the sum of given charges and the molecule's charge [e] that counts as rounding."""

_RESOLUTION = 1e-5
"""Positions are rounded to this [nm], so that equal molecules are recognised."""


def assign_charges(molecule: Molecule, method: str | Path) -> Float[np.ndarray, " atoms"]:
    """Charges [e] by ``"resp"``, ``"am1bcc"`` or from a file (``read_charges``)."""
    calculations: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
        "resp": (resp.VERSION, resp.resp_charges),
        "am1bcc": (AM1BCC_VERSION, am1bcc_charges),
    }
    if str(method) not in calculations:
        if not Path(method).is_file():
            raise InputError(f"'{method}' is no kind of charges: give resp, am1bcc or the name of a file with charges.")
        return read_charges(method, molecule)
    version, calculate = calculations[str(method)]
    placed = molecule.placed()
    assert placed.positions is not None
    places = np.rint(placed.positions / _RESOLUTION).astype(int)
    key = {
        "charges": str(method),
        "version": version,
        "numbers": molecule.numbers.tolist(),
        "bonds": molecule.bonds.tolist(),
        "bond orders": molecule.bond_orders.tolist(),
        "formal charges": molecule.formal_charges.tolist(),
        "total charge": molecule.charge,
        "positions": places.tolist(),
    }
    return np.array(cached_json(key, lambda: calculate(molecule, places * _RESOLUTION).tolist()))


def am1bcc_charges(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, " atoms"]:
    """AM1-BCC charges [e] of Jakalian, Jack and Bayly, J. Comput. Chem. 23, 1623 (2002), from a geometry [nm].

    The bond orders are the molecule's own; the geometry is relaxed with AM1. Raises ``InputError`` where the programs
    give up and ``MissingProgramError`` where they or their libraries are not installed.
    """
    structure = Chem.MolToMolBlock(replace(molecule, positions=positions).to_rdkit())
    # fmt: off
    arguments = [
        "-i", "in.sdf", "-fi", "sdf", "-o", "out.mol2", "-fo", "mol2", "-c", "bcc", "-nc", str(molecule.charge),
        "-at", "gaff2", "-j", "5", "-dr", "no", "-s", "2", "-pf", "n",
    ]
    # fmt: on
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.sdf").write_text(structure, encoding="utf-8")
        output = run("antechamber", arguments, folder)
        if not (folder / "out.mol2").is_file():
            raise InputError(f"no AM1-BCC charges for {molecule.name}: antechamber says: {last_words(output)}")
        return read_charges(folder / "out.mol2", molecule)


def read_charges(path: str | Path, molecule: Molecule) -> Float[np.ndarray, " atoms"]:
    """Charges [e] from a MOL2 file, or from a text file with one number per line (``#`` starts a comment).

    The sum must be the molecule's charge to within ``LARGEST_REMAINDER``; what is missing (rounding, as in MOL2
    files) is spread evenly over all atoms.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the charges cannot be read ({error}).") from error
    charges = _mol2_charges(text, path, molecule) if path.suffix.lower() == ".mol2" else _listed_charges(text, path)
    count = len(molecule.numbers)
    if len(charges) != count:
        raise InputError(
            f"{path}: there are {len(charges)} charges for the {count} atoms of {molecule.name}; give one for each."
        )
    for atom, charge in enumerate(charges):
        if not np.isfinite(charge):
            raise InputError(f"{path}: the charge of atom {atom + 1} ({molecule.symbols[atom]}) is {charge}.")
    remainder = molecule.charge - float(np.sum(charges))
    if abs(remainder) > LARGEST_REMAINDER:
        raise InputError(
            f"{path}: the charges add up to {molecule.charge - remainder:+.4f} e, but {molecule.name} has a charge of "
            f"{molecule.charge:+d} e; correct the charges or the formal charges of the molecule."
        )
    return np.array(charges) + remainder / count


def _listed_charges(text: str, path: Path) -> list[float]:
    charges = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.split("#")[0].strip()
        if not entry:
            continue
        try:
            charges.append(float(entry))
        except ValueError:
            raise InputError(f"{path}, line {number}: '{entry}' is not a charge; give one number per line.") from None
    return charges


def _mol2_charges(text: str, path: Path, molecule: Molecule) -> list[float]:
    rows = atom_rows(text)
    if rows is None:
        raise InputError(f"{path}: this is not a MOL2 file (it has no @<TRIPOS>ATOM section).")
    charges = []
    for atom, fields in enumerate(rows):
        try:
            kind, charge = fields[5], float(fields[8])
        except (IndexError, ValueError):
            raise InputError(f"{path}: atom {atom + 1} has no charge.") from None
        if atom < len(molecule.symbols) and not kind.lower().startswith(molecule.symbols[atom].lower()):
            raise InputError(
                f"{path}: atom {atom + 1} has the type {kind} but is {molecule.symbols[atom]} in {molecule.name}; "
                "give the charges in the order of the molecule's atoms."
            )
        charges.append(charge)
    return charges
