"""Fits that are not linear in their parameters: what is fitted, and its posterior as a function of the moves.

The energy is linear in *weights* of columns, which are functions of the parameters (see ``linear_form``). *Moves* are
changes of the parameters from the start in units of their prior widths.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from hybridff.errors import FitError
from hybridff.fitting.conformers import DEVIATION, ConformerEnergies
from hybridff.fitting.equations import EnergyRows, NormalEquations, normal_equations
from hybridff.fitting.gauss_newton import Quadratic
from hybridff.fitting.noise import LEAST, Noise, Squares
from hybridff.fitting.shared_parameters import common_parameters
from hybridff.frames.dataset import Frames
from hybridff.gaff.design import LinearForm, linear_form
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters
from hybridff.progress import Progress, parts, silent


@dataclass(frozen=True, eq=False)
class Member:
    """One molecule of a fit, with what its frames say of the columns of its energy."""

    force_field: ForceField
    """The molecule's starting force field."""
    frames: Frames
    """Its training frames."""
    position: Int[np.ndarray, " parameters"]
    """Where each of its parameters stands in the common vector."""
    selection: sparse.sparray
    """Derivative of its parameters with respect to the fitted ones: zeros and ones (parameters, n)."""
    values: Float[np.ndarray, " parameters"]
    """Values of its parameters at which the columns were made."""
    form: LinearForm
    """The columns, and their weights as functions of the parameters."""
    data: NormalEquations
    """What the frames say of the weights."""
    wanted: tuple[ConformerEnergies, ...] = ()
    """Conformers that no frame shows, with the energies that they should have."""
    conformers: tuple[EnergyRows, ...] = ()
    """What these say of the weights."""

    def with_conformers(self, wanted: ConformerEnergies) -> "Member":
        """The member with more conformers; where no energies are wanted, those of the start are."""
        known = with_energies(wanted, self.force_field)
        own = conformer_rows(self.form, self.values, known)
        return replace(self, wanted=(*self.wanted, known), conformers=(*self.conformers, own))

    def at(self, values: Float[np.ndarray, " parameters"]) -> "Member":
        """The member with columns that hold at some values of its own parameters: visits frames where they do not."""
        if self.form.everywhere or np.array_equal(values, self.values):
            return self
        free = self.selection.nonzero()[0].tolist()
        form, data = visit_frames(self.force_field, self.frames, values, free)
        conformers = tuple(conformer_rows(form, values, wanted) for wanted in self.wanted)
        return replace(self, values=values, form=form, data=data, conformers=conformers)

    def squares(self, values: Float[np.ndarray, " parameters"]) -> Squares:
        """Squared residuals at some values of its own parameters; what rounding makes of zero counts as zero."""
        if self.form.everywhere:
            weights, data = self.form.evaluate(values)[0], self.data
        else:
            weights, data = np.ones(1), visit_frames(self.force_field, self.frames, values, [])[1]
        return Squares(max(data.energy.quadratic.value(weights), 0.0), data.force_square(weights))


