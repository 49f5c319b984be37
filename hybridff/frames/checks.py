"""What is wrong with reference data: elements, order of atoms, units, numbers, bonds, duplicates, forces."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from hybridff.errors import InputError
from hybridff.frames.consistency import Consistency, check_consistency
from hybridff.frames.contradictions import contradiction, first_numbers
from hybridff.frames.dataset import Frames
from hybridff.frames.duplicates import duplicate_sentences, find_duplicates, largest_difference
from hybridff.frames.renumbering import Renumbering, renumberings
from hybridff.frames.whole import torn_problem
from hybridff.molecules.graph import bond_counts
from hybridff.molecules.molecule import Molecule, check_same_elements
from hybridff.molecules.radii import covalent_sums
from hybridff.units import ANGSTROM, FORCE_KCAL, LENGTHS

BONDED_BELOW: Final = 1.35
"""Two bonded atoms are closer than this many sums of their covalent radii."""
NOT_BONDED_ABOVE: Final = 1.25
"""Two atoms without a bond are further apart than this many sums of their covalent radii."""

_LARGEST = 1e15
"""Numbers of frames above it are as good as infinite [nm, kJ/mol]."""
_ONE_PLACE = 0.01
"""Two atoms closer than this many sums of their covalent radii are in one place."""
_NET_FORCE_LIMIT = 0.01
"""Largest net force over that of uncorrelated forces; integration grids of DFT leave 0.001."""
_NET_TORQUE_LIMIT = 0.01
"""Largest net torque over that of uncorrelated forces."""
_ROTATED = 0.3
"""Net torque from which on positions and forces are in different orientations."""
_ORDER_LIMIT = 0.9
"""Share of the frames that break one bond where atoms are in another order."""
_CHUNK = 1000
"""Frames whose distances are in memory together."""


@dataclass(frozen=True)
class BondChange:
    """The first pair of atoms of a frame that is bonded in the molecule alone, or in the frame alone."""

    frame: int
    """Row of the frame, counted from 0."""
    pair: str
    """Names of the two atoms, such as C1-H4."""
    broken: bool
    """Whether the molecule alone has the bond; else the frame alone has it."""
    distance: float
    """Distance of the two atoms [nm]."""


@dataclass(frozen=True)
class DataReport:
    """What the checks found; rows count from 0, messages from 1."""

    n_frames: int
    """Number of frames in the data."""
    n_used: int
    """Number of frames that can be used."""
    non_finite: tuple[int, ...] = ()
    """Frames with NaN, infinite numbers or two atoms in one place."""
    duplicates: tuple[tuple[int, int], ...] = ()
    """Frames that repeat an earlier one, with that one."""
    duplicates_apart: float = 0.0
    """Largest difference in energy between such frames [kJ/mol]."""
    bond_changes: tuple[BondChange, ...] = ()
    """Frames with other bonds than the molecule's."""
    bond_changes_kept: bool = False
    """Whether these are used all the same."""
    renumbered: tuple[Renumbering, ...] = ()
    """Frames that have the molecule's bonds after a permutation of atoms, and are used so."""
    high: tuple[int, ...] = ()
    """Frames further above the lowest than asked for."""
    other_isomers: tuple[int, ...] = ()
    """Frames of another stereoisomer than the molecule."""
    net_force: float | None = None
    """Root mean square of the components of the sum of forces [kJ/mol/nm]."""
    relative_net_force: float | None = None
    """Net force over that of random forces of the same size."""
    relative_net_torque: float | None = None
    """Net torque over that of random forces of the same size."""
    consistency: Consistency | None = None
    """Forces against energies; None where the data have no forces."""
    problem: str | None = None
    """Why the data cannot be used, or None."""
    notes: tuple[str, ...] = ()
    """What the reader of the file said."""

    def rows(self) -> Int[np.ndarray, " used"]:
        """Rows of the frames that can be used."""
        changed = () if self.bond_changes_kept else tuple(change.frame for change in self.bond_changes)
        doubled = tuple(frame for frame, _ in self.duplicates)
        out = (*self.non_finite, *doubled, *changed, *self.high, *self.other_isomers)
        return np.setdiff1d(np.arange(self.n_frames), np.array(out, dtype=int))

    def messages(self) -> tuple[str, ...]:
        """One sentence for each finding, the most serious first."""
        found = [*([] if self.problem is None else [self.problem]), *self.notes]
        if self.non_finite:
            found.append(f"left out {_frames(self.non_finite)}: NaN, infinite numbers or two atoms in one place.")
        found += duplicate_sentences(self.duplicates, self.duplicates_apart)
        if self.renumbered:
            first, rows = self.renumbered[0], [one.frame for one in self.renumbered]
            atoms = [f"{i + 1} was {j + 1}" for i, j in enumerate(first.order) if i != j]
            found.append(
                f"{_frames(rows)} {'is' if len(rows) == 1 else 'are'} this molecule after renumbering equal atoms and "
                f"used so (in frame {first.frame + 1}, atom {', '.join(atoms[:4])}{', ...' if len(atoms) > 4 else ''})."
            )
        if self.bond_changes:
            verb = "kept" if self.bond_changes_kept else "left out"
            change = self.bond_changes[0]
            found.append(
                f"{verb} {_frames([one.frame for one in self.bond_changes])}: other bonds than the molecule's "
                f"(in frame {change.frame + 1}, {change.pair} at {change.distance / ANGSTROM:.2f} Å is "
                f"{'broken' if change.broken else 'formed'})."
            )
        if self.high:
            found.append(f"left out {_frames(self.high)}: further above the lowest in energy than asked for.")
        if self.net_force is not None and (self.relative_net_force or 0.0) > _NET_FORCE_LIMIT:
            found.append(
                f"the forces of a frame do not add up to zero ({self.net_force / FORCE_KCAL:.2g} kcal/mol/Å for each "
                "component); were atoms fixed, or embedded in others?"
            )
        if self.problem is None and (self.relative_net_torque or 0.0) > _NET_TORQUE_LIMIT:
            found.append("the forces twist the molecule as a whole; were atoms fixed, or embedded in others?")
        if self.net_force is None and self.problem is None:
            found.append("the data have no forces, so that energies alone are used, unchecked.")
        if self.consistency is not None and self.problem is None:
            found.append(f"energies and forces: {self.consistency.note}.")
        return tuple(found)


