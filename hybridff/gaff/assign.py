"""GAFF for one molecule: atom types, topology and tables put together as AMBER's ``tleap`` does it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from hybridff.errors import InputError, MissingParameterError
from hybridff.gaff.atomtypes import DEFAULT_VERSION, assign_types, estimate_missing, estimates
from hybridff.gaff.classone import (
    AngleParameters,
    BondParameters,
    ClassOneParameters,
    NonbondedParameters,
    TorsionParameters,
)
from hybridff.gaff.table import FourierTerm, ParameterTable, gaff_table, outer_types
from hybridff.molecules.graph import angle_atoms, bond_counts, torsion_atoms
from hybridff.molecules.molecule import Molecule

COULOMB_14 = 1 / 1.2
"""AMBER's factor on Coulomb energies of 1-4 pairs (SCEE)."""

LENNARD_JONES_14 = 0.5
"""AMBER's factor on Lennard-Jones energies of 1-4 pairs (SCNB)."""

_FILLER_SIGMA = 1.0
"""Distance of a pair without LJ energy [nm]; the value of ``NonbondedForce.createExceptionsFromBonds``."""

Atoms = tuple[int, ...]
Found = TypeVar("Found")


def gaff_parameters(
    molecule: Molecule, charges: Float[np.ndarray, " atoms"], version: str = DEFAULT_VERSION
) -> ClassOneParameters:
    """Assign GAFF to a molecule with given charges [e].

    Raises ``InputError`` where the molecule has no GAFF types and ``MissingParameterError`` where parameters lack.
    """
    if charges.shape != molecule.numbers.shape or not np.all(np.isfinite(charges)):
        raise InputError(f"the charges of {molecule.name} must be {len(molecule.numbers)} finite numbers.")
    types = assign_types(molecule, version)
    missing = estimate_missing(molecule, types, version)
    table = replace(gaff_table(version).merged(missing), name=f"{version} (with parmchk2's estimates)")
    return replace(
        class_one(molecule, types, table, charges),
        source=f"{version} (antechamber, parmchk2, tables of openmmforcefields)",
        estimated=estimates(missing),
    )


def class_one(
    molecule: Molecule, types: Sequence[str], table: ParameterTable, charges: Float[np.ndarray, " atoms"]
) -> ClassOneParameters:
    """Look up every interaction of a molecule whose atom types are known."""
    lookup = _Lookup(molecule, tuple(types), table)
    return ClassOneParameters(
        types=tuple(types),
        bonds=lookup.bonds(),
        angles=lookup.angles(),
        torsions=lookup.torsions(),
        nonbonded=lookup.nonbonded(charges),
        source=table.name,
    )


def list_impropers(neighbours: Sequence[Sequence[int]]) -> list[Atoms]:
    """Each choice of three neighbours of an atom, the central atom third."""
    return [(i, j, c, k) for c, bonded in enumerate(neighbours) for i, j, k in combinations(bonded, 3)]