@dataclass(frozen=True, eq=False)
class NonlinearProblem:
    """Parameters of one or several molecules in one vector, and what the frames of these say of them.

    Parameters of different molecules with the same quantity, label and starting value are one parameter if the
    molecules share them by type. Energies are compared after subtraction of their mean over each molecule's frames.
    """

    start: Parameters
    """The parameters of all molecules in one vector."""
    fitted: Int[np.ndarray, " n"]
    """Which of them move."""
    members: tuple[Member, ...]
    """The molecules, with columns made at the start."""

    @property
    def n_frames(self) -> int:
        """Number of energies."""
        return sum(len(member.frames) for member in self.members)

    @property
    def n_forces(self) -> int:
        """Number of force components."""
        return sum(member.data.n_forces for member in self.members)

    @property
    def everywhere(self) -> bool:
        """Whether the columns serve all points: then no point after the first visits the frames."""
        return all(member.form.everywhere for member in self.members)

    @property
    def widths(self) -> Float[np.ndarray, " n"]:
        """Prior widths of the fitted parameters [internal units]."""
        return self.start.prior_widths[self.fitted]

    @property
    def limits(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Bounds of the fitted parameters; a start beyond its bounds may stay, but not move further out."""
        lower, upper = self.start.bounds
        values = self.start.values
        return np.minimum(lower, values)[self.fitted], np.maximum(upper, values)[self.fitted]

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Bounds of the moves."""
        (lower, upper), values = self.limits, self.start.values[self.fitted]
        return (lower - values) / self.widths, (upper - values) / self.widths

    def with_conformers(self, wanted: Sequence[ConformerEnergies | None]) -> "NonlinearProblem":
        """The problem with more conformers of each molecule, whose energies count in the posterior."""
        members = tuple(
            member if own is None or not len(own.conformers) else member.with_conformers(own)
            for member, own in zip(self.members, wanted, strict=True)
        )
        return replace(self, members=members)

    def parameters(self, moves: Float[np.ndarray, " n"]) -> Parameters:
        """The common parameters after some moves."""
        values = self.start.values.copy()
        values[self.fitted] = np.clip(values[self.fitted] + moves * self.widths, *self.limits)
        return self.start.with_values(values)

    def force_fields(self, moves: Float[np.ndarray, " n"]) -> tuple[ForceField, ...]:
        """Every molecule's force field after some moves."""
        values = self.parameters(moves).values
        return tuple(member.force_field.with_values(values[member.position]) for member in self.members)

    def squares(self, moves: Float[np.ndarray, " n"]) -> Squares:
        """Squared residuals after some moves; conformers without frames are left out."""
        values = self.parameters(moves).values
        return reduce(add, [member.squares(values[member.position]) for member in self.members])

    def noise(self, moves: Float[np.ndarray, " n"]) -> Noise:
        """Standard deviations of the residuals after some moves, with a floor for perfect data."""
        squares = self.squares(moves)
        return Noise(
            max(math.sqrt(squares.energy / self.n_frames), LEAST.energy),
            max(math.sqrt(squares.force / self.n_forces), LEAST.force),
        )


def nonlinear_problem_of(
    pairs: Sequence[tuple[ForceField, Frames]], frozen: Collection[str] = (), progress: Progress | None = None
) -> NonlinearProblem:
    """Visit the frames of some molecules at their start; quantities named in ``frozen`` stay as they are.

    Raises ``FitError`` without forces.
    """
    start, positions = common_parameters([force_field for force_field, _ in pairs])
    free = [quantity not in frozen for quantity in start.quantities]
    fitted = np.flatnonzero(start.adjustable & free)
    members = []
    advances = parts(progress, [len(frames) for _, frames in pairs])
    for (force_field, frames), position, advance in zip(pairs, positions, advances, strict=True):
        if frames.forces is None:
            raise FitError(f"the training frames of {force_field.molecule.name} have no forces; a fit needs them.")
        selection = sparse.csr_array(position[:, None] == fitted[None, :], dtype=float)
        values = force_field.parameter_table.values
        form, data = visit_frames(force_field, frames, values, selection.nonzero()[0].tolist(), advance)
        members.append(Member(force_field, frames, position, selection, values, form, data))
    return NonlinearProblem(start, fitted, tuple(members))


def log_posterior(
    problem: NonlinearProblem, noise: Noise, prior_scale: float
) -> Callable[[Float[np.ndarray, " n"]], Quadratic]:
    """Minus the logarithm of the posterior as a function of the moves, up to a constant.

    Where parameters of features without a span are fitted, every point but the start visits the frames again.
    """
    energy, force, prior = noise.energy**-2, noise.force**-2, prior_scale**-2
    widths = sparse.diags_array(problem.widths)

    def quadratic(moves: Float[np.ndarray, " n"]) -> Quadratic:
        values = problem.parameters(moves).values
        loss, gradient = 0.5 * prior * float(moves @ moves), prior * moves
        hessian = prior * np.eye(len(moves))
        for member in problem.members:
            own_values = values[member.position]
            here = member.at(own_values)
            sums = here.data.energy.quadratic.scaled(energy) + here.data.force.scaled(force)
            if here.conformers:
                sums = sums + reduce(add, [own.quadratic for own in here.conformers]).scaled(DEVIATION**-2)
            weights, slopes = here.form.evaluate(own_values)
            jacobian = slopes @ here.selection @ widths
            loss += 0.5 * sums.value(weights)
            gradient = gradient + jacobian.T @ sums.half_gradient(weights)
            hessian += jacobian.T @ (jacobian.T @ sums.matrix).T
        return Quadratic(loss, gradient, hessian)

    return quadratic


def visit_frames(
    force_field: ForceField,
    frames: Frames,
    values: Float[np.ndarray, " parameters"],
    fitted: Collection[int],
    progress: Progress = silent,
) -> tuple[LinearForm, NormalEquations]:
    """The columns of one molecule at some values, and what its frames say of their weights."""
    form = linear_form(force_field.table, values, fitted)
    return form, normal_equations(form.table, len(form.weights) + 1, values, frames, progress).centred()


def conformer_rows(form: LinearForm, values: Float[np.ndarray, " parameters"], wanted: ConformerEnergies) -> EnergyRows:
    """Energies of conformers above the mean of their references as functions of the weights [kJ/mol]."""
    assert wanted.energies is not None
    energies, zeros = (
        columns(form.table, len(form.weights) + 1, values, positions).energy
        for positions in (wanted.conformers, wanted.references)
    )
    return EnergyRows(energies - zeros.mean(1, keepdims=True), wanted.energies)


def with_energies(wanted: ConformerEnergies, force_field: ForceField) -> ConformerEnergies:
    """The conformers with the energies that a force field gives them, where none are wanted."""
    if wanted.energies is not None:
        return wanted
    return replace(wanted, energies=wanted.by(force_field))


def inactive_quantities(force_field: ForceField) -> set[str]:
    """Quantities of features whose parameters would be fitted, but do nothing at first: their coefficients are zero."""
    table, parameters = force_field.table, force_field.parameter_table
    found: set[str] = set()
    for name in dict.fromkeys(rows.feature.name for rows in table.features if not rows.feature.span):
        for terms in table.single_feature_terms(name):
            inner = np.array([*terms.parameters.values()], dtype=np.int64).ravel()
            if parameters.adjustable[inner].any() and not parameters.values[terms.coefficients].any():
                found |= {parameters.quantities[i] for i in (*terms.coefficients, *inner)}
    return found