def usable_frames(
    frames: Frames,
    molecule: Molecule | None,
    *,
    keep_bond_changes: bool = False,
    accept_problem: bool = False,
    where: str = "",
    highest: float = math.inf,
) -> tuple[Frames, DataReport]:
    """Frames with finite numbers, each once, with the molecule's bonds (unless these changes are to be kept).

    A frame that has them after a permutation of atoms, such as one whose proton sits on the other of two equal oxygens,
    is renumbered (unless changes are to be kept). Frames more than ``highest`` [kJ/mol] above the lowest of these are
    left out too.

    Raises ``InputError`` where the data as a whole are wrong (units, sign of the forces, order of atoms), unless
    ``accept_problem`` says that the user knows better, and where no frame is left. Its message begins with ``where``,
    or the source that the data name.
    """
    found, rows, report = _checked(frames, molecule, keep_bond_changes=keep_bond_changes, highest=highest)
    report = replace(report, notes=frames.notes)
    where = where or frames.source or frames.name or "the data"
    if report.problem is not None and not accept_problem:
        raise InputError(f"{where}: {report.problem}")
    if not len(rows):
        raise InputError(f"{where}: no usable frame is left; {' '.join(report.messages())}")
    return found.subset(rows), report


def _checked(
    frames: Frames, molecule: Molecule | None, *, keep_bond_changes: bool, highest: float
) -> tuple[Frames, Int[np.ndarray, " used"], DataReport]:
    """Frames in the molecule's order, rows to use, and what was found.

    Raises ``InputError`` only for other elements than the molecule's.
    """
    if molecule is not None:
        check_same_elements(molecule, frames.numbers, frames.source or "the data")
    finite = _finite(frames)
    rows = np.flatnonzero(finite)
    non_finite = tuple(np.flatnonzero(~finite).tolist())
    if not len(rows):
        all_bad = (
            f"all {len(frames)} frames have NaN, infinite numbers or two atoms in one place; write the data again."
        )
        return frames, rows, DataReport(len(frames), 0, non_finite, problem=all_bad)
    problem = length_problem(frames, rows) or (None if keep_bond_changes else torn_problem(frames, rows))
    if problem is not None:
        return frames, rows, DataReport(len(frames), len(rows), non_finite, problem=problem)
    changes = () if molecule is None else bond_changes(frames, molecule, rows)
    orders: tuple[Renumbering, ...] = ()
    if molecule is not None and changes:
        problem = _order_problem(frames, molecule, rows)
        if problem is None and not keep_bond_changes:
            frames, changes, orders = _renumbered(frames, molecule, rows, changes)
    duplicates = find_duplicates(frames, rows)
    dropped = {frame for frame, _ in duplicates}
    dropped |= set() if keep_bond_changes else {change.frame for change in changes}
    used = np.array([row for row in rows.tolist() if row not in dropped], dtype=int)
    low = frames.energies[used] - frames.energies[used].min(initial=math.inf) <= highest
    used, high = used[low], tuple(used[~low].tolist())
    consistency, net, torque = None, None, None
    if frames.forces is not None and problem is None:
        seen = used if len(used) else rows
        net, torque = _net(frames.subset(seen))
        like = frames.subset(_rows_of_one_graph(frames, used)) if len(used) else frames.subset(rows)
        consistency = check_consistency(like)
        problem = contradiction(frames.subset(seen), seen) or _rotation_problem(torque) or consistency.problem
    report = DataReport(
        n_frames=len(frames),
        n_used=len(used),
        non_finite=non_finite,
        duplicates=duplicates,
        duplicates_apart=largest_difference(frames, duplicates),
        bond_changes=changes,
        bond_changes_kept=keep_bond_changes,
        renumbered=orders,
        high=high,
        net_force=None if net is None or frames.forces is None else net * _size(frames.forces[rows]),
        relative_net_force=None if net is None else net / math.sqrt(len(frames.numbers)),
        relative_net_torque=torque,
        consistency=consistency,
        problem=problem,
    )
    return frames, used, report


