"""Types that GAFF takes by turns along conjugated systems, so that which of two an atom has depends on the molecule.

Atoms of one type are joined by single bonds there, those of two by double bonds (J. Wang et al., J. Comput. Chem. 25,
1157 (2004)). GAFF has somewhat other parameters for cc-ss than for cd-ss, though nothing tells them apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from hybridff.gaff.classone import ClassOneParameters, TorsionParameters
from hybridff.gaff.table import FourierTerm, Types, canonical, gaff_table

Found = TypeVar("Found")
_PAIRS = {"cc": "cd", "ce": "cf", "cg": "ch", "cp": "cq", "nc": "nd", "ne": "nf", "pc": "pd", "pe": "pf"}
_TWINS = _PAIRS | {other: one for one, other in _PAIRS.items()}


def turned(types: Sequence[str]) -> Types:
    """The types of some atoms of a conjugated system where it begins with the other of two."""
    return tuple(_TWINS.get(word, word) for word in types)


def alike_both_ways(start: ClassOneParameters, version: str) -> ClassOneParameters:
    """Stock parameters of a version of GAFF with bonds, angles and torsions that are the same for twins.

    Of the two ways to name the types of a row, that has its parameters which comes first in the alphabet, where GAFF's
    table has both; those that it has not, which were estimated, stay.
    """
    table, types = gaff_table(version), start.types

    def found(look: Callable[[Types], Found | None], atoms: Sequence[int]) -> Found | None:
        own = tuple(types[atom] for atom in atoms)
        other = turned(own)
        if own == other:
            return None
        ways = sorted((canonical(own), canonical(other)))
        return next((row for row in map(look, ways) if row is not None), None)

    bonds = [found(table.bond, atoms) for atoms in start.bonds.atoms.tolist()]
    angles = [found(table.angle, atoms) for atoms in start.angles.atoms.tolist()]
    return replace(
        start,
        bonds=replace(
            start.bonds,
            r0=_with(start.bonds.r0, [None if row is None else row.r0 for row in bonds]),
            k=_with(start.bonds.k, [None if row is None else row.k for row in bonds]),
        ),
        angles=replace(
            start.angles,
            theta0=_with(start.angles.theta0, [None if row is None else row.theta0 for row in angles]),
            k=_with(start.angles.k, [None if row is None else row.k for row in angles]),
        ),
        torsions=_torsions(start.torsions, lambda atoms: found(table.torsion, atoms)),
    )


def _with(own: np.ndarray, others: Sequence[float | None]) -> np.ndarray:
    """Some numbers in place of which others stand where there are any."""
    return np.array([one if other is None else other for one, other in zip(own.tolist(), others, strict=True)])


def _torsions(
    own: TorsionParameters, found: Callable[[Sequence[int]], tuple[FourierTerm, ...] | None]
) -> TorsionParameters:
    """Torsions with other terms where there are any; impropers stay."""
    rows: dict[tuple[tuple[int, ...], bool], list[FourierTerm]] = {}
    columns = (own.atoms.tolist(), own.improper.tolist(), own.periodicity.tolist(), own.phase.tolist(), own.k.tolist())
    for atoms, improper, n, phase, k in zip(*columns, strict=True):
        rows.setdefault((tuple(atoms), improper), []).append(FourierTerm(n, phase, k))
    terms = [
        (atoms, improper, term)
        for (atoms, improper), stock in rows.items()
        for term in ((None if improper else found(atoms)) or stock)
    ]
    return TorsionParameters(
        atoms=np.array([atoms for atoms, _, _ in terms], dtype=int).reshape(-1, 4),
        periodicity=np.array([term.periodicity for _, _, term in terms], dtype=int),
        phase=np.array([term.phase for _, _, term in terms], dtype=float),
        k=np.array([term.k for _, _, term in terms], dtype=float),
        improper=np.array([improper for _, improper, _ in terms], dtype=bool),
    )
