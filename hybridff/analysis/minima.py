"""Minima of a molecule: a conformer search, relaxation by any method, and which minima are one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float, Int
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolAlign
from scipy.spatial.transform import Rotation

from hybridff.analysis.methods import running
from hybridff.document.blocks import Table
from hybridff.document.result import Result
from hybridff.errors import InputError
from hybridff.export.ase_atoms import FORCE_EV, Relaxation, relaxed_positions
from hybridff.export.calculator import MoleculeCalculator
from hybridff.frames.dataset import Frames
from hybridff.molecules.conformers import relax_by_rdkit
from hybridff.molecules.molecule import Molecule
from hybridff.plots.landscape import energies_of_minima
from hybridff.progress import Progress, part, silent
from hybridff.units import ANGSTROM, KCAL_MOL

SAME_ENERGY, SAME_SHAPE = 0.1 * KCAL_MOL, 0.25 * ANGSTROM
"""Two minima are one if their energies [kJ/mol] and positions (RMSD [nm]) differ by less."""
LARGEST_FORCE = 5e-3 * FORCE_EV
"""Largest force on an atom of a relaxed geometry [kJ/mol/nm]."""
_MOST_STEPS = 1000
"""Steps of a relaxation, at most."""
_LONGEST_STEP = 0.01
"""How far an atom moves in a step, at most [nm]."""
_MOST_EXCHANGES = 5000
"""Exchanges of equal atoms that are tried, at most."""
_CARBON, _MANY_EXCHANGES = 6, 10_000
"""Exchanges of hydrogens of the same carbon from which on a comparison of shapes would take a tenth of a second."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """A relaxed geometry."""

    energy: float
    """Energy [kJ/mol], from the zero of its method."""
    positions: Float[np.ndarray, "atoms 3"]
    """Positions of the atoms [nm]."""


@dataclass(frozen=True, eq=False)
class MinimaComparison(Result):
    """Minima by several methods, each relaxed from the geometries of the first."""

    minima: Mapping[str, tuple[Minimum | None, ...]]
    """Minima by the names of methods, all in the order of the first's; None where a relaxation did not end."""
    moved: Mapping[str, tuple[float | None, ...]]
    """RMSD of each from the first method's minimum [nm]."""

    @property
    def known(self) -> list[Minimum]:
        """Minima of the first method."""
        return [own for own in next(iter(self.minima.values())) if own is not None]

    def energies(self, name: str) -> Float[np.ndarray, " minima"]:
        """Energies of a method above its first minimum [kJ/mol]; NaN where there is none."""
        found = np.array([np.nan if own is None else own.energy for own in self.minima[name]])
        return found - found[0]

    def sentences(self) -> list[str]:
        """A line for each minimum: energies above that of the first [kcal/mol], and RMSDs [Å]."""
        found = [" | ".join(["minimum", *(f"{Path(name).name:>16s}" for name in self.minima)])]
        for row in self.table().rows:
            cells = [f"{energy:>8s} ({shape:>4s})" for energy, shape in zip(row[1::2], row[2::2], strict=True)]
            found.append(" | ".join([f"{row[0]:>7s}", *(f"{cell:>16s}" for cell in cells)]))
        return found

    def table(self) -> Table:
        """A row for each minimum: its energy by each method [kcal/mol], and how far it moves [Å]."""
        columns: list[list[str]] = []
        for name, moved in self.moved.items():
            pairs = [
                ("", "") if np.isnan(energy) or away is None else (f"{energy / KCAL_MOL:.2f}", f"{away / ANGSTROM:.2f}")
                for energy, away in zip(self.energies(name), moved, strict=True)
            ]
            columns += [[energy for energy, _ in pairs], [away for _, away in pairs]]
        header = ("minimum", *(title for name in self.minima for title in (f"{name} [kcal/mol]", f"{name} RMSD [Å]")))
        return Table(header, tuple((str(i + 1), *row) for i, row in enumerate(zip(*columns, strict=True))))

    def picture(self) -> bytes:
        """Energies of the minima by each method."""
        return energies_of_minima({name: self.energies(name) for name in self.minima})