class _Lookup:
    """The tables' rows for one molecule."""

    def __init__(self, molecule: Molecule, types: tuple[str, ...], table: ParameterTable) -> None:
        self.molecule, self.types, self.table = molecule, types, table

    def bonds(self) -> BondParameters:
        atoms = [tuple(pair) for pair in self.molecule.bonds.tolist()]
        rows = [self._found("bond", pair, self.table.bond(self._types(pair))) for pair in atoms]
        return BondParameters(_indices(atoms, 2), _floats([row.r0 for row in rows]), _floats([row.k for row in rows]))

    def angles(self) -> AngleParameters:
        atoms = angle_atoms(self.molecule)
        rows = [self._found("angle", triple, self.table.angle(self._types(triple))) for triple in atoms]
        return AngleParameters(
            _indices(atoms, 3), _floats([row.theta0 for row in rows]), _floats([row.k for row in rows])
        )

    def torsions(self) -> TorsionParameters:
        proper = [(chain, term) for chain in torsion_atoms(self.molecule) for term in self._fourier(chain)]
        rows = proper + self._impropers()
        return TorsionParameters(
            _indices([atoms for atoms, _ in rows], 4),
            np.array([term.periodicity for _, term in rows], dtype=int),
            _floats([term.phase for _, term in rows]),
            _floats([term.k for _, term in rows]),
            np.arange(len(rows)) >= len(proper),
        )

    def nonbonded(self, charges: Float[np.ndarray, " atoms"]) -> NonbondedParameters:
        rows = [
            self._found("Lennard-Jones", (atom,), self.table.lennard_jones.get(kind))
            for atom, kind in enumerate(self.types)
        ]
        sigma, epsilon = _floats([row.sigma for row in rows]), _floats([row.epsilon for row in rows])
        excluded, pairs14 = special_pairs(self.molecule)
        pairs = _indices([*excluded, *pairs14], 2)
        i, j = pairs.T
        scaled = np.arange(len(pairs)) >= len(excluded)
        return NonbondedParameters(
            charge=charges.astype(np.float64),
            sigma=sigma,
            epsilon=epsilon,
            exceptions=pairs,
            exception_charge_product=np.where(scaled, charges[i] * charges[j] * COULOMB_14, 0.0),
            exception_sigma=np.where(scaled, (sigma[i] + sigma[j]) / 2, _FILLER_SIGMA),
            exception_epsilon=np.where(scaled, np.sqrt(epsilon[i] * epsilon[j]) * LENNARD_JONES_14, 0.0),
        )

    def _fourier(self, chain: Atoms) -> tuple[FourierTerm, ...]:
        return self._found("torsion", chain, self.table.torsion(self._types(chain)))

    def _impropers(self) -> list[tuple[Atoms, FourierTerm]]:
        """The impropers that have parameters, in tleap's order of atoms: the central one third.

        The outer atoms are sorted by type, then by number. But the first improper that uses a row of the table has them
        in the order of the row, because tleap sorts a row only when it keeps it for the next use; GAFF has some
        rows, ``ca-ca-ca-c3`` for one, that are not sorted.
        """
        found: list[tuple[Atoms, FourierTerm]] = []
        used: set[tuple[str, ...]] = set()
        for i, j, centre, k in list_impropers(self.molecule.neighbours):
            row = self.table.improper(self._types((i, j, k)), self.types[centre])
            if row is None:
                continue
            order = sorted(outer_types(row.types)) if row.types in used else list(outer_types(row.types))
            used.add(row.types)
            first, second, fourth = self._in_order((i, j, k), order)
            found.append(((first, second, centre, fourth), row.term))
        return found

    def _in_order(self, outer: Atoms, types: Sequence[str]) -> Atoms:
        """Sort atoms by the places of their types, then by number; types that only a wildcard matches come first."""
        return tuple(sorted(outer, key=lambda atom: (_place(types, self.types[atom]), self.types[atom], atom)))

    def _types(self, atoms: Atoms) -> tuple[str, ...]:
        return tuple(self.types[atom] for atom in atoms)

    def _found(self, kind: str, atoms: Atoms, row: Found | None) -> Found:
        if row is None:
            raise MissingParameterError(
                f"{self.table.name} has no {kind} parameters for the types {'-'.join(self._types(atoms))} "
                f"(atoms {', '.join(map(self.molecule.label, atoms))} of {self.molecule.name}); add a row for them, "
                "or start from your own AMBER prmtop or OpenMM System."
            )
        return row


def _place(types: Sequence[str], kind: str) -> int:
    return types.index(kind) if kind in types else -1


def special_pairs(molecule: Molecule) -> tuple[list[Atoms], list[Atoms]]:
    """Pairs one or two bonds apart, and pairs exactly three bonds apart; each pair once, ascending."""
    apart = np.triu(bond_counts(molecule))
    near, far = np.argwhere((apart == 1) | (apart == 2)), np.argwhere(apart == 3)
    return [tuple(pair) for pair in near.tolist()], [tuple(pair) for pair in far.tolist()]


def _indices(atoms: Sequence[Atoms], width: int) -> np.ndarray:
    return np.array(atoms, dtype=int).reshape(-1, width)


def _floats(values: Sequence[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)
