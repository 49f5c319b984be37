"""Conformers that no label shows: their minima by the current fit, and frames of dynamics around them.

A minimum alone tells an energy at one place, and the fit's own may be at another; frames around it alone miss the
minimum. So there are both, and once more after a fit to them.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hybridff.analysis.minima import Minimum, distinct_minima
from hybridff.fitting.conformers import find_unseen_conformers
from hybridff.fitting.relaxation import relaxation_of
from hybridff.frames.checks import with_bonds
from hybridff.making.learning import Learnt
from hybridff.making.rounds import Chosen
from hybridff.making.sampling import TEMPERATURE, dynamics_of
from hybridff.making.start import Start
from hybridff.units import KCAL_MOL

_WINDOW = 15 * KCAL_MOL
"""Energy of a conformer above that of the lowest labelled one, at most [kJ/mol]."""
FIRST, SECOND = 3, 2
"""Labels of a conformer in the first round and in the second: a minimum, and frames around it."""
_MINIMUM = "a conformer without labels"


def first_look(
    start: Start, learnt: Learnt, known: Float[np.ndarray, "known atoms 3"], budget: int, seed: int
) -> Chosen | None:
    """The lowest conformers at angles that no ``known`` geometry [nm] is near, as many as the budget has labels for.

    None where there is no such conformer within 15 kcal/mol of the lowest labelled one.
    """
    minima = _minima(start, learnt, known, None)
    return _with_surroundings(learnt, minima, max(1, budget // (FIRST + SECOND)), FIRST, seed)


def second_look(
    start: Start, learnt: Learnt, known: Float[np.ndarray, "known atoms 3"], first: Chosen, seed: int
) -> Chosen | None:
    """Where a fit to the labels of the first look has the minima of the same conformers; None where it has none.

    ``known`` are the geometries [nm] before that.
    """
    begins = [one for one, origin in zip(first.positions, first.origins, strict=True) if origin.startswith(_MINIMUM)]
    minima = _minima(start, learnt, known, np.array(begins))
    return _with_surroundings(learnt, minima, len(begins), SECOND, seed)


def _minima(
    start: Start,
    learnt: Learnt,
    known: Float[np.ndarray, "known atoms 3"],
    begins: Float[np.ndarray, "begins atoms 3"] | None,
) -> list[tuple[float, Float[np.ndarray, "atoms 3"]]]:
    """Minima of a fit at angles that no known geometry is near, each once, with energies above the known ones'.

    They are relaxed from geometries [nm], or from what the start makes of all such conformers.
    """
    unseen = find_unseen_conformers(start.force_field, known)
    begins = unseen.conformers if begins is None else begins
    if not unseen.rotors or not len(begins) or not len(unseen.references):
        return []
    relaxation = relaxation_of(learnt.force_field, list(unseen.rotors), "compiled")

    def relaxed(geometries: Float[np.ndarray, "some atoms 3"]) -> list[tuple[Float[np.ndarray, "atoms 3"], float]]:
        ended = [relaxation.free(one) for one in geometries]
        return [own for own in ended if np.isfinite(own[1]) and len(with_bonds(start.molecule, own[0][None]))]

    zero = min((energy for _, energy in relaxed(unseen.references)), default=np.inf)
    found = [
        Minimum(energy - zero, positions)
        for positions, energy in relaxed(begins)
        if energy - zero < _WINDOW and any(unseen.unseen_rotors(positions))
    ]
    return [(own.energy, own.positions) for own in distinct_minima(start.molecule, found)]


def _with_surroundings(
    learnt: Learnt, minima: Sequence[tuple[float, Float[np.ndarray, "atoms 3"]]], wanted: int, each: int, seed: int
) -> Chosen | None:
    """Minima, the lowest first, each with frames of dynamics at 300 K that begin there."""
    positions: list[Float[np.ndarray, "atoms 3"]] = []
    origins: list[str] = []
    for number, (energy, minimum) in enumerate(minima[:wanted]):
        around = dynamics_of(learnt.force_field, minimum[None], each - 1, TEMPERATURE, seed + number)
        positions += [minimum, *around]
        above = f"{energy / KCAL_MOL:.1f} kcal/mol above the lowest labelled one"
        origins += [f"{_MINIMUM}, {above}", *["dynamics at 300 K from it"] * len(around)]
    if not positions:
        return None
    frames = np.array(positions)
    predicted, none = learnt.posterior.deviations(learnt.force_field, frames)[1], np.full(len(frames), np.nan)
    reason = "minima of the fit at angles of torsions that no label is near, and frames around them"
    return Chosen(frames, tuple(origins), reason, predicted, none, len(minima))