def compare_minima(
    molecule: Molecule,
    methods: Mapping[str, BaseCalculator],
    *,
    reference: Mapping[str, Sequence[Minimum]] | None = None,
    window: float = np.inf,
    wanted: int = 100,
    progress: Progress = silent,
) -> MinimaComparison:
    """Relax the same minima with every method.

    They are those of ``reference``, by its name, or what a search with the first method finds up to ``window`` above
    the lowest [kJ/mol], begun with ``wanted`` conformers. Raises ``InputError`` where the search finds none.
    """
    found: dict[str, Sequence[Minimum | None]] = dict(reference or {})
    others = dict(methods)
    if not found:
        first = next(iter(others))
        found[first] = search(molecule, others.pop(first), window, wanted, progress=part(progress, 0.0, 0.5))
    known = [own for own in next(iter(found.values())) if own is not None]
    for number, (name, calculator) in enumerate(others.items()):
        progress(0.5 + number / len(others) / 2, name)
        with running(name):
            found[name] = [relaxed_minimum(molecule, calculator, own.positions) for own in known]
    moved = {
        name: tuple(
            None if here is None else rmsd(molecule, here.positions, own.positions)
            for here, own in zip(minima, known, strict=True)
        )
        for name, minima in found.items()
    }
    return MinimaComparison({name: tuple(own) for name, own in found.items()}, moved)


def minima_of(molecule: Molecule, frames: Frames) -> list[Minimum]:
    """Geometries of a file as minima, lowest first, with equal atoms named as in the molecule."""
    return [
        Minimum(float(frames.energies[i]), matching_chirality(molecule, frames.positions[i]))
        for i in np.argsort(frames.energies, kind="stable")
    ]


def guesses(molecule: Molecule, wanted: int = 100, seed: int = 1, *, charged: bool = True) -> list[Minimum]:
    """Different conformers by distance geometry and MMFF94 (UFF where that has no parameters), lowest first.

    Torsions are not drawn towards those of crystals, so that rare conformers are among them. Equal atoms are named as
    in the molecule's own positions (see ``matching_chirality``). Without ``charged``, MMFF94 goes without its
    electrostatics, which in vacuum draw ions of one molecule together. Raises ``InputError`` where there is none.
    """
    mol = molecule.to_rdkit()
    mol.RemoveAllConformers()
    how: Any = rdDistGeom.ETKDGv3()
    how.randomSeed = seed
    how.useExpTorsionAnglePrefs = how.useBasicKnowledge = how.forceTransAmides = False
    rdDistGeom.EmbedMultipleConfs(mol, wanted, how)
    if not mol.GetNumConformers():
        raise InputError(f"RDKit finds no 3D geometry for {molecule.name}.")
    energies = relax_by_rdkit(mol, 5000, charged=charged)
    found = distinct_minima(
        molecule,
        [
            Minimum(energy, conformer.GetPositions() * ANGSTROM)
            for energy, conformer in zip(energies.tolist(), mol.GetConformers(), strict=True)
        ],
    )
    return [Minimum(own.energy, matching_chirality(molecule, own.positions)) for own in found]


