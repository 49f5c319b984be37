"""Partial charges: RESP (``resp.py``), AM1-BCC and ABCG2 by AmberTools, a network (``nagl.py``), or the user's own.

Calculated charges are kept on disk (``hybridff.cache``) and belong to one geometry: that of the molecule, or where it
has none the one that ``Molecule.with_embedded_positions`` makes. RESP takes the geometry as it is; AM1-BCC and ABCG2
relax it first; the network looks at bonds alone.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rdkit import Chem

from hybridff.cache import cached_json
from hybridff.errors import InputError, MissingProgramError
from hybridff.foreign import read_text
from hybridff.gaff import nagl, resp
from hybridff.gaff.programs import WHEEL, find_program, last_words, run
from hybridff.molecules.mol2 import atom_rows, elements_and_bonds, mol2_records
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.structure import changed_bond
from hybridff.units import ANGSTROM

METHODS = ("resp", "am1bcc", "am1bcc-unrelaxed", "abcg2", "nagl")
"""Names of calculations; anything else is a file."""

CORRECTIONS = {"am1bcc": "bcc", "am1bcc-unrelaxed": "bcc", "abcg2": "abcg2"}
"""Charges by AM1 and bond charge corrections, and what ``antechamber -c`` calls them."""

SQM_KEYWORDS = "qm_theory='AM1', grms_tol=0.0005, scfconv=1.d-10, ndiis_attempts=700, diag_routine=1, pseudo_diag=1"
"""antechamber's own keywords for sqm, and which routine diagonalises. Left alone, sqm times its routines and takes the
fastest, another one on a busy machine; without pseudo-diagonalisation its relaxations may end after a step."""

AM1_VERSION = 3
"""Changes whenever charges by AM1 may; part of the key under which they are kept."""

LARGEST_REMAINDER = 0.01
"""Largest difference between the sum of given charges and the molecule's charge [e] that counts as rounding."""

LARGEST, LARGEST_OF_HYDROGEN = 3.0, 1.1
"""Largest charge of an atom, and of a hydrogen [e]; RESP gives up to 1.5 (phosphorus, sulfur), and 0.5 to hydrogen."""

AMBER_UNIT = 18.2223
"""Charges in AMBER's files over those in e."""

_RESOLUTION = 1e-5
"""Positions are rounded to this [nm], so that equal molecules are recognised."""


def assign_charges(molecule: Molecule, method: str | Path) -> Float[np.ndarray, " atoms"]:
    """Charges [e] by one of ``METHODS`` or from a file (``read_charges``).

    Raises ``InputError`` for anything else, and what the method raises.
    """
    name = str(method)
    if name not in METHODS:
        if not Path(method).is_file():
            raise InputError(
                f"'{method}' is no kind of charges: give {', '.join(METHODS)} or the name of a file with charges."
            )
        return read_charges(method, molecule)
    calculations: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
        "resp": (resp.VERSION, resp.resp_charges),
        "am1bcc": (AM1_VERSION, am1bcc_charges),
        "am1bcc-unrelaxed": (AM1_VERSION, partial(am1bcc_charges, relaxed=False)),
        "abcg2": (AM1_VERSION, abcg2_charges),
        "nagl": (nagl.VERSION, nagl.nagl_charges),
    }
    version, calculate = calculations[name]
    placed = molecule.placed()
    assert placed.positions is not None
    places = np.rint(placed.positions / _RESOLUTION).astype(int)
    key = {
        "charges": name,
        "version": version,
        "by": made_by(name),
        "numbers": molecule.numbers.tolist(),
        "bonds": molecule.bonds.tolist(),
        "bond orders": molecule.bond_orders.tolist(),
        "formal charges": molecule.formal_charges.tolist(),
        "total charge": molecule.charge,
        "positions": places.tolist(),
    }
    charges = np.array(cached_json(key, lambda: calculate(molecule, places * _RESOLUTION).tolist()))
    check_sizes(charges, molecule.symbols, f"the {method} charges of {molecule.name}")
    return charges


def check_sizes(charges: Float[np.ndarray, " atoms"], symbols: Sequence[str], where: str) -> None:
    """Raise ``InputError``, which begins with ``where``, for a charge [e] that no atom in a molecule has."""
    over = np.abs(charges) / np.array([LARGEST_OF_HYDROGEN if symbol == "H" else LARGEST for symbol in symbols])
    atom = int(over.argmax()) if len(over) else 0
    if not len(over) or over[atom] <= 1:
        return
    text = f"{where}: the charge of atom {atom + 1} ({symbols[atom]}) is {charges[atom]:+.2f} e, which cannot be"
    if 0.02 * AMBER_UNIT < np.abs(charges).max() < 2 * AMBER_UNIT:
        text += f"; are these AMBER's units, as in a prmtop? Then divide all of them by {AMBER_UNIT}"
    raise InputError(f"{text}.")


def made_by(method: str) -> dict[str, dict[str, str]]:
    """What makes charges of a kind, apart from hybridff and PySCF: programs or a network, with version and SHA-256.

    Raises ``MissingProgramError`` where it is not installed.
    """
    if method in CORRECTIONS:
        return {name: find_program(name).identity() for name in ("antechamber", "sqm")}
    return nagl.identity() if method == "nagl" else {}


def am1bcc_charges(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], *, relaxed: bool = True
) -> Float[np.ndarray, " atoms"]:
    """AM1-BCC charges [e] of Jakalian, Jack and Bayly, J. Comput. Chem. 23, 1623 (2002), from a geometry [nm].

    The bond orders are the molecule's own; the geometry is relaxed with AM1, or ``relaxed`` not. Raises ``InputError``
    where the programs give up or AM1 makes another molecule of it, as it moves protons of zwitterions, and
    ``MissingProgramError`` where they or their libraries are not installed.
    """
    return _corrected_am1(molecule, positions, "am1bcc" if relaxed else "am1bcc-unrelaxed")


