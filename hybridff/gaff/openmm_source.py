"""Class I parameters of the user's own, from an AMBER prmtop or an OpenMM ``System`` of one molecule."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from jaxtyping import Bool
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.foreign import reading
from hybridff.gaff.charges import check_sizes
from hybridff.gaff.classone import (
    AngleParameters,
    BondParameters,
    ClassOneParameters,
    NonbondedParameters,
    TorsionParameters,
)
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.openmm_files import load_prmtop

_NOT_ENERGY = (
    openmm.CMMotionRemover,
    openmm.AndersenThermostat,
    openmm.MonteCarloBarostat,
    openmm.MonteCarloAnisotropicBarostat,
    openmm.MonteCarloFlexibleBarostat,
    openmm.MonteCarloMembraneBarostat,
)
_CLASS_ONE = (openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce, openmm.NonbondedForce)


def class_one_from_openmm(system: openmm.System, topology: app.Topology) -> ClassOneParameters:
    """Parameters of a ``System`` of one molecule, made with ``constraints=None``.

    Torsions whose consecutive atoms are all bonded are propers, the others impropers; the order of their atoms stays.
    In three-membered rings an improper can pass for a proper, which has the same energy.
    The types are symmetry classes (``C1``, ``C2``, ...), as a ``System`` has none.
    """
    molecule = Molecule.from_openmm(topology, "the molecule of the System")
    _refuse_unsupported(system, molecule)
    classes = molecule.equivalent_atoms()
    types = tuple(f"{symbol}{label + 1}" for symbol, label in zip(molecule.symbols, classes.tolist(), strict=True))
    bonds = _bonds(system, molecule)
    _check_bonds(molecule, bonds)
    found = ClassOneParameters(
        types=types,
        bonds=bonds,
        angles=_angles(system, molecule),
        torsions=_torsions(system, molecule),
        nonbonded=_nonbonded(system, molecule),
        source="an OpenMM System",
    )
    check_class_one(molecule, found)
    return found


def class_one_from_prmtop(path: str | Path) -> ClassOneParameters:
    """Parameters, atom types and impropers of an AMBER prmtop of one molecule."""
    prmtop = load_prmtop(path)
    with reading(path, "an AMBER prmtop file", "make it again by tleap"):
        system = prmtop.createSystem(constraints=None, rigidWater=False, removeCMMotion=False)
    if any(isinstance(force, openmm.CustomNonbondedForce) for force in system.getForces()):
        raise InputError(
            f"{path}: its Lennard-Jones pairs do not follow the Lorentz-Berthelot rule (geometric, NBFIX or 12-6-4 "
            "pairs), which is not supported; make it with a force field of AMBER's own rule."
        )
    found = class_one_from_openmm(system, prmtop.topology)
    torsions = found.torsions
    impropers = _marked_impropers(prmtop)
    improper = np.array([tuple(atoms) in impropers for atoms in torsions.atoms.tolist()], dtype=bool)
    return ClassOneParameters(
        types=tuple(prmtop._prmtop.getAtomTypes()),  # noqa: SLF001 (no public way to them)
        bonds=found.bonds,
        angles=found.angles,
        torsions=TorsionParameters(torsions.atoms, torsions.periodicity, torsions.phase, torsions.k, improper),
        nonbonded=found.nonbonded,
        source=f"the AMBER prmtop {Path(path).name}",
    )


def _refuse_unsupported(system: openmm.System, molecule: Molecule) -> None:
    atoms = system.getNumParticles()
    if atoms != len(molecule.numbers):
        raise InputError(f"the System has {atoms} particles but its topology {len(molecule.numbers)} atoms.")
    for atom in range(atoms):
        if system.isVirtualSite(atom):
            raise InputError(f"atom {molecule.label(atom)} of the System is a virtual site, which is not supported.")
    if system.getNumConstraints():
        i, j, _ = system.getConstraintParameters(0)
        raise InputError(
            f"the System holds {system.getNumConstraints()} constraints (the first on {molecule.label(i)}-"
            f"{molecule.label(j)}) in place of bonds; create it with constraints=None and rigidWater=False."
        )
    for force in system.getForces():
        if not isinstance(force, _CLASS_ONE + _NOT_ENERGY):
            raise InputError(
                f"the System has a {type(force).__name__} ('{force.getName()}'), which is no class I term; create it "
                "without (no implicit solvent, CMAP, restraints or custom forces)."
            )
    count = len(_forces(system, openmm.NonbondedForce))
    if count != 1:
        raise InputError(f"the System has {count} NonbondedForce objects; exactly one is needed.")


def _forces(system: openmm.System, kind: type) -> list[Any]:
    return [force for force in system.getForces() if isinstance(force, kind)]


def _plain(values: Iterable[Any]) -> list[Any]:
    """Values without units, in OpenMM's."""
    return [value.value_in_unit_system(unit.md_unit_system) if unit.is_quantity(value) else value for value in values]


