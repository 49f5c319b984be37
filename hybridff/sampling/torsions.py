"""Geometries with torsions driven to angles, one or two at a time, and all else relaxed by any method."""

from collections.abc import Sequence
from itertools import combinations
from math import pi

import numpy as np
from ase.calculators.calculator import BaseCalculator
from jaxtyping import Float

from hybridff.analysis.held_torsions import held_relaxation, relaxed_at
from hybridff.analysis.torsions import Torsion, angles_of, wrapped
from hybridff.molecules.molecule import Molecule
from hybridff.molecules.rotors import find_rotors
from hybridff.progress import Progress, silent

_RECURRENCE = {1: (0.6180339887,), 2: (0.7548776662, 0.5698402910)}
"""Steps of the additive recurrences that fill a line and a square most evenly: powers of the inverse of the root above
one of x² = x + 1, and of x³ = x + 1."""


def driven_torsions(
    molecule: Molecule,
    calculator: BaseCalculator,
    starts: Float[np.ndarray, "starts atoms 3"],
    wanted: int,
    seed: int = 0,
    *,
    progress: Progress = silent,
) -> Float[np.ndarray, "geometries atoms 3"]:
    """Geometries [nm] with torsions about bonds that turn held at angles, all else relaxed; deterministic for a seed.

    Half of them have one torsion driven, the other half two, where there are two; each torsion or pair comes as often,
    with angles that fill the whole turn evenly. Each begins with that of the starts [nm] whose torsions are nearest.
    There are fewer than ``wanted`` where relaxations do not end, and none without bonds that turn.
    """
    found, plans = [], torsion_plans(molecule, wanted, seed)
    for number, (torsions, angles) in enumerate(plans):
        begin = starts[int(np.abs(wrapped(angles_of(starts, torsions) - angles)).max(1).argmin())]
        ended = relaxed_at(molecule, begin, torsions, angles, held_relaxation(molecule, calculator, torsions))
        found += [] if ended is None else [ended[0]]
        progress((number + 1) / len(plans))
    return np.array(found).reshape(-1, *starts.shape[1:])


def torsion_plans(
    molecule: Molecule, wanted: int, seed: int = 0
) -> list[tuple[tuple[Torsion, ...], Float[np.ndarray, " torsions"]]]:
    """Which torsions to drive, and the angles to drive them to [rad]; none without bonds that turn."""
    rotors = find_rotors(molecule)
    singles, pairs = _different(molecule, [(own,) for own in rotors]), _different(molecule, [*combinations(rotors, 2)])
    if not singles:
        return []
    random, plans = np.random.default_rng(seed), []
    n_pairs = wanted // 2 if pairs else 0
    for groups, count in ((singles, wanted - n_pairs), (pairs, n_pairs)):
        for row, place in enumerate(random.permutation(len(groups)).tolist()):
            n_own, group = count // len(groups) + (1 if row < count % len(groups) else 0), groups[place]
            turns = np.array([period(molecule, own) for own in group])
            steps = np.arange(n_own)[:, None] * np.array(_RECURRENCE[len(group)])
            plans += [(group, own) for own in wrapped((random.random(len(group)) + steps) % 1.0 * turns)]
    return plans


def period(molecule: Molecule, torsion: Torsion) -> float:
    """Angle of a turn about the middle bond that makes a torsion what it was, up to equal atoms [rad]."""
    kinds, (_, second, third, _) = molecule.equivalent_atoms(), torsion
    folds = [1]
    for atom, other in ((second, third), (third, second)):
        outer = [n for n in molecule.neighbours[atom] if n != other]
        folds.append(len(outer) if len({int(kinds[n]) for n in outer}) == 1 else 1)
    return 2 * pi / max(folds)


def _different(molecule: Molecule, groups: Sequence[tuple[Torsion, ...]]) -> list[tuple[Torsion, ...]]:
    """Of groups of torsions that are made of equal atoms, the first."""
    kinds, found = molecule.equivalent_atoms(), dict[tuple, tuple[Torsion, ...]]()
    for group in groups:
        chains = [tuple(kinds[list(own)].tolist()) for own in group]
        found.setdefault(tuple(sorted(min(own, own[::-1]) for own in chains)), group)
    return list(found.values())