def abcg2_charges(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, " atoms"]:
    """ABCG2 charges [e] of He, Man, Yang, Lee and Wang, J. Chem. Phys. 153, 114502 (2020), from a geometry [nm].

    AM1 charges with corrections that were fitted to hydration free energies with GAFF2 in TIP3P water. Raises as
    ``am1bcc_charges``, and ``MissingProgramError`` where AmberTools is older than these charges.
    """
    return _corrected_am1(molecule, positions, "abcg2")


def _corrected_am1(molecule: Molecule, positions: np.ndarray, method: str) -> np.ndarray:
    relaxed = method != "am1bcc-unrelaxed"
    structure = Chem.MolToMolBlock(replace(molecule, positions=positions).to_rdkit())
    # fmt: off
    arguments = [
        "-i", "in.sdf", "-fi", "sdf", "-o", "out.mol2", "-fo", "mol2", "-c", CORRECTIONS[method],
        "-nc", str(molecule.charge), "-at", "gaff2", "-j", "5", "-dr", "no", "-s", "2", "-pf", "n",
        "-ek", SQM_KEYWORDS if relaxed else f"{SQM_KEYWORDS}, maxcyc=0",
    ]
    # fmt: on
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.sdf").write_text(structure, encoding="utf-8")
        try:
            output = run("antechamber", arguments, folder)
        except InputError as error:
            if "Unknown charge method" not in str(error):
                raise
            raise MissingProgramError(
                f"this antechamber ({find_program('antechamber').identity()['from']}) has no {method} charges; install "
                f"a newer AmberTools with: pip install {WHEEL}, or choose other charges."
            ) from error
        if not (folder / "out.mol2").is_file():
            raise InputError(f"no {method} charges for {molecule.name}: antechamber says: {last_words(output)}")
        if relaxed:
            _check_relaxed(molecule, folder / "sqm.pdb")
        return read_charges(folder / "out.mol2", molecule)


def _check_relaxed(molecule: Molecule, path: Path) -> None:
    """Raise ``InputError`` where ``sqm`` has relaxed the molecule to another one."""
    try:
        rows = [line for line in read_text(path).splitlines() if line.startswith(("ATOM", "HETATM"))]
        positions = np.array([[float(row[k : k + 8]) for k in (30, 38, 46)] for row in rows]) * ANGSTROM
    except (OSError, ValueError):
        positions = np.empty((0, 3))
    if positions.shape != (len(molecule.numbers), 3):
        raise InputError(f"no AM1 charges for {molecule.name}: sqm left no relaxed geometry of it to look at.")
    labels = [molecule.label(atom) for atom in range(len(molecule.numbers))]
    changed = changed_bond(molecule.numbers, molecule.bonds, positions, labels)
    if changed:
        raise InputError(
            f"AM1 relaxes {molecule.name} to another molecule ({changed}), whose charges these would be; take "
            "--charges am1bcc-unrelaxed or resp, which leave the geometry as it is."
        )


def read_charges(path: str | Path, molecule: Molecule) -> Float[np.ndarray, " atoms"]:
    """Charges [e] from a MOL2 file, or from a text file with one number per line (``#`` starts a comment).

    The sum must be the molecule's charge to within ``LARGEST_REMAINDER``; what is missing (rounding, as in MOL2
    files) is spread evenly over all atoms.
    """
    path = Path(path)
    text = read_text(path, any_encoding=True)
    charges = _mol2_charges(text, path, molecule) if path.suffix.lower() == ".mol2" else _listed_charges(text, path)
    count = len(molecule.numbers)
    if len(charges) != count:
        raise InputError(
            f"{path}: there are {len(charges)} charges for the {count} atoms of {molecule.name}; give one for each."
        )
    for atom, charge in enumerate(charges):
        if not np.isfinite(charge):
            raise InputError(f"{path}: the charge of atom {atom + 1} ({molecule.symbols[atom]}) is {charge}.")
    check_sizes(np.array(charges), molecule.symbols, str(path))
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
    if len(mol2_records(text)) > 1:
        raise InputError(f"{path}: the file holds {len(mol2_records(text))} molecules; give a file with one.")
    if rows is None:
        raise InputError(f"{path}: this is not a MOL2 file (it has no @<TRIPOS>ATOM section).")
    charges = []
    for atom, fields in enumerate(rows):
        try:
            charge = float(fields[8])
        except (IndexError, ValueError):
            raise InputError(f"{path}: atom {atom + 1} has no charge.") from None
        charges.append(charge)
    numbers, bonds = elements_and_bonds(text, str(path))
    for atom, (number, own) in enumerate(zip(numbers, molecule.numbers.tolist(), strict=False)):
        if number != own:
            raise InputError(
                f"{path}: atom {atom + 1} has the type {rows[atom][5]} but is {molecule.symbols[atom]} in "
                f"{molecule.name}; give the charges in the order of the molecule's atoms."
            )
    others = bonds - {frozenset(bond) for bond in molecule.bonds.tolist()}
    if others and len(numbers) == len(molecule.numbers):
        i, j = min(sorted(pair) for pair in others)
        raise InputError(
            f"{path}: {molecule.label(i)} and {molecule.label(j)} are bonded in it but not in "
            f"{molecule.name}; give the charges in the order of the molecule's atoms."
        )
    return charges