def matching_chirality(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Float[np.ndarray, "atoms 3"]:
    """A geometry [nm] with equal atoms exchanged so that every centre is as handed as in the molecule's own positions.

    Which hydrogen of a methyl group is the first makes no difference to a force field, but kernels tell apart an order
    with the clock from one against it, and dynamics never turn one into the other: of two such geometries, kernels know
    only the one that training frames have.
    """
    return positions[matching_atom_names(molecule, positions)]


def matching_atom_names(molecule: Molecule, positions: Float[np.ndarray, "atoms 3"]) -> Int[np.ndarray, " atoms"]:
    """Which atom of a geometry [nm] comes where in what ``matching_chirality`` makes of it."""
    if molecule.positions is None:
        return np.arange(len(positions))
    exchanges = _exchanges(molecule)
    return exchanges[_turned(molecule, positions[exchanges]).argmin()]


def reached(molecule: Molecule, minima: Float[np.ndarray, "minima atoms 3"]) -> list[Float[np.ndarray, "_ atoms 3"]]:
    """Geometries that dynamics reach and that are each minimum by other names of equal atoms or as mirror image [nm].

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


def relaxed_minimum(
    molecule: Molecule, calculator: BaseCalculator, begin: Float[np.ndarray, "atoms 3"]
) -> Minimum | None:
    """The minimum next to some positions [nm]; None where the search does not end."""
    how = Relaxation(LARGEST_FORCE, _MOST_STEPS, _LONGEST_STEP)
    found = relaxed_positions(molecule.numbers, begin, calculator, how)
    return None if found is None else Minimum(found[1], found[0])


def search(
    molecule: Molecule,
    calculator: BaseCalculator,
    window: float = np.inf,
    wanted: int = 100,
    seed: int = 1,
    *,
    progress: Progress = silent,
) -> list[Minimum]:
    """Different minima of a method up to so much above the lowest [kJ/mol], lowest first.

    The search begins with ``wanted`` conformers. Raises ``InputError`` where no relaxation ends.
    """
    begins, found = guesses(molecule, wanted, seed), []
    for number, guess in enumerate(begins):
        own = relaxed_minimum(molecule, calculator, guess.positions)
        if own is not None:
            found.append(own)
        progress((number + 1) / len(begins))
    if not found:
        raise InputError(f"no relaxation of {molecule.name} ended; is the method made for such molecules?")
    different = distinct_minima(molecule, found)
    return [own for own in different if own.energy - different[0].energy <= window]


def distinct_minima(molecule: Molecule, minima: Sequence[Minimum]) -> list[Minimum]:
    """The different ones, lowest first."""
    found: list[Minimum] = []
    for minimum in sorted(minima, key=lambda minimum: minimum.energy):
        near = (own for own in found if abs(own.energy - minimum.energy) < SAME_ENERGY)
        if not any(rmsd(molecule, minimum.positions, own.positions) < SAME_SHAPE for own in near):
            found.append(minimum)
    return found


def rmsd(molecule: Molecule, one: Float[np.ndarray, "atoms 3"], other: Float[np.ndarray, "atoms 3"]) -> float:
    """Least root mean square distance of atoms, with equal atoms exchanged, also of the mirror image [nm].

    In molecules with very many equal hydrogens, those of carbon are left out: they are where their carbons have them.
    """
    mol = Chem.RWMol(molecule.placed().to_rdkit())
    kept = np.arange(mol.GetNumAtoms())
    hydrogens = [
        [h for h in bonded if molecule.numbers[h] == 1]
        for atom, bonded in enumerate(molecule.neighbours)
        if molecule.numbers[atom] == _CARBON
    ]
    if math.prod(math.factorial(len(own)) for own in hydrogens) > _MANY_EXCHANGES:
        dropped = sorted(h for own in hydrogens for h in own)
        kept = np.delete(kept, dropped)
        for atom in reversed(dropped):
            mol.RemoveAtom(atom)
    probe, reference = Chem.Mol(mol), Chem.Mol(mol)
    reference.GetConformer().SetPositions(np.ascontiguousarray(other[kept] / ANGSTROM))
    found = []
    for sign in (1, -1):
        probe.GetConformer().SetPositions(np.ascontiguousarray(one[kept] * (sign / ANGSTROM)))
        found.append(rdMolAlign.GetBestRMS(probe, reference) * ANGSTROM)
    return min(found)


def nearest_copy(
    molecule: Molecule, positions: Float[np.ndarray, "atoms 3"], other: Float[np.ndarray, "atoms 3"]
) -> Float[np.ndarray, "atoms 3"]:
    """A geometry [nm] laid upon another, with equal atoms exchanged and as its mirror image where that fits better."""
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
    found = None if isinstance(calculator, MoleculeCalculator) else relaxed_minimum(molecule, calculator, positions)
    return positions if found is None else found.positions


def positions_of(molecule: Molecule) -> Float[np.ndarray, "atoms 3"]:
    """Positions of a molecule, or embedded ones [nm]."""
    placed = molecule.placed()
    assert placed.positions is not None
    return placed.positions
