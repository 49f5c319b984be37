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
    bonds = _bonds(system)
    _check_bonds(molecule, bonds)
    return ClassOneParameters(
        types=types,
        bonds=bonds,
        angles=_angles(system),
        torsions=_torsions(system, molecule),
        nonbonded=_nonbonded(system),
        source="an OpenMM System",
    )


def class_one_from_prmtop(path: str | Path) -> ClassOneParameters:
    """Parameters, atom types and impropers of an AMBER prmtop of one molecule."""
    prmtop = load_prmtop(path)
    try:
        system = prmtop.createSystem(constraints=None, rigidWater=False, removeCMMotion=False)
    except Exception as error:
        raise InputError(f"{path}: OpenMM cannot make a System of this prmtop ({error}).") from error
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


def _bonds(system: openmm.System) -> BondParameters:
    rows = _rows(system, openmm.HarmonicBondForce, "getNumBonds", "getBondParameters", 4)
    return BondParameters(atoms=rows[:, :2].astype(int), r0=rows[:, 2], k=rows[:, 3])


def _angles(system: openmm.System) -> AngleParameters:
    rows = _rows(system, openmm.HarmonicAngleForce, "getNumAngles", "getAngleParameters", 5)
    return AngleParameters(atoms=rows[:, :3].astype(int), theta0=rows[:, 3], k=rows[:, 4])


def _torsions(system: openmm.System, molecule: Molecule) -> TorsionParameters:
    rows = _rows(system, openmm.PeriodicTorsionForce, "getNumTorsions", "getTorsionParameters", 7)
    atoms = rows[:, :4].astype(int)
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


def _nonbonded(system: openmm.System) -> NonbondedParameters:
    (force,) = _forces(system, openmm.NonbondedForce)
    if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
        raise InputError(
            "the System's NonbondedForce has parameter offsets (an alchemical System); create it without them."
        )
    particles = _rows(system, openmm.NonbondedForce, "getNumParticles", "getParticleParameters", 3)
    exceptions = _rows(system, openmm.NonbondedForce, "getNumExceptions", "getExceptionParameters", 5)
    return NonbondedParameters(
        charge=particles[:, 0],
        sigma=particles[:, 1],
        epsilon=particles[:, 2],
        exceptions=exceptions[:, :2].astype(int),
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


def _marked_impropers(prmtop: app.AmberPrmtopFile) -> set[tuple[int, ...]]:
    """Atoms of the torsions that the prmtop marks as impropers by a negative last index."""
    found = set()
    for section in ("DIHEDRALS_INC_HYDROGEN", "DIHEDRALS_WITHOUT_HYDROGEN"):
        raw = prmtop._prmtop._raw_data[section]  # noqa: SLF001 (no public way to them)
        pointers = np.array([int(value) for value in raw]).reshape(-1, 5)
        for row in pointers[pointers[:, 3] < 0]:
            found.add(tuple((np.abs(row[:4]) // 3).tolist()))
    return found
