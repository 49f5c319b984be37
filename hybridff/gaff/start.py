"""The starting force field of a molecule: stock GAFF, or parameters that the user brings."""

from dataclasses import dataclass
from pathlib import Path

from openmm import app

from hybridff.errors import InputError
from hybridff.gaff.assign import gaff_parameters
from hybridff.gaff.atomtypes import DEFAULT_VERSION, assign_types
from hybridff.gaff.charges import METHODS, assign_charges, made_by
from hybridff.gaff.classone import ClassOneParameters
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.openmm_source import class_one_from_openmm, class_one_from_prmtop
from hybridff.gaff.programs import find_program
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.openmm_files import read_structure, read_system

DEFAULT_CHARGES = "resp"
_CHARGE_ROUNDING = 0.05
"""Charges of a starting force field may add up to the molecule's charge give or take this [e]."""
PRMTOP_SUFFIXES = (".prmtop", ".parm7")


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """Where the starting parameters come from."""

    gaff: str = DEFAULT_VERSION
    """Version of GAFF."""

    charges: str = DEFAULT_CHARGES
    """Partial charges: resp (HF/6-31G*), am1bcc, am1bcc-unrelaxed, abcg2, nagl, or a file with one charge per line or a
    MOL2."""

    start: Path | None = None
    """Your own starting force field: an AMBER prmtop, or an OpenMM System as XML (with ``topology``)."""

    topology: Path | None = None
    """PDB or PDBx/mmCIF file with the atoms and bonds of the System."""

    bonds_from: str | None = None
    """SMILES that gives bond orders and charges to a molecule whose file is a PDB, with all its hydrogens."""

    def __post_init__(self) -> None:
        if self.topology is not None and (self.start is None or self.start.suffix.lower() != ".xml"):
            raise InputError("option topology belongs to an OpenMM System .xml as start; leave it out.")
        if self.start is not None and (self.gaff, self.charges) != (DEFAULT_VERSION, DEFAULT_CHARGES):
            raise InputError(f"{self.start} brings its own parameters; leave the options gaff and charges out.")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the parameters come from."""
        charges = None if self.charges in METHODS else Path(self.charges)
        return tuple(path for path in (charges, self.start, self.topology) if path is not None and path.is_file())


def starting_parameters(molecule: Molecule, options: StartOptions) -> ClassOneParameters:
    """GAFF with the charges asked for, or the parameters of ``options.start``, for the atoms of ``molecule``.

    Raises ``InputError`` where the user's own force field is of another molecule or in another order of atoms.
    """
    if options.start is None:
        assign_types(molecule, options.gaff)  # kept on disk; what it refuses is refused before the slow charges
        return gaff_parameters(molecule, assign_charges(molecule, options.charges), options.gaff)
    path = options.start
    if not path.is_file():
        raise InputError(f"there is no file {path}, which is to be the starting force field.")
    if path.suffix.lower() in PRMTOP_SUFFIXES:
        owner, parameters = Molecule.from_prmtop(path), class_one_from_prmtop(path)
    elif path.suffix.lower() == ".xml":
        topology = _read_topology(options.topology, path)
        owner, system = Molecule.from_openmm(topology, path.stem), read_system(path)
        try:
            parameters = class_one_from_openmm(system, topology)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    else:
        raise InputError(f"the starting force field {path} has to be an AMBER .prmtop or an OpenMM System .xml.")
    _check_same_molecule(molecule, owner, path)
    total = float(parameters.nonbonded.charge.sum())
    if abs(total - molecule.charge) > _CHARGE_ROUNDING:
        raise InputError(
            f"{path}: its charges add up to {total:+.3f} e, but {molecule.name} has a charge of {molecule.charge:+d} "
            "e; give the force field of the same molecule, or its own formal charges."
        )
    return parameters


def programs_of(options: StartOptions) -> dict[str, dict[str, str]]:
    """What made atom types, missing parameters and charges, by name: the package it is ``from``, and its ``sha256``.

    Nothing for a start of the user's own. Raises ``MissingProgramError`` where a program is not installed any more.
    """
    if options.start is not None:
        return {}
    own = {name: find_program(name).identity() for name in ("antechamber", "parmchk2")}
    return own | (made_by(options.charges) if options.charges in METHODS else {})


def stock_of(model: ForceField, version: str = DEFAULT_VERSION) -> ForceField:
    """Stock GAFF with the charges of a model: what its fit started from, unless that was a force field of the user's.

    Raises ``InputError`` and ``MissingParameterError`` as ``gaff_parameters`` does.
    """
    return ForceField.build(model.molecule, gaff_parameters(model.molecule, model.nonbonded.charge, version))


def _read_topology(path: Path | None, system: Path) -> app.Topology:
    if path is None:
        raise InputError(f"the System {system} has no names or bonds of atoms: give them with --topology FILE.pdb.")
    return read_structure(path).topology


def _check_same_molecule(molecule: Molecule, owner: Molecule, path: Path) -> None:
    if len(molecule.numbers) != len(owner.numbers):
        raise InputError(
            f"{path} has {len(owner.numbers)} atoms, the molecule has {len(molecule.numbers)}; give that of the same "
            "molecule."
        )
    for i, (ours, theirs) in enumerate(zip(molecule.symbols, owner.symbols, strict=True), start=1):
        if ours != theirs:
            raise InputError(f"atom {i} is {ours} in the molecule but {theirs} in {path}: give both in the same order.")
    bonds, others = ({frozenset(bond) for bond in m.bonds.tolist()} for m in (molecule, owner))
    if bonds != others:
        i, j = sorted(sorted(pair) for pair in bonds ^ others)[0]
        raise InputError(
            f"{molecule.label(i)} and {molecule.label(j)} are bonded in the molecule or in {path}, but not in both: "
            "give both in the same order of atoms."
        )
