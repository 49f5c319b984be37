"""The fit as least squares: residuals of several molecules against one parameter vector, streamed by frames."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from hybridff.errors import FitError
from hybridff.fitting.conformers import DEVIATION, Lessons
from hybridff.fitting.gauss_newton import Quadratic
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.design import LinearForm, linear_form
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters, Quantity, numbered_labels, plain_label

_BLOCK_BYTES = 1 << 26

Progress = Callable[[int], None]
"""Called with the number of frames just visited."""


@dataclass(frozen=True)
class Noise:
    """What the model is expected to miss: the residuals' standard deviations."""

    energy: float
    """[kJ/mol]"""
    force: float
    """[kJ/mol/nm]"""


@dataclass(frozen=True)
class Squares:
    """Sums of squared residuals."""

    energy: float
    """[(kJ/mol)²]"""
    force: float
    """[(kJ/mol/nm)²]"""


@dataclass(frozen=True, eq=False)
class _Gram:
    """|reference - columns·weights|² of one molecule as a quadratic form in the weights."""

    matrix: Float[np.ndarray, "columns columns"]
    vector: Float[np.ndarray, " columns"]
    squares: float

    def residual_squares(self, weights: np.ndarray) -> float:
        return float(weights @ self.matrix @ weights - 2 * self.vector @ weights + self.squares)

    def scaled(self, factor: float) -> "_Gram":
        return _Gram(factor * self.matrix, factor * self.vector, factor * self.squares)

    def __add__(self, other: "_Gram") -> "_Gram":
        return _Gram(self.matrix + other.matrix, self.vector + other.vector, self.squares + other.squares)


@dataclass(frozen=True, eq=False)
class _Member:
    """One molecule of the fit."""

    force_field: ForceField
    position: Int[np.ndarray, " parameters"]
    """Where each of its parameters stands in the common vector."""
    selection: sparse.sparray
    """Derivative of its parameters with respect to the fitted ones: zeros and ones."""
    frames: Frames
    form: LinearForm
    energy: _Gram
    """Of energies less their mean over the frames."""
    force: _Gram
    lessons: tuple[Lessons, ...]
    """Heights of conformers that no frame shows, with those that are wanted."""
    heights: _Gram
    """Of these."""

    def taught(self, lessons: Lessons) -> "_Member":
        """The member that also wants these heights."""
        own = _heights(self.form, self.force_field.parameter_table.values, lessons)
        return replace(self, lessons=(*self.lessons, lessons), heights=self.heights + own)

    def at(self, values: Float[np.ndarray, " common"]) -> "_Member":
        """The member with columns that hold at some values of the common parameters."""
        if self.form.everywhere:
            return self
        free = self.selection.nonzero()[0].tolist()
        own = values[self.position]
        form, energy, force = _visit(self.force_field, self.frames, own, free, _silent)
        heights = _none(form)
        for lessons in self.lessons:
            heights += _heights(form, own, lessons)
        return replace(self, form=form, energy=energy, force=force, heights=heights)

    def squares(self, values: Float[np.ndarray, " common"]) -> Squares:
        """Squared residuals at some values of the common parameters."""
        own = values[self.position]
        if self.form.everywhere:
            weights = self.form.evaluate(own)[0]
            energy, force = self.energy, self.force
        else:
            weights = np.ones(1)
            _, energy, force = _visit(self.force_field, self.frames, own, [], _silent)
        return Squares(*(max(gram.residual_squares(weights), 0.0) for gram in (energy, force)))


