"""Fits that are linear in everything fitted: what is fitted, and what data and prior knowledge say of it.

Everything is in *moves*: changes of the fitted coefficients from the start in units of their prior widths. Where rows
have relatives, whose coefficients are similar before there are data, changes in these units are a root of their
covariance times moves that are independent (``related_priors``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from hybridff.fitting.conformers import DEVIATION, ConformerEnergies, UnseenConformers
from hybridff.fitting.equations import EnergyRows, NormalEquations, normal_equations
from hybridff.fitting.noise import LEAST, Noise, Squares
from hybridff.fitting.related_priors import SHARES, Shares, prior_root
from hybridff.fitting.shared_parameters import common_parameters
from hybridff.frames.accuracy import what_is_left
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters
from hybridff.gaff.prior_restraints import restraints
from hybridff.gaff.terms import TermTable
from hybridff.progress import Progress, parts

_FIRST_NOISE = 0.03
"""Noise before any is learnt, in units of what the start leaves."""


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """Coefficients of one or several molecules, and the frames that they are fitted to."""

    pairs: tuple[tuple[ForceField, Frames], ...]
    """Starting force field and training frames of each molecule."""
    unseen: tuple[UnseenConformers, ...]
    """Conformers of each molecule that its frames do not show."""
    start: Parameters
    """The parameters of all molecules in one vector."""
    positions: tuple[Int[np.ndarray, " _"], ...]
    """Where each molecule's parameters stand in it."""
    fitted: Int[np.ndarray, " n"]
    """Which of them move."""
    shares: Shares | None = None
    """What relatives have in common before there are data; None where every coefficient has a prior of its own."""

    @classmethod
    def of(cls, pairs: Sequence[tuple[ForceField, Frames]], unseen: Sequence[UnseenConformers]) -> "LinearProblem":
        """All adjustable parameters of some molecules; those that the molecules share by type are one."""
        start, positions = common_parameters([force_field for force_field, _ in pairs])
        return cls(tuple(pairs), tuple(unseen), start, positions, np.flatnonzero(start.adjustable))

    @property
    def widths(self) -> Float[np.ndarray, " n"]:
        """Prior widths of the fitted coefficients [kJ/mol]."""
        return self.start.prior_widths[self.fitted]

    @property
    def has_relatives(self) -> bool:
        """Whether rows are labelled by environments, so that some are relatives."""
        return any(force_field.share == "environment" for force_field, _ in self.pairs)

    def with_relatives(self) -> "LinearProblem":
        """The problem with priors in which the coefficients of relatives are similar."""
        return replace(self, shares=SHARES)

    @cached_property
    def root(self) -> sparse.csr_array | None:
        """What a unit of each move does to each fitted coefficient in units of its prior width; None for the same."""
        return None if self.shares is None else prior_root(self.start, self.fitted, self.shares)

    def changes(self, moves: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """What some moves do to the fitted coefficients, in units of their prior widths."""
        return moves if self.root is None else self.root @ moves

    def of_moves(self, rows: Float[np.ndarray, "n data"]) -> Float[np.ndarray, "n data"]:
        """What moves do to data, from what coefficients do to them in units of their prior widths."""
        return rows if self.root is None else self.root.T @ rows

    @property
    def limits(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Bounds of the changes of the fitted coefficients, in units of their prior widths."""
        lower, upper = self.start.bounds
        values = self.start.values[self.fitted]
        return (lower[self.fitted] - values) / self.widths, (upper[self.fitted] - values) / self.widths

    @property
    def dispensable(self) -> Bool[np.ndarray, " n"]:
        """Coefficients without a value at the start and without bounds, whose terms may be left out."""
        lower, upper = self.limits
        return (self.start.values[self.fitted] == 0) & np.isinf(lower) & np.isinf(upper)

    @property
    def column_of(self) -> Int[np.ndarray, " common"]:
        """Which of the moves belongs to each parameter; -1 for those not fitted."""
        column = np.full(len(self.start), -1)
        column[self.fitted] = np.arange(len(self.fitted))
        return column

    @property
    def start_weights(self) -> Float[np.ndarray, " columns"]:
        """Weights of the columns of ``move_columns`` at the start."""
        return np.concatenate([[1.0], self.start.values[self.fitted] / self.widths])

    def without(self, dropped: Bool[np.ndarray, " n"]) -> "LinearProblem":
        """The problem with the terms of some fitted coefficients left out of the force fields."""
        gone = np.zeros(len(self.start), dtype=bool)
        gone[self.fitted[dropped]] = True
        pairs = [
            (force_field.without(gone[position]), frames)
            for (force_field, frames), position in zip(self.pairs, self.positions, strict=True)
        ]
        return LinearProblem.of(pairs, self.unseen)

    def parameters(self, moves: Float[np.ndarray, " n"]) -> Parameters:
        """The common parameters after some moves."""
        values = self.start.values.copy()
        values[self.fitted] += self.changes(moves) * self.widths
        if self.root is not None:  # bounds are met but for rounding
            values = np.clip(values, *self.start.bounds)
        return self.start.with_values(values)

    def force_fields(self, moves: Float[np.ndarray, " n"]) -> tuple[ForceField, ...]:
        """Every molecule's force field after some moves."""
        values = self.parameters(moves).values
        return tuple(
            force_field.with_values(values[position])
            for (force_field, _), position in zip(self.pairs, self.positions, strict=True)
        )


@dataclass(frozen=True, eq=False)
class RestraintRows:
    """Restraints on the fitted coefficients, linear in the moves, in units of their deviations."""

    weights: sparse.sparray
    """What a unit of each move does to each restraint (restraints, n)."""
    targets: Float[np.ndarray, " restraints"]
    """What the moves should do to it."""


@dataclass(frozen=True, eq=False)
class LinearSystem:
    """All that is known of the moves of a problem but for their priors, as linear equations."""

    problem: LinearProblem
    """What is fitted."""
    data: NormalEquations
    """What frames say."""
    restraints: RestraintRows
    """What restraints say."""
    conformers: EnergyRows
    """What is wanted of conformers without frames, in units of the deviation that is allowed."""
    noise: Noise
    """Noise that learning begins with."""

    @classmethod
    def of(cls, problem: LinearProblem, data: NormalEquations, noise: Noise) -> "LinearSystem":
        """The equations of some data and of the prior knowledge of a problem."""
        at_start = [unseen.at_start for unseen in problem.unseen]
        return cls(problem, data, restraint_rows(problem), conformer_rows(problem, at_start), noise)

    def with_relatives(self) -> "LinearSystem":
        """The system with priors in which the coefficients of relatives are similar."""
        problem = self.problem.with_relatives()
        assert problem.root is not None
        return LinearSystem.of(problem, self.data.transformed(problem.root), self.noise)

    def without(self, dropped: Bool[np.ndarray, " n"]) -> "LinearSystem":
        """The system with the terms of some fitted coefficients left out, which have no value at the start."""
        problem = self.problem.without(dropped)
        conformers = self.conformers.subset(~dropped)
        return LinearSystem(problem, self.data.subset(~dropped), restraint_rows(problem), conformers, self.noise)


def linear_system(problem: LinearProblem, frames: Sequence[Frames], progress: Progress | None = None) -> LinearSystem:
    """Visit frames of each molecule in turn."""
    data = data_equations(problem, frames, progress)
    return LinearSystem.of(problem, data, first_noise(data))


def data_equations(
    problem: LinearProblem, frames: Sequence[Frames], progress: Progress | None = None
) -> NormalEquations:
    """What frames of each molecule in turn say of the moves; energies have a zero of their own in each.

    Kernels that a force field has stay as they are: the terms are to explain what these leave.
    """
    found: list[NormalEquations] = []
    advances = parts(progress, [len(own) for own in frames])
    for (force_field, _), own, position, advance in zip(
        problem.pairs, frames, problem.positions, advances, strict=True
    ):
        table = move_columns(force_field.table, problem, position)
        values = force_field.parameter_table.values
        left = what_is_left(own, force_field.corrections)
        sums = normal_equations(table, len(problem.fitted) + 1, values, left, advance)
        found.append(sums.from_start(problem.start_weights).centred())
    total = found[0]
    for one in found[1:]:
        total = total + one
    return total if problem.root is None else total.transformed(problem.root)


def first_noise(data: NormalEquations) -> Noise:
    """A guess from what the start leaves of energies and forces."""
    return guessed_noise(
        Squares(float((data.energy.targets**2).sum()), data.force.constant), len(data.energy), data.n_forces
    )


def guessed_noise(at_start: Squares, n_energies: int, n_forces: int) -> Noise:
    """A guess of the noise of so many energies and forces from what the start leaves of them."""
    energy, force = math.sqrt(at_start.energy / n_energies), math.sqrt(at_start.force / n_forces)
    return Noise(max(_FIRST_NOISE * energy, LEAST.energy), max(_FIRST_NOISE * force, LEAST.force))


def move_columns(table: TermTable, problem: LinearProblem, position: Int[np.ndarray, " parameters"]) -> TermTable:
    """A molecule's table with columns as coefficients: column 0 holds what is not fitted, 1, 2, … the moves.

    ``position`` says where each of the molecule's parameters stands in the common ones.
    """
    common = problem.start
    column = problem.column_of + 1
    owner = position[table.coefficients]
    factors = np.where(column[owner] > 0, common.prior_widths[owner], common.values[owner])
    return replace(table, coefficients=column[owner], multipliers=table.multipliers * factors)


def restraint_rows(problem: LinearProblem) -> RestraintRows:
    """The restraints of all molecules as functions of the moves."""
    column, widths = problem.column_of, problem.start.prior_widths
    entries: list[tuple[int, int, float]] = []
    targets: list[float] = []
    for (force_field, frames), position in zip(problem.pairs, problem.positions, strict=True):
        for restraint in restraints(force_field.table, force_field.parameter_table, frames.positions):
            target = restraint.target
            for coefficient, weight in zip(restraint.coefficients, restraint.weights, strict=True):
                common = position[coefficient]
                target -= weight * problem.start.values[common]
                if column[common] >= 0:
                    entries.append((len(targets), column[common], weight * widths[common] / restraint.deviation))
            targets.append(target / restraint.deviation)
    rows, places, values = zip(*entries, strict=True) if entries else ((), (), ())
    shape = (len(targets), len(problem.fitted))
    weights = sparse.csr_array((np.array(values, dtype=float), (rows, places)), shape=shape)
    return RestraintRows(weights if problem.root is None else weights @ problem.root, np.array(targets))


def conformer_rows(problem: LinearProblem, wanted: Sequence[ConformerEnergies | None]) -> EnergyRows:
    """Energies of conformers of each molecule above its references, in units of the deviation that is allowed."""
    n, start = len(problem.fitted), problem.start_weights
    total = EnergyRows(np.zeros((n, 0)), np.zeros(0))
    for own, (force_field, _), position in zip(wanted, problem.pairs, problem.positions, strict=True):
        if own is None or not len(own.conformers) or not len(own.references):
            continue
        table = move_columns(force_field.table, problem, position)
        values = force_field.parameter_table.values
        energy, zero = (columns(table, n + 1, values, x).energy for x in (own.conformers, own.references))
        rows = energy - zero.mean(1, keepdims=True)
        targets = start @ rows if own.energies is None else own.energies - _by_kernels(force_field, own)
        total = total + EnergyRows(rows, targets).from_start(start).in_units_of(DEVIATION)
    return replace(total, rows=problem.of_moves(total.rows))


def _by_kernels(force_field: ForceField, own: ConformerEnergies) -> Float[np.ndarray, " conformers"]:
    """Energies of conformers above the references [kJ/mol] by the kernels of a force field alone."""
    return sum((own.by(correction) for correction in force_field.corrections), start=np.zeros(len(own.conformers)))
