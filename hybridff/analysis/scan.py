"""Energies along torsions: relaxed and rigid scans of one or two of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import ase
import numpy as np
import openmm
from ase.calculators.calculator import BaseCalculator
from ase.constraints import FixInternals
from ase.optimize import BFGS
from jaxtyping import Float

from hybridff.analysis.trajectories import system_of
from hybridff.errors import InputError
from hybridff.export.calculator import MoleculeCalculator, energy_of
from hybridff.export.context import BIAS_GROUP, minimise, new_context
from hybridff.molecules.graph import far_side
from hybridff.molecules.molecule import Molecule
from hybridff.units import ANGSTROM, DEGREE, KCAL_MOL

LARGEST_FORCE = 2e-3
"""Of a relaxed geometry, along what may relax [eV/Å]."""
_MOST_STEPS = 500
_FARTHEST = 30.0
"""Turn of a torsion at once, before what is in the way can relax [degrees]."""
_HOLD = 2e5
"""Of torsions that OpenMM relaxes the rest of [kJ/mol]."""
_TOLERANCE = 1.0
"""Of the force there [kJ/mol/nm]."""
Torsion = tuple[int, int, int, int]
Turn = list[tuple[Torsion, float]]
"""Torsions and their angles [degrees]."""
Relaxation = Callable[[ase.Atoms, Turn], float | None]
"""Moves atoms whose torsions are held, and gives their energy [kcal/mol]; None where there is no end to it."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Energies and geometries on a grid of one or two torsions."""

    angles: tuple[Float[np.ndarray, " _"], ...]
    """Of each torsion [degrees]."""
    energies: Float[np.ndarray, "*grid"]
    """Above the lowest [kcal/mol]; NaN where no relaxation ended."""
    positions: Float[np.ndarray, "*grid atoms 3"]
    """[Å]"""

    def difference(self, other: "Scan") -> Float[np.ndarray, "*grid"]:
        """Energies less those of another scan, without the mean of that [kcal/mol]."""
        off = self.energies - other.energies
        return off - np.nanmean(off)

    def deviation(self, other: "Scan") -> tuple[float, float]:
        """Mean and largest absolute difference of energies from another scan's, each less its mean [kcal/mol]."""
        off = np.abs(self.difference(other))
        return float(np.nanmean(off)), float(np.nanmax(off))


def parse_torsion(text: str, molecule: Molecule) -> Torsion:
    """Atoms of "3,1,2,9", counted from 1, as counted from 0.

    Raises ``InputError`` for what are no four atoms bonded in a chain, and where the middle bond is in a ring.
    """
    try:
        atoms = tuple(int(part) - 1 for part in text.split(","))
    except ValueError:
        atoms = ()
    n = len(molecule.numbers)
    if len(atoms) != 4 or len(set(atoms)) != 4 or not all(0 <= atom < n for atom in atoms):
        raise InputError(f"{text} is no torsion of {molecule.name}: give four numbers of atoms from 1 to {n}.")
    i, j, k, m = atoms
    bonds = {frozenset(bond) for bond in molecule.bonds.tolist()}
    if not all(frozenset(pair) in bonds for pair in ((i, j), (j, k), (k, m))):
        raise InputError(
            f"the atoms {', '.join(molecule.label(atom) for atom in atoms)} are not bonded in a chain; give a torsion."
        )
    if j in far_side(molecule, j, k):
        raise InputError(f"the bond {molecule.label(j)}-{molecule.label(k)} is in a ring, which cannot be turned.")
    return i, j, k, m


def on_grid(
    positions: Float[np.ndarray, "frames atoms 3"],
    energies: Float[np.ndarray, " frames"],
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    name: str,
) -> Scan:
    """The scan that geometries [Å] with energies [kcal/mol] are, each at the point of the grid [degrees] next to it.

    Raises ``InputError`` where a geometry is at none, by more than a degree, or two are at the same.
    """
    shape = tuple(map(len, angles))
    found, places = np.full(shape, np.nan), np.zeros((*shape, *positions.shape[1:]))
    for number, frame in enumerate(positions):
        atoms = ase.Atoms(np.ones(len(frame)), frame)
        place = []
        for torsion, own in zip(torsions, angles, strict=True):
            off = np.abs((own - atoms.get_dihedral(*torsion) + 180) % 360 - 180)
            if off.min() > 1:
                raise InputError(
                    f"{name}: frame {number + 1} has the angle {atoms.get_dihedral(*torsion):.1f}°, where the scan has "
                    "no point; take the geometries that --structures writes, and the same --every."
                )
            place.append(int(off.argmin()))
        if np.isfinite(found[tuple(place)]):
            raise InputError(f"{name}: frame {number + 1} is at a point of the scan that another frame has already.")
        found[tuple(place)], places[tuple(place)] = energies[number], frame
    return Scan(tuple(angles), found - np.nanmin(found), places)