class Problem:
    """Residuals of one or several molecules whose parameters form one vector.

    Parameters of different molecules with the same quantity, label and starting value are one parameter if the
    molecules share them by type. Everything is expressed in *moves*: changes from the start in units of each
    parameter's prior width. Energies are compared after subtraction of their mean over each molecule's frames.
    Quantities named in ``frozen`` stay as they are. Where parameters of features without a span are fitted, every new
    point visits the frames again. What each molecule is told of conformers that no frame shows, ``lessons``, counts in
    the posterior, not in the squares.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[ForceField, Frames]],
        frozen: Collection[str] = (),
        progress: Progress | None = None,
        lessons: Sequence[Lessons | None] = (),
    ) -> None:
        self.start, positions = common_parameters([force_field for force_field, _ in pairs])
        free = [quantity not in frozen for quantity in self.start.quantities]
        self.adjustable = np.flatnonzero(self.start.adjustable & free)
        lower, upper = self.start.bounds
        limits = np.minimum(lower, self.start.values), np.maximum(upper, self.start.values)
        self._limits = limits[0][self.adjustable], limits[1][self.adjustable]
        self.n_frames = sum(len(frames) for _, frames in pairs)
        self.n_forces = sum(frames.positions.size for _, frames in pairs)
        self._members = self._latest = [
            _member(force_field, frames, position, self.adjustable, progress or (lambda frames: None))
            for (force_field, frames), position in zip(pairs, positions, strict=True)
        ]
        self._point = self.start.values
        if lessons:
            self.teach(lessons)

    def teach(self, lessons: Sequence[Lessons | None]) -> None:
        """Tell each molecule heights of conformers that no frame shows; without heights, those of its start."""
        self._members = self._latest = [
            member if own is None or not len(own.conformers) else member.taught(_known(member.force_field, own))
            for member, own in zip(self._members, lessons, strict=True)
        ]
        self._point = self.start.values

    @property
    def everywhere(self) -> bool:
        """Whether the columns serve all points: then no point after the first visits the frames."""
        return all(member.form.everywhere for member in self._members)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Bounds of the moves; a start beyond its bounds may stay, but not move further out."""
        values, widths = self._scaling
        lower, upper = self._limits
        return (lower - values) / widths, (upper - values) / widths

    @property
    def _scaling(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        return self.start.values[self.adjustable], self.start.prior_widths[self.adjustable]

    def parameters(self, moves: Float[np.ndarray, " n"]) -> Parameters:
        """The common parameters after some moves."""
        values = self.start.values.copy()
        start, widths = self._scaling
        values[self.adjustable] = np.clip(start + moves * widths, *self._limits)
        return self.start.with_values(values)

    def force_fields(self, moves: Float[np.ndarray, " n"]) -> tuple[ForceField, ...]:
        """Every molecule's force field after some moves."""
        values = self.parameters(moves).values
        return tuple(member.force_field.with_values(values[member.position]) for member in self._members)

    def squares(self, moves: Float[np.ndarray, " n"]) -> Squares:
        """Squared residuals after some moves; what rounding makes of zero may be below it, and counts as zero."""
        values = self.parameters(moves).values
        parts = [member.squares(values) for member in self._members]
        return Squares(sum(part.energy for part in parts), sum(part.force for part in parts))

    def posterior(self, noise: Noise, prior_scale: float) -> Callable[[Float[np.ndarray, " n"]], Quadratic]:
        """Minus the logarithm of the posterior as a function of the moves, up to a constant."""
        energy, force, prior = noise.energy**-2, noise.force**-2, prior_scale**-2
        widths = sparse.diags_array(self._scaling[1])

        def quadratic(moves: Float[np.ndarray, " n"]) -> Quadratic:
            values = self.parameters(moves).values
            loss, gradient = 0.5 * prior * float(moves @ moves), prior * moves
            hessian = prior * np.eye(len(moves))
            for member in self._at(values):
                gram = member.energy.scaled(energy) + member.force.scaled(force) + member.heights.scaled(DEVIATION**-2)
                weights, own = member.form.evaluate(values[member.position])
                jacobian = own @ member.selection @ widths
                loss += 0.5 * gram.residual_squares(weights)
                gradient = gradient + jacobian.T @ (gram.matrix @ weights - gram.vector)
                hessian += jacobian.T @ (jacobian.T @ gram.matrix).T
            return Quadratic(loss, gradient, hessian)

        return quadratic

    def _at(self, values: Float[np.ndarray, " common"]) -> list[_Member]:
        """The members at some values; those of the last values are kept."""
        if not np.array_equal(values, self._point):
            self._latest = [member.at(values) for member in self._members]
            self._point = values
        return self._latest

    @staticmethod
    def loss(squares: Squares, noise: Noise) -> float:
        """The training loss: half the sum of squared residuals in units of the noise."""
        return 0.5 * (squares.energy / noise.energy**2 + squares.force / noise.force**2)

    def noise(self, squares: Squares, energy_weight: float) -> Noise:
        """Standard deviations of the residuals at some point, with a floor for perfect data."""
        return Noise(
            energy=max(math.sqrt(squares.energy / self.n_frames / energy_weight), 1e-6),
            force=max(math.sqrt(squares.force / self.n_forces), 1e-5),
        )


def sleeping(force_field: ForceField) -> set[str]:
    """Quantities of features whose parameters would be fitted, but do nothing at first: their coefficients are zero."""
    table, parameters = force_field.table, force_field.parameter_table
    found: set[str] = set()
    for name in dict.fromkeys(rows.feature.name for rows in table.features if not rows.feature.span):
        for terms in table.single_feature_terms(name):
            inner = np.array([*terms.parameters.values()], dtype=np.int64).ravel()
            if parameters.adjustable[inner].any() and not parameters.values[terms.coefficients].any():
                found |= {parameters.quantities[i] for i in (*terms.coefficients, *inner)}
    return found


def _silent(frames: int) -> None:
    """Tell nobody of progress."""


def _member(
    force_field: ForceField, frames: Frames, position: np.ndarray, adjustable: np.ndarray, progress: Progress
) -> _Member:
    """One molecule at the start."""
    selection = sparse.csr_array(position[:, None] == adjustable[None, :], dtype=float)
    values = force_field.parameter_table.values
    form, energy, force = _visit(force_field, frames, values, selection.nonzero()[0].tolist(), progress)
    return _Member(force_field, position, selection, frames, form, energy, force, (), _none(form))


def _visit(
    force_field: ForceField,
    frames: Frames,
    values: Float[np.ndarray, " parameters"],
    fitted: Collection[int],
    progress: Progress,
) -> tuple[LinearForm, _Gram, _Gram]:
    """Visit the frames of one molecule, once: the columns at some values, and what they say of energies and forces."""
    if frames.forces is None:
        raise FitError(f"the training frames of {force_field.molecule.name} have no forces; a fit needs them.")
    form = linear_form(force_field.table, values, fitted)
    n_columns = len(form.weights) + 1
    matrix, vector = np.zeros((n_columns, n_columns)), np.zeros(n_columns)
    energies = np.empty((n_columns, len(frames)))
    for block in _blocks(len(frames), n_columns * frames.positions[0].size):
        part = columns(form.table, n_columns, values, frames.positions[block])
        force = part.force.reshape(n_columns, -1)
        matrix += force @ force.T
        vector += force @ frames.forces[block].ravel()
        energies[:, block] = part.energy
        progress(part.energy.shape[1])
    energies -= energies.mean(1, keepdims=True)
    centred = frames.energies - frames.energies.mean()
    energy = _Gram(energies @ energies.T, energies @ centred, float(centred @ centred))
    return form, energy, _Gram(matrix, vector, float((frames.forces**2).sum()))


def _known(force_field: ForceField, lessons: Lessons) -> Lessons:
    """With the heights that a force field gives, where there are none."""
    if lessons.heights is not None:
        return lessons
    zero = predict(force_field, lessons.references)[0].mean()
    return replace(lessons, heights=predict(force_field, lessons.conformers)[0] - zero)


def _heights(form: LinearForm, values: Float[np.ndarray, " parameters"], lessons: Lessons) -> _Gram:
    """What the columns at some values say of the heights of conformers."""
    assert lessons.heights is not None
    energies, zeros = (
        columns(form.table, len(form.weights) + 1, values, positions).energy
        for positions in (lessons.conformers, lessons.references)
    )
    rows = energies - zeros.mean(1, keepdims=True)
    return _Gram(rows @ rows.T, rows @ lessons.heights, float(lessons.heights @ lessons.heights))


def _none(form: LinearForm) -> _Gram:
    """Of no heights."""
    n_columns = len(form.weights) + 1
    return _Gram(np.zeros((n_columns, n_columns)), np.zeros(n_columns), 0.0)


def common_parameters(
    force_fields: Sequence[ForceField],
) -> tuple[Parameters, list[Int[np.ndarray, " parameters"]]]:
    """The parameters of several force fields in one vector, and where each one's parameters stand in it."""
    index: dict[_Key, int] = {}
    kinds: dict[str, Quantity] = {}
    for force_field in force_fields:
        for name in dict.fromkeys(force_field.parameter_table.quantities):
            kind = force_field.parameter_table.kinds[name]
            if kinds.setdefault(name, kind) != kind:
                raise FitError(
                    f"{name!r} has another prior or other bounds in {force_field.molecule.name}; use one form."
                )
    positions = [
        np.array([index.setdefault(key, len(index)) for key in _keys(force_field, i)], dtype=np.int64)
        for i, force_field in enumerate(force_fields)
    ]
    quantities, labels, values, *_ = zip(*index, strict=True)
    return Parameters(np.array(values), tuple(quantities), numbered_labels(quantities, labels), kinds), positions


_Key = tuple[str, str, float, int, int]


def _keys(force_field: ForceField, molecule: int) -> Iterator[_Key]:
    """What makes parameters of two molecules one: quantity, label without its number, value; and which of several.

    Parameters that are shared by symmetry belong to their molecule alone.
    """
    table, seen = force_field.parameter_table, Counter[tuple[str, str, float]]()
    owner = -1 if force_field.share == "types" else molecule
    for key in zip(table.quantities, map(plain_label, table.labels), table.values.tolist(), strict=True):
        yield *key, seen[key], owner
        seen[key] += 1


def _blocks(n_frames: int, numbers_per_frame: int) -> list[slice]:
    size = max(1, _BLOCK_BYTES // (8 * numbers_per_frame))
    return [slice(i, min(i + size, n_frames)) for i in range(0, n_frames, size)]
