"""Are forces minus the gradient of the energies, and in the units they are said to be in?

Two numbers tell, neither of which needs a force field:

- the **stiffness** of the bonds to hydrogen: the force along such a bond changes with its length by a constant that
  is much the same for all molecules and levels of theory. Its ratio to that constant is the scale (and the sign) of
  the forces, from as few as five frames.
- the **work** of the forces: a sum of functions of atom pairs, linear in its coefficients, is fitted to the forces
  alone and so integrates them. The slope of the energies against it is the scale of the energies over the forces.

Both are compared with what every slip of units would give, as if they scattered by 15 % around the right value (the
stiffness by 35 % from less than 30 frames, or without C-H bonds), and the best explanation is named; "all is well"
needs the least evidence. On twelve public sets of six molecules, 50 random frames each, right data gave stiffness
ratios of 0.80 to 1.19 and slopes of 0.82 to 1.20; the smallest slip, bohr for Å, is a factor of 1.89.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from hybridff.frames.dataset import Frames
from hybridff.frames.file_units import FileUnits
from hybridff.units import ANGSTROM, ENERGIES, FORCE_KCAL, LENGTHS

STIFFNESS: Final = {6: 700.0, 7: 950.0, 8: 1080.0}
"""Force constants of bonds from C, N and O to H [kcal/mol/Å²]: harmonic frequencies near 3000, 3450 and 3700 1/cm."""

MIN_FRAMES_STIFFNESS: Final = 5
MIN_FRAMES_WORK: Final = 40
_MIN_CORRELATION = 0.6
_UNRELATED: Final = 0.3
"""Correlation of energies and work below which they are of different frames."""
_SPREAD = 0.15
_WIDE_SPREAD = 0.35
_FEW_FRAMES = 30
_ONE_SLIP = 4.0
_TWO_SLIPS = 6.0
_RARE_UNIT = 6.0
_MAX_ROWS = 8000
_MAX_PAIRS = 200
_RIDGE = 1e-3
_NAMES = {"nm": "nm", "angstrom": "Å", "bohr": "bohr", "kj/mol": "kJ/mol", "kcal/mol": "kcal/mol", "ev": "eV"} | {
    "hartree": "Hartree"
}


@dataclass(frozen=True)
class Slip:
    """One explanation: factors by which energies and forces are too large, and what it costs to believe it."""

    energy: float
    force: float
    cost: float
    text: str


@dataclass(frozen=True)
class Consistency:
    """Scale of the forces, of the energies against them, and the likely reason where one is off."""

    force_scale: float | None
    """Forces as read over plausible forces; negative for gradients; None where it cannot be judged."""
    energy_slope: float | None
    """Energies over the work of the forces; None where it cannot be judged."""
    correlation: float | None
    """Correlation of the energies with the work of the forces."""
    problem: str | None
    """What is wrong, and what to do; None where nothing is."""
    note: str
    """What was found, or why it cannot be judged."""


def check_consistency(frames: Frames) -> Consistency:
    """Compare forces with energies of frames that all have the same bonds; ``frames.forces`` must not be None."""
    scale, has_ch = force_scale(frames)
    pair = _with_work(frames)
    slope, correlation = (None, None) if pair is None else _slope(*pair)
    spread = _SPREAD if has_ch and len(frames) >= _FEW_FRAMES else _WIDE_SPREAD
    problem = _explain(scale, slope, spread, slips(frames.file_units, len(frames.numbers)))
    if problem is None and pair is not None and scale is not None:
        problem = _unrelated(*pair)
    return Consistency(scale, slope, correlation, problem, _note(scale, slope, len(frames)))


def _note(scale: float | None, slope: float | None, count: int) -> str:
    number = f"{count} frame{'s' if count != 1 else ''}"
    if scale is None and slope is None:
        return f"whether units and signs are right cannot be judged from {number} like these"
    if slope is None:
        return f"force scale {scale:.2f} (near 1 where right); the energies cannot be judged from {number} like these"
    work = f"energies against the work of the forces {slope:.2f}"
    if scale is None:
        return f"{work} (near 1 where units and signs are right)"
    return f"force scale {scale:.2f} and {work} (both are near 1 where units and signs are right)"


def force_scale(frames: Frames) -> tuple[float | None, bool]:
    """Median stiffness of the bonds to hydrogen over the expected one, and whether there are C-H bonds."""
    numbers = frames.numbers
    heavy, hydrogens = np.flatnonzero(np.isin(numbers, list(STIFFNESS))), np.flatnonzero(numbers == 1)
    if len(frames) < MIN_FRAMES_STIFFNESS or not len(heavy) or not len(hydrogens):
        return None, False
    parents = _nearest(frames, hydrogens, heavy)
    has_ch = bool(np.any(numbers[parents] == 6))
    if has_ch:
        hydrogens, parents = hydrogens[numbers[parents] == 6], parents[numbers[parents] == 6]
    pairs = zip(hydrogens.tolist(), parents.tolist(), strict=True)
    scales = [_stiffness(frames, h, p) / STIFFNESS[int(numbers[p])] for h, p in pairs]
    scales = [scale for scale in scales if math.isfinite(scale)]
    return (float(np.median(scales)), has_ch) if scales else (None, has_ch)


def energy_slope(frames: Frames) -> tuple[float | None, float | None]:
    """Slope of the energies against the work of the forces (geometric mean of both regressions), and correlation."""
    pair = _with_work(frames)
    return (None, None) if pair is None else _slope(*pair)


def _with_work(frames: Frames) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]] | None:
    """Energies of some frames, and the work of the forces there; None where there are too few, or nothing varies."""
    count = min(len(frames), max(MIN_FRAMES_WORK, _MAX_ROWS // (3 * len(frames.numbers))))
    if count < MIN_FRAMES_WORK or len(frames.numbers) < 2:
        return None
    sample = frames.subset(np.sort(np.random.default_rng(0).permutation(len(frames))[:count]))
    work = _work(sample)
    energies = sample.energies
    if np.ptp(energies) <= 1e-9 * np.abs(energies).max() or np.ptp(work) == 0.0:
        return None
    return energies, work


def _slope(energies: Float[np.ndarray, " some"], work: Float[np.ndarray, " some"]) -> tuple[float | None, float]:
    correlation = float(np.corrcoef(energies, work)[0, 1])
    if abs(correlation) < _MIN_CORRELATION:
        return None, correlation
    return math.copysign(float(energies.std() / work.std()), correlation), correlation


def _unrelated(energies: Float[np.ndarray, " some"], work: Float[np.ndarray, " some"]) -> str | None:
    """Say so where the energies have nothing to do with forces whose work is as large as it would have to be.

    On 27 public sets, 40 to 300 random frames each, energies and work had correlations of 0.54 to 1.00; with the
    energies shuffled, of 0.42 at most and mostly below 0.3.
    """
    correlation = abs(float(np.corrcoef(energies, work)[0, 1]))
    if correlation > _UNRELATED or not 0.5 < float(work.std() / energies.std()) < 2.0:
        return None
    return (
        f"the energies do not follow the work of the forces (correlation {correlation:.2f}), so they are in another "
        "order, or of other geometries; write both from the same calculations."
    )


def _nearest(
    frames: Frames, atoms: Int[np.ndarray, " atoms"], others: Int[np.ndarray, " others"]
) -> Int[np.ndarray, " atoms"]:
    positions = frames.positions[:: max(1, len(frames) // 200)]
    distances = np.linalg.norm(positions[:, atoms, None] - positions[:, None, others], axis=-1)
    return others[np.median(distances, axis=0).argmin(axis=1)]


def _stiffness(frames: Frames, hydrogen: int, parent: int) -> float:
    """Minus the slope of the force along a bond against its length [kcal/mol/Å²], NaN where the two are unrelated."""
    assert frames.forces is not None
    bond = frames.positions[:, hydrogen] - frames.positions[:, parent]
    length = np.linalg.norm(bond, axis=1)
    force = np.sum(frames.forces[:, hydrogen] * bond, axis=1) / length / FORCE_KCAL
    stretch = (length - length.mean()) / ANGSTROM
    force = force - force.mean()
    if stretch.std() < 1e-3 or force.std() == 0.0:
        return math.nan
    related = abs(np.mean(stretch * force)) > 0.5 * stretch.std() * force.std()
    return float(-np.mean(stretch * force) / np.mean(stretch**2)) if related else math.nan


def _work(frames: Frames) -> Float[np.ndarray, " frames"]:
    """Energies of the sum of pair functions that fits the forces best, one polynomial and two inverse powers a pair."""
    assert frames.forces is not None
    atoms = len(frames.numbers)
    first, second = np.triu_indices(atoms, 1)
    vectors = frames.positions[:, first] - frames.positions[:, second]
    near = np.argsort(np.linalg.norm(vectors, axis=-1).mean(axis=0), kind="stable")[: min(5 * atoms, _MAX_PAIRS)]
    first, second, vectors = first[near], second[near], vectors[:, near]
    lengths = np.linalg.norm(vectors, axis=-1)
    mean = lengths.mean(axis=0)
    x, inverse = (lengths - mean) / ANGSTROM, mean / lengths
    values = np.concatenate([x, x**2, x**3, inverse, inverse**3], axis=1)
    one = np.ones_like(x) / ANGSTROM
    slopes = np.stack([one, 2 * x * one, 3 * x**2 * one, -inverse / lengths, -3 * inverse**3 / lengths], axis=1)
    size = values.shape[1]
    gram, right = np.zeros((size, size)), np.zeros(size)
    pairs = np.arange(len(near))
    for frame in range(len(frames)):
        pull = -slopes[frame][:, :, None] * (vectors[frame] / lengths[frame][:, None])
        design = np.zeros((atoms, 3, len(slopes[frame]), len(pairs)))
        design[first, :, :, pairs] += pull.transpose(1, 2, 0)
        design[second, :, :, pairs] -= pull.transpose(1, 2, 0)
        rows = design.reshape(3 * atoms, size)
        gram += rows.T @ rows
        right += rows.T @ frames.forces[frame].reshape(-1)
    norm = np.sqrt(np.diag(gram))
    norm[norm == 0.0] = 1.0
    scaled = gram / norm / norm[:, None] + _RIDGE * np.eye(size)
    return values @ (np.linalg.solve(scaled, right / norm) / norm)


def _explain(scale: float | None, slope: float | None, spread: float, explanations: list[Slip]) -> str | None:
    """The sentence about the best explanation, or None where nothing is wrong."""
    if scale is not None and slope is not None and scale > 0 > slope:
        return "the energies fall where the forces say they rise: the energies have the wrong sign or belong elsewhere."
    slip = _best_slip(scale, slope, spread, explanations)
    wrong_unit = slip.text if slip.cost else None
    uphill = scale < 0 if scale is not None else slope is not None and slope < 0
    if not uphill:
        return wrong_unit
    also = f" Besides, {wrong_unit}" if wrong_unit else ""
    return f"the forces point uphill, so they are gradients of the energy: multiply them by -1.{also}"


def _best_slip(scale: float | None, slope: float | None, spread: float, explanations: list[Slip]) -> Slip:
    def badness(slip: Slip) -> float:
        off_scale = 0.0 if scale is None else math.log(abs(scale) / slip.force) / spread
        off_slope = 0.0 if slope is None else math.log(abs(slope) * slip.force / slip.energy) / _SPREAD
        return slip.cost + off_scale**2 + off_slope**2

    return min(explanations, key=badness)


def slips(units: FileUnits | None, n_atoms: int = 1) -> list[Slip]:
    """Nothing wrong, all slips of units, in the energies, the forces, or both, and energies per atom of several.

    Without ``units``, each unit may have been read as each other one.
    """
    if n_atoms > 1:
        text = f"the energies look like those per atom, 1/{n_atoms} of the molecule's; multiply them by {n_atoms}."
        return [*slips(units), Slip(1 / n_atoms, 1.0, _TWO_SLIPS, text)]
    same = [Slip(1.0, 1.0, 0.0, "the units are right.")]
    if units is None:
        guesses = [FileUnits(length, energy, energy, length) for length in LENGTHS for energy in ENERGIES]
        return same + [slip for guess in guesses for slip in slips(guess)[1:]]
    return same + _energy_slips(units) + _force_slips(units) + _common_slips(units) + _wrong_ways(units)


def _energy_slips(units: FileUnits) -> list[Slip]:
    return [
        Slip(
            ENERGIES[units.energy] / ENERGIES[meant],
            1.0,
            _ONE_SLIP,
            f"the energies look like {_NAMES[meant]}, read as {_NAMES[units.energy]}; state the unit of energy.",
        )
        for meant in ENERGIES
        if meant != units.energy
    ]


def _force_slips(units: FileUnits) -> list[Slip]:
    meant = [(energy, length) for energy in ENERGIES for length in LENGTHS]
    read = (units.force_energy, units.force_length)
    return [
        Slip(
            1.0,
            units.force / (ENERGIES[energy] / LENGTHS[length]),
            (_ONE_SLIP if energy == read[0] or length == read[1] else _TWO_SLIPS) + _rare(energy, length),
            f"the forces look like {_NAMES[energy]}/{_NAMES[length]}, read as {_NAMES[read[0]]}/{_NAMES[read[1]]}; "
            "state the unit of force.",
        )
        for energy, length in meant
        if (energy, length) != read
    ]


def _common_slips(units: FileUnits) -> list[Slip]:
    """Energies and forces in the same other unit of energy, the forces perhaps per another length too."""
    return [
        Slip(
            ENERGIES[units.energy] / ENERGIES[meant],
            units.force / (ENERGIES[meant] / LENGTHS[length]),
            (_ONE_SLIP if length == units.force_length else _TWO_SLIPS) + _rare(meant, length),
            f"the energies look like {_NAMES[meant]} and the forces like {_NAMES[meant]}/{_NAMES[length]}, read as "
            f"{_NAMES[units.energy]} and {_NAMES[units.force_energy]}/{_NAMES[units.force_length]}; state both units.",
        )
        for meant in ENERGIES
        for length in LENGTHS
        if meant not in (units.energy, units.force_energy)
    ]


def _wrong_ways(units: FileUnits) -> list[Slip]:
    """Energies and forces converted by the right factor in the wrong direction."""
    found = []
    for meant in ENERGIES:
        factor = ENERGIES[units.energy] / ENERGIES[meant]
        if meant != units.energy and units.force_energy == units.energy:
            large, square = max(factor, 1 / factor), max(factor**2, factor**-2)
            text = (
                f"energies and forces are {square:.4g} = {large:.4g}² times too {'large' if factor > 1 else 'small'}: "
                f"they look like {_NAMES[meant]} converted to {_NAMES[units.energy]} in the wrong direction; "
                f"{'divide' if factor > 1 else 'multiply'} by {square:.4g}."
            )
            found.append(Slip(factor**2, factor**2, _TWO_SLIPS, text))
    return found


def _rare(energy: str, length: str) -> float:
    """Cost of a unit of force that nobody writes, which would only compete with a usual one of similar size."""
    return _RARE_UNIT if (energy, length) in {("ev", "nm"), ("kcal/mol", "bohr"), ("hartree", "nm")} else 0.0