def scan(
    atoms: ase.Atoms,
    calculator: BaseCalculator,
    molecule: Molecule,
    torsions: Sequence[Torsion],
    angles: Sequence[Float[np.ndarray, " _"]],
    *,
    rigid: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Scan:
    """Turn torsions to all combinations of their angles [degrees], all else relaxed, or with ``rigid`` as it is.

    A relaxation begins at its neighbour's end, and every row once from either side: the lower energy counts.
    """
    shape = tuple(map(len, angles))
    energies = np.full(shape, np.inf)
    positions = np.zeros((*shape, len(atoms), 3))
    places = list(product(*(range(n) for n in shape)))
    sweeps = [places] if rigid else [_serpentine(places, shape), _serpentine(places, shape)[::-1]]
    relax = None if rigid else _relaxation(calculator, molecule, torsions)
    done = 0
    for sweep in sweeps:
        last = atoms.copy()
        for place in sweep:
            wanted = [float(own[i]) for own, i in zip(angles, place, strict=True)]
            if relax is None:
                found = _turned(atoms, molecule, list(zip(torsions, wanted, strict=True)))
                energy: float | None = _energy(found, calculator)
            else:
                found, energy = _relaxed(last, molecule, torsions, wanted, relax)
            done += 1
            if progress is not None:
                progress(done / (len(sweeps) * len(places)))
            if energy is None:
                continue
            last = found
            if energy < energies[place]:
                energies[place], positions[place] = energy, found.positions
    energies[~np.isfinite(energies)] = np.nan
    if np.isnan(energies).all():
        raise InputError("no relaxation of the scan ended; begin with another geometry, or scan with --rigid.")
    return Scan(tuple(angles), energies - np.nanmin(energies), positions)


def _serpentine(places: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Places of a grid so that each is the neighbour of the last."""
    if len(shape) == 1:
        return list(places)
    return sorted(places, key=lambda place: (place[0], place[1] if place[0] % 2 == 0 else -place[1]))


def _relaxation(calculator: BaseCalculator, molecule: Molecule, torsions: Sequence[Torsion]) -> Relaxation:
    if isinstance(calculator, MoleculeCalculator) and hasattr(openmm, "PythonForce"):
        return _ByOpenMM(calculator, molecule, torsions)
    return _ByASE(calculator)


def _relaxed(
    begin: ase.Atoms, molecule: Molecule, torsions: Sequence[Torsion], wanted: Sequence[float], relax: Relaxation
) -> tuple[ase.Atoms, float | None]:
    """At some angles, with the energy [kcal/mol], which is None where a relaxation on the way does not end."""
    found, energy = begin.copy(), None
    for turn in _steps(begin, torsions, wanted):
        found = _turned(found, molecule, turn)
        energy = relax(found, turn)
        if energy is None:
            break
    return found, energy


def _energy(atoms: ase.Atoms, calculator: BaseCalculator) -> float:
    atoms.calc = calculator
    return energy_of(atoms) / KCAL_MOL


def _steps(atoms: ase.Atoms, torsions: Sequence[Torsion], wanted: Sequence[float]) -> list[Turn]:
    """Ways to some angles, none further than what is in the way can relax after."""
    ways = [
        (angle - atoms.get_dihedral(*torsion) + 180) % 360 - 180
        for torsion, angle in zip(torsions, wanted, strict=True)
    ]
    n_steps = max(1, int(np.ceil(max(map(abs, ways)) / _FARTHEST)))
    return [
        [(torsion, angle - way * left / n_steps) for torsion, angle, way in zip(torsions, wanted, ways, strict=True)]
        for left in reversed(range(n_steps))
    ]


def _turned(atoms: ase.Atoms, molecule: Molecule, turn: Turn) -> ase.Atoms:
    """With torsions at some angles, all else as it is."""
    found = atoms.copy()
    for torsion, angle in turn:
        found.set_dihedral(*torsion, angle, indices=far_side(molecule, *torsion[1:3]))
    return found


class _ByOpenMM:
    """Relaxes by OpenMM's minimiser with a stiff force on the torsions: some hundred times as fast as by ASE.

    The torsion gives way by δ, some thousandths of a degree; the energy is put back by δ times the force's torque.
    """

    def __init__(self, calculator: BaseCalculator, molecule: Molecule, torsions: Sequence[Torsion]) -> None:
        self._hold = openmm.CustomTorsionForce(f"{_HOLD}*(1-cos(theta-theta0))")
        self._hold.addPerTorsionParameter("theta0")
        self._hold.setForceGroup(BIAS_GROUP)
        for torsion in torsions:
            self._hold.addTorsion(*torsion, [0.0])
        system = system_of(calculator, molecule)
        system.addForce(self._hold)
        self._context = new_context(system, openmm.VerletIntegrator(0.001))

    def __call__(self, atoms: ase.Atoms, turn: Turn) -> float | None:
        """Moves the atoms and gives their energy [kcal/mol]; None where there is none."""
        for row, (torsion, angle) in enumerate(turn):
            self._hold.setTorsionParameters(row, *torsion, [angle * DEGREE])
        self._hold.updateParametersInContext(self._context)
        self._context.setPositions(atoms.positions * ANGSTROM)
        positions, energy = minimise(self._context, _TOLERANCE, _MOST_STEPS)
        if not np.isfinite(energy):
            return None
        atoms.positions = positions / ANGSTROM
        off = [(atoms.get_dihedral(*torsion) - angle + 180) % 360 - 180 for torsion, angle in turn]
        return float(energy + _HOLD * sum((own * DEGREE) ** 2 for own in off)) / KCAL_MOL


class _ByASE:
    """Relaxes by ASE, with the torsions held exactly: for methods that OpenMM's long first steps are too much for."""

    def __init__(self, calculator: BaseCalculator) -> None:
        self._calculator = calculator

    def __call__(self, atoms: ase.Atoms, turn: Turn) -> float | None:
        """Moves the atoms and gives their energy [kcal/mol]; None where the relaxation does not end."""
        own = atoms.copy()
        own.calc = self._calculator
        held = [[angle, list(torsion)] for torsion, angle in turn]
        own.set_constraint(FixInternals(dihedrals_deg=held, epsilon=1e-6))
        try:
            if not BFGS(own, logfile=None, maxstep=0.1).run(fmax=LARGEST_FORCE, steps=_MOST_STEPS):
                return None
        except (ValueError, ZeroDivisionError):  # of ASE, where the angles can no longer be held
            return None
        atoms.positions = own.positions
        return energy_of(own) / KCAL_MOL