def _rows(system: openmm.System, kind: type, count: str, get: str, width: int) -> np.ndarray:
    """One row of atoms and parameters for each term of all forces of a kind."""
    rows = [
        _plain(getattr(force, get)(term)) for force in _forces(system, kind) for term in range(getattr(force, count)())
    ]
    return np.array(rows, dtype=float).reshape(-1, width)


def _atoms(rows: np.ndarray, molecule: Molecule) -> np.ndarray:
    """Indices of atoms, all of them the molecule's."""
    if rows.size and not (rows.min() >= 0 and rows.max() < len(molecule.numbers)):
        raise InputError(
            f"a term of the System is of atom {int(rows.max()) + 1}, of {len(molecule.numbers)} atoms of its topology."
        )
    return rows.astype(int)


def _bonds(system: openmm.System, molecule: Molecule) -> BondParameters:
    rows = _rows(system, openmm.HarmonicBondForce, "getNumBonds", "getBondParameters", 4)
    return BondParameters(atoms=_atoms(rows[:, :2], molecule), r0=rows[:, 2], k=rows[:, 3])


def _angles(system: openmm.System, molecule: Molecule) -> AngleParameters:
    rows = _rows(system, openmm.HarmonicAngleForce, "getNumAngles", "getAngleParameters", 5)
    return AngleParameters(atoms=_atoms(rows[:, :3], molecule), theta0=rows[:, 3], k=rows[:, 4])


def _torsions(system: openmm.System, molecule: Molecule) -> TorsionParameters:
    rows = _rows(system, openmm.PeriodicTorsionForce, "getNumTorsions", "getTorsionParameters", 7)
    atoms = _atoms(rows[:, :4], molecule)
    return TorsionParameters(
        atoms=atoms,
        periodicity=rows[:, 4].astype(int),
        phase=rows[:, 5],
        k=rows[:, 6],
        improper=_not_chains(atoms, molecule),
    )


def _not_chains(atoms: np.ndarray, molecule: Molecule) -> Bool[np.ndarray, " torsions"]:
    chains = [all(b in molecule.neighbours[a] for a, b in itertools.pairwise(row)) for row in atoms.tolist()]
    return ~np.array(chains, dtype=bool).reshape(-1)


def _nonbonded(system: openmm.System, molecule: Molecule) -> NonbondedParameters:
    (force,) = _forces(system, openmm.NonbondedForce)
    if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
        raise InputError(
            "the System's NonbondedForce has parameter offsets (an alchemical System); create it without them."
        )
    particles = _rows(system, openmm.NonbondedForce, "getNumParticles", "getParticleParameters", 3)
    if len(particles) != len(molecule.numbers):
        raise InputError(f"the NonbondedForce has {len(particles)} particles, the System {len(molecule.numbers)}.")
    exceptions = _rows(system, openmm.NonbondedForce, "getNumExceptions", "getExceptionParameters", 5)
    return NonbondedParameters(
        charge=particles[:, 0],
        sigma=particles[:, 1],
        epsilon=particles[:, 2],
        exceptions=_atoms(exceptions[:, :2], molecule),
        exception_charge_product=exceptions[:, 2],
        exception_sigma=exceptions[:, 3],
        exception_epsilon=exceptions[:, 4],
    )