def _renumbered(
    frames: Frames, molecule: Molecule, rows: Int[np.ndarray, " rows"], changes: tuple[BondChange, ...]
) -> tuple[Frames, tuple[BondChange, ...], tuple[Renumbering, ...]]:
    """The frames in the molecule's order as far as there is one, what bonds are still changed, and what was done."""
    changed = [change.frame for change in changes]
    sound = np.setdiff1d(rows, changed)
    tried = renumberings(frames, molecule, changed, sound) if len(sound) else []
    if not tried:
        return frames, changes, ()
    at, orders = np.array([one.frame for one in tried]), np.array([one.order for one in tried])
    positions, forces = frames.positions.copy(), None if frames.forces is None else frames.forces.copy()
    positions[at] = frames.positions[at[:, None], orders]
    if forces is not None and frames.forces is not None:
        forces[at] = frames.forces[at[:, None], orders]
    found = replace(frames, positions=positions, forces=forces)
    still = {change.frame for change in bond_changes(found, molecule, at)}
    done = tuple(one for one in tried if one.frame not in still)
    right = {one.frame for one in done}
    return found, tuple(change for change in changes if change.frame not in right), done


def bond_changes(frames: Frames, molecule: Molecule, rows: Int[np.ndarray, " rows"]) -> tuple[BondChange, ...]:
    """First changed pair of each of the given frames whose bonds are not the molecule's."""
    first, second = np.triu_indices(len(frames.numbers), 1)
    bonded = bond_counts(molecule)[first, second] == 1
    found = []
    for chunk, ratios in _distance_ratios(frames, rows):
        wrong = np.where(bonded, ratios >= BONDED_BELOW, ratios <= NOT_BONDED_ABOVE)
        for index in np.flatnonzero(wrong.any(axis=1)).tolist():
            pair = int(np.argmax(wrong[index]))
            i, j = int(first[pair]), int(second[pair])
            distance = float(np.linalg.norm(frames.positions[chunk[index], i] - frames.positions[chunk[index], j]))
            found.append(
                BondChange(int(chunk[index]), f"{molecule.label(i)}-{molecule.label(j)}", bool(bonded[pair]), distance)
            )
    return tuple(found)


def changed_geometries(molecule: Molecule, positions: Float[np.ndarray, "frames atoms 3"]) -> tuple[BondChange, ...]:
    """First changed pair of each geometry [nm] whose bonds are not the molecule's."""
    frames = Frames(molecule.numbers, positions, np.zeros(len(positions)), None)
    return bond_changes(frames, molecule, np.arange(len(positions)))


def with_bonds(molecule: Molecule, positions: Float[np.ndarray, "some atoms 3"]) -> Float[np.ndarray, "kept atoms 3"]:
    """Geometries [nm] that have the bonds of a molecule."""
    return np.delete(positions, [change.frame for change in changed_geometries(molecule, positions)], axis=0)


def _distance_ratios(
    frames: Frames, rows: Int[np.ndarray, " rows"]
) -> Iterator[tuple[Int[np.ndarray, " chunk"], Float[np.ndarray, "chunk pairs"]]]:
    """Yield chunks of rows and the distances of all pairs over the sums of their covalent radii."""
    first, second = np.triu_indices(len(frames.numbers), 1)
    sums = covalent_sums(frames.numbers)[first, second]
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        positions = frames.positions[chunk]
        yield chunk, np.linalg.norm(positions[:, first] - positions[:, second], axis=-1) / sums


