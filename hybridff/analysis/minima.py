"""Minima of a molecule: a conformer search, relaxation by any method, and which minima are one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from jaxtyping import Float, Int
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolAlign
from scipy.spatial.transform import Rotation

from hybridff.errors import InputError
from hybridff.export.calculator import MoleculeCalculator, energy_of
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, KCAL_MOL

SAME_ENERGY, SAME_SHAPE = 0.1, 0.25
"""Two minima are one if their energies [kcal/mol] and positions (RMSD [Å]) differ by less."""
LARGEST_FORCE = 5e-3
"""Of a relaxed geometry [eV/Å]."""
_MOST_STEPS = 1000
_MOST_EXCHANGES = 5000
"""Of equal atoms that are tried."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """A relaxed geometry."""

    energy: float
    """[kcal/mol]"""
    positions: Float[np.ndarray, "atoms 3"]
    """[Å]"""


def guesses(molecule: Molecule, wanted: int = 100, seed: int = 1) -> list[Minimum]:
    """Different conformers by distance geometry and MMFF94 (UFF where that has no parameters), lowest first.

    Torsions are not drawn towards those of crystals, so that rare conformers are among them. Equal atoms are named as
    in the molecule's own positions (see ``handed_alike``). Raises ``InputError`` where there is none.
    """
    mol = molecule.to_rdkit()
    mol.RemoveAllConformers()
    how: Any = rdDistGeom.ETKDGv3()
    how.randomSeed = seed
    how.useExpTorsionAnglePrefs = how.useBasicKnowledge = how.forceTransAmides = False
    rdDistGeom.EmbedMultipleConfs(mol, wanted, how)
    if not mol.GetNumConformers():
        raise InputError(f"RDKit finds no 3D geometry for {molecule.name}.")
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        relaxed = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, maxIters=5000)
    else:
        relaxed = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=5000)
    found = unlike(
        molecule,
        [Minimum(e, c.GetPositions()) for (_, e), c in zip(relaxed, mol.GetConformers(), strict=True)],
    )
    return [Minimum(own.energy, handed_alike(molecule, own.positions)) for own in found]


def handed_alike(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """A geometry [Å] with equal atoms exchanged so that every centre is as handed as in the molecule's own positions.

    Which hydrogen of a methyl group is the first makes no difference to a force field, but kernels tell apart an order
    with the clock from one against it, and dynamics never turn one into the other: of two such geometries, kernels know
    only the one that training frames have.
    """
    return positions[naming_alike(molecule, positions)]


def naming_alike(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Int[np.ndarray, " atoms"]:
    """Which atom of a geometry [Å] comes where in what ``handed_alike`` makes of it."""
    if molecule.positions is None:
        return np.arange(len(positions))
    exchanges = _exchanges(molecule)
    return exchanges[_turned(molecule, positions[exchanges]).argmin()]


def reached(molecule: Molecule, minima: Float[np.ndarray, "minima atoms 3"]) -> list[Float[np.ndarray, "_ atoms 3"]]:
    """Of each minimum [Å], what differs from it by the names of equal atoms or as a mirror image, and dynamics reach.

    Dynamics begin at the molecule's positions and turn no centre's hand over: a chiral molecule does not become its
    mirror image, and of a minimum of another stereoisomer there is nothing here.
    """
    exchanges = _exchanges(molecule)
    copies = [np.concatenate([own[exchanges], -own[exchanges]]) for own in minima]
    if molecule.positions is None:
        return copies
    turned = [_turned(molecule, own) for own in copies]
    fewest = min(own.min() for own in turned)
    return [own[wrong == fewest] for own, wrong in zip(copies, turned, strict=True)]


def _exchanges(molecule: Molecule) -> Int[np.ndarray, "exchanges atoms"]:
    """Which atom stands for which where equal ones are exchanged."""
    mol = molecule.to_rdkit()
    found = mol.GetSubstructMatches(mol, uniquify=False, maxMatches=_MOST_EXCHANGES)
    return np.array(found or [range(len(molecule.numbers))])


def _turned(molecule: Molecule, copies: Float[np.ndarray, "copies atoms 3"]) -> Int[np.ndarray, " copies"]:
    """How many centres with four neighbours have another hand than in the molecule's positions."""
    assert molecule.positions is not None
    centres = [(atom, own[:3]) for atom, own in enumerate(molecule.neighbours) if len(own) == 4]
    if not centres:
        return np.zeros(len(copies), dtype=int)
    middles, ends = np.array([atom for atom, _ in centres]), np.array([own for _, own in centres])

    def hands(x: Float[np.ndarray, "_ atoms 3"]) -> Float[np.ndarray, "_ centres"]:
        return np.sign(np.linalg.det(x[:, ends] - x[:, middles, None]))

    return (hands(copies) != hands(molecule.positions[None])).sum(1)