def _check_bonds(molecule: Molecule, bonds: BondParameters) -> None:
    """Harmonic bonds and the topology's bonds must be the same pairs."""
    wanted = {tuple(sorted(pair)) for pair in molecule.bonds.tolist()}
    given = {tuple(sorted(pair)) for pair in bonds.atoms.tolist()}
    for i, j in sorted(given - wanted):
        raise InputError(
            f"the System has a harmonic bond {molecule.label(i)}-{molecule.label(j)} that the topology has not (a "
            "Urey-Bradley term or a restraint), which is not supported."
        )
    for i, j in sorted(wanted - given):
        raise InputError(
            f"the System has no harmonic bond for {molecule.label(i)}-{molecule.label(j)} of its topology; create it "
            "with constraints=None and rigidWater=False."
        )


def check_class_one(molecule: Molecule, found: ClassOneParameters) -> None:
    """Raise ``InputError`` for parameters that no force field has: they come from a damaged file."""
    nonbonded, label = found.nonbonded, molecule.label
    tables = {
        "length of a bond": (found.bonds.atoms, found.bonds.r0, 0.0, 1.0),
        "force constant of a bond": (found.bonds.atoms, found.bonds.k, 0.0, 1e8),
        "value of an angle": (found.angles.atoms, found.angles.theta0, 0.0, 2 * np.pi),
        "force constant of an angle": (found.angles.atoms, found.angles.k, 0.0, 1e8),
        "barrier of a torsion": (found.torsions.atoms, found.torsions.k, -1e4, 1e4),
        "phase of a torsion": (found.torsions.atoms, found.torsions.phase, -100.0, 100.0),
        "periodicity of a torsion": (found.torsions.atoms, found.torsions.periodicity, 0, 20),
        "Lennard-Jones distance": (np.arange(len(nonbonded.sigma))[:, None], nonbonded.sigma, 0.0, 10.0),
        "Lennard-Jones depth": (np.arange(len(nonbonded.epsilon))[:, None], nonbonded.epsilon, 0.0, 1e4),
        "Lennard-Jones distance of a pair": (nonbonded.exceptions, nonbonded.exception_sigma, 0.0, 10.0),
        "Lennard-Jones depth of a pair": (nonbonded.exceptions, nonbonded.exception_epsilon, 0.0, 1e4),
        "product of the charges of a pair": (nonbonded.exceptions, nonbonded.exception_charge_product, -100.0, 100.0),
    }
    for what, (atoms, values, lowest, highest) in tables.items():
        wrong = np.flatnonzero(~((values >= lowest) & (values <= highest)))  # NaN is neither
        if len(wrong):
            names = "-".join(label(atom) for atom in atoms[wrong[0]].tolist())
            raise InputError(f"the {what} of {names} is {values[wrong[0]]:.6g} [nm, kJ/mol, rad], which cannot be.")
    if not np.isfinite(nonbonded.charge).all():
        raise InputError("a charge is not a finite number.")
    check_sizes(nonbonded.charge, molecule.symbols, "the starting force field")


def _marked_impropers(prmtop: app.AmberPrmtopFile) -> set[tuple[int, ...]]:
    """Atoms of the torsions that the prmtop marks as impropers by a negative last index."""
    found = set()
    for section in ("DIHEDRALS_INC_HYDROGEN", "DIHEDRALS_WITHOUT_HYDROGEN"):
        raw = prmtop._prmtop._raw_data[section]  # noqa: SLF001 (no public way to them)
        pointers = np.array([int(value) for value in raw]).reshape(-1, 5)
        for row in pointers[pointers[:, 3] < 0]:
            found.add(tuple((np.abs(row[:4]) // 3).tolist()))
    return found