def _finite(frames: Frames) -> Bool[np.ndarray, " frames"]:
    """Frames of finite numbers whose atoms are in different places."""
    good = (np.abs(frames.energies) < _LARGEST) & (np.abs(frames.positions) < _LARGEST).all(axis=(1, 2))
    if frames.forces is not None:
        good &= (np.abs(frames.forces) < _LARGEST).all(axis=(1, 2))
    for chunk, ratios in _distance_ratios(frames, np.flatnonzero(good)):
        good[chunk] = np.all(ratios > _ONE_PLACE, axis=1)
    return good


def length_problem(frames: Frames, rows: Int[np.ndarray, " rows"]) -> str | None:
    """What to say where the nearest atoms of some frames are no bond length apart; None where they are."""
    if len(frames.numbers) < 2:
        return None
    sample = frames.positions[rows[:: max(1, len(rows) // 100)]]
    ratios = np.linalg.norm(sample[:, :, None] - sample[:, None], axis=-1) / covalent_sums(frames.numbers)
    ratios[:, np.arange(len(frames.numbers)), np.arange(len(frames.numbers))] = np.inf
    ratio = float(np.median(ratios.min(axis=2)))
    if 0.7 < ratio < 1.4:
        return None
    read_as = [frames.file_units.length] if frames.file_units is not None else list(LENGTHS)
    slips = {
        f"the positions look like {meant}, read as {read}": LENGTHS[read] / LENGTHS[meant]
        for read in read_as
        for meant in LENGTHS
        if meant != read
    }
    likely = min(slips, key=lambda text: abs(math.log(max(ratio, 1e-9) / slips[text])))
    if ratio > 0 and abs(math.log(ratio / slips[likely])) < 0.25:
        return f"nearest atoms are {ratio:.2g} bond lengths apart: {likely}; state the unit of length."
    return f"nearest atoms are {ratio:.2g} bond lengths apart, so these positions are no molecule; check their unit."


def _order_problem(frames: Frames, molecule: Molecule, rows: Int[np.ndarray, " rows"]) -> str | None:
    """Say so where one and the same bond of the molecule is broken in nearly all frames."""
    first, second = np.triu_indices(len(frames.numbers), 1)
    bonded = bond_counts(molecule)[first, second] == 1
    broken = np.zeros(len(first), dtype=int)
    for _, ratios in _distance_ratios(frames, rows):
        broken += np.sum(bonded & (ratios >= BONDED_BELOW), axis=0)
    pairs = np.flatnonzero(broken > _ORDER_LIMIT * len(rows))
    if not len(pairs):
        return None
    i, j = int(first[pairs[0]]), int(second[pairs[0]])
    distance = float(np.median(np.linalg.norm(frames.positions[rows, i] - frames.positions[rows, j], axis=1)))
    return (
        f"the bond {molecule.label(i)}-{molecule.label(j)} of the molecule {molecule.name} is "
        f"{distance / ANGSTROM:.2f} Å long in the data ({broken[pairs[0]]} of {len(rows)} frames break it), so the "
        "atoms are probably in another order (or the molecule is another tautomer); give the molecule in the atom "
        "order of the data."
    )


def _rows_of_one_graph(frames: Frames, rows: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " same"]:
    """Those frames that have the most common pattern of close atoms."""
    patterns = np.concatenate([np.packbits(ratios < 1.3, axis=1) for _, ratios in _distance_ratios(frames, rows)])
    _, inverse, counts = np.unique(patterns, axis=0, return_inverse=True, return_counts=True)
    return rows[inverse.reshape(-1) == np.argmax(counts)]


def _size(forces: Float[np.ndarray, "frames atoms 3"]) -> float:
    return float(np.sqrt(np.mean(forces**2)))


def _net(frames: Frames) -> tuple[float, float]:
    """Net force over the size of a force component, and net torque over that of random forces."""
    assert frames.forces is not None
    size = _size(frames.forces)
    if size == 0.0:
        return 0.0, 0.0
    arms = frames.positions - frames.positions.mean(axis=1, keepdims=True)
    torque = np.cross(arms, frames.forces).sum(axis=1)
    random = math.sqrt(2 / 3 * float(np.mean(np.sum(arms**2, axis=(1, 2))))) * size
    net = _size(frames.forces.sum(axis=1, keepdims=True)) / size
    return net, float(np.sqrt(np.mean(torque**2))) / random if random > 0 else 0.0


def _rotation_problem(torque: float) -> str | None:
    if torque < _ROTATED:
        return None
    return (
        "the forces twist each frame as a whole, so positions and forces are in different orientations (a program's "
        "'standard orientation', perhaps) or belong to different frames; write both from the same orientation."
    )


def _count(number: int) -> str:
    return f"{number} frame{'s' if number != 1 else ''}"


def _frames(rows: Sequence[int]) -> str:
    return f"{_count(len(rows))} ({first_numbers(rows)})"