def relaxed(molecule: Molecule, calculator: BaseCalculator, begin: Float[np.ndarray, "atoms 3"]) -> Minimum | None:
    """The minimum next to some positions [Å]; None where the search does not end."""
    atoms = ase.Atoms(molecule.numbers, begin, calculator=calculator)
    if not BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=LARGEST_FORCE, steps=_MOST_STEPS):
        return None
    return Minimum(energy_of(atoms) / KCAL_MOL, atoms.positions.copy())


def search(
    molecule: Molecule,
    calculator: BaseCalculator,
    window: float = np.inf,
    wanted: int = 100,
    seed: int = 1,
    progress: Callable[[float], None] | None = None,
) -> list[Minimum]:
    """Different minima of a method up to so much above the lowest [kcal/mol], lowest first.

    Raises ``InputError`` where no relaxation ends.
    """
    begins, found = guesses(molecule, wanted, seed), []
    for number, guess in enumerate(begins):
        own = relaxed(molecule, calculator, guess.positions)
        if own is not None:
            found.append(own)
        if progress is not None:
            progress((number + 1) / len(begins))
    if not found:
        raise InputError(f"no relaxation of {molecule.name} ended; is the method made for such molecules?")
    different = unlike(molecule, found)
    return [own for own in different if own.energy - different[0].energy <= window]


def unlike(molecule: Molecule, minima: Sequence[Minimum]) -> list[Minimum]:
    """The different ones, lowest first."""
    found: list[Minimum] = []
    for minimum in sorted(minima, key=lambda minimum: minimum.energy):
        near = (own for own in found if abs(own.energy - minimum.energy) < SAME_ENERGY)
        if not any(rmsd(molecule, minimum.positions, own.positions) < SAME_SHAPE for own in near):
            found.append(minimum)
    return found


def rmsd(molecule: Molecule, one: Float[np.ndarray, "atoms 3"], other: Float[np.ndarray, "atoms 3"]) -> float:
    """Least root mean square distance of atoms, with equal atoms exchanged, also of the mirror image [Å]."""
    molecule = molecule.placed()
    probe, reference = (Chem.Mol(molecule.to_rdkit()) for _ in range(2))
    reference.GetConformer().SetPositions(np.ascontiguousarray(other))
    found = []
    for sign in (1, -1):
        probe.GetConformer().SetPositions(np.ascontiguousarray(one * sign))
        found.append(rdMolAlign.GetBestRMS(probe, reference))
    return min(found)


def nearest_copy(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], other: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """A geometry [Å] laid upon another, with equal atoms exchanged and as its mirror image where that fits better."""
    target = other - other.mean(0)
    found = []
    for exchange in _exchanges(molecule):
        for sign in (1, -1):
            copy = sign * positions[exchange]
            rotation, distance = Rotation.align_vectors(target, copy - copy.mean(0))
            found.append((distance, rotation.apply(copy - copy.mean(0)) + other.mean(0)))
    return min(found, key=lambda pair: pair[0])[1]


def start_of(calculator: BaseCalculator, molecule: Molecule) -> Float[np.ndarray, "atoms 3"]:
    """Where dynamics begin [nm]: the method's minimum next to the molecule's positions.

    OpenMM relaxes force fields itself. For other methods its first step is too long: quantum chemistry fails there.
    """
    positions = positions_of(molecule)
    found = None if isinstance(calculator, MoleculeCalculator) else relaxed(molecule, calculator, positions)
    return (positions if found is None else found.positions) * ANGSTROM


def positions_of(molecule: Molecule) -> Float[np.ndarray, "atoms 3"]:
    """Those of a molecule, or embedded ones [Å]."""
    placed = molecule.placed()
    assert placed.positions is not None
    return placed.positions / ANGSTROM
