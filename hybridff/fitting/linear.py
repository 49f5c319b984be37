"""Fits that are linear in everything fitted: closed form, with learnt noise, pruned, within bounds.

The posterior of the moves is a Gaussian but for bounds. Noise and, on request, prior widths are learnt by maximising
the evidence (D. J. C. MacKay, Neural Comput. 4, 415 (1992)).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.linalg import blas, cho_solve, cholesky, lapack, solve_triangular

from hybridff.errors import FitError
from hybridff.fitting.conformers import DEVIATION, LOOKS, Lessons, Unseen
from hybridff.fitting.gauss_newton import bounded_quadratic
from hybridff.fitting.normal import Normal, move_columns, normal_equations
from hybridff.fitting.options import FitOptions
from hybridff.fitting.posterior import Posterior
from hybridff.fitting.problem import Noise, common_parameters
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import evaluate
from hybridff.frames.dataset import Frames
from hybridff.gaff.design_matrix import columns
from hybridff.gaff.forcefield import ForceField
from hybridff.gaff.parameters import Parameters, Quantity
from hybridff.gaff.prior_restraints import restraints

_ROUNDS = 4
_EVIDENCE_ROUNDS = 10
_TOLERANCE = 0.03
_FIRST_NOISE = 0.03
"""Of the forces, in units of their root mean square at the start."""
_LEAST_NOISE = 1e-3
_FEW_DATA_NOISE = 0.03
"""Least noise, in the same unit, of forces that all go into coefficients; of others it is less, by the square."""
_RESOLUTION = 3e-7
"""Least noise in units of what a row says in all: data 1e13 times as sharp as the priors still leave double precision
three digits of these."""
_ENERGY_WEIGHT = 3.0
"""On top of what the residuals say: energies carry what forces along a trajectory hardly see."""
_MANY = 2000
"""Rows from which on a preview is worth its time."""
_MOST = 9000
"""Rows that a preview may hold, some 4 GB of matrices; of more, those go that move the forces least."""
_LISTEN = 20
"""Frames of each molecule that show how much a row moves the forces."""
_PREVIEW = 120
"""Frames of each molecule that are enough to see which of many rows do not matter."""
_IDLE = 0.1
"""A row whose variance the preview lowers by less than this, as a fraction of the prior's, is left out."""
_PROBES = 64
"""Random vectors that give the trace of a large matrix."""
_SPARE = 2.0
"""How many times more rows than wanted the preview leaves."""
_STEP = 0.8
"""What one round of pruning leaves, as a fraction: rows replace each other, so that few may go at a time."""
_WIDTH_RANGE = 0.1, 10.0
"""Of learnt prior widths in units of the given ones, so that few data cannot switch a family off or set it free."""


@dataclass(frozen=True, eq=False)
class Covariance:
    """That of the posterior, by the Cholesky factor of its inverse."""

    factor: Float[np.ndarray, "n n"]
    """Lower triangular."""

    @cached_property
    def root(self) -> Float[np.ndarray, "n n"]:
        """Lower triangular; its transpose times itself is the covariance."""
        inverse, _ = lapack.dtrtri(self.factor, lower=1)
        return inverse

    @cached_property
    def variances(self) -> Float[np.ndarray, " n"]:
        """The diagonal."""
        return np.einsum("ij,ij->j", self.root, self.root)

    def spread(self, columns: Float[np.ndarray, "n columns"]) -> float:
        """Sum of the variances of some linear functions."""
        return float((solve_triangular(self.factor, columns, lower=True, check_finite=False) ** 2).sum())

    def trace(self, weights: Float[np.ndarray, " n"]) -> float:
        """Of the product with a diagonal matrix.

        From many rows on by random probes (M. F. Hutchinson, Commun. Stat. Simul. Comput. 18, 1059 (1989)), good to a
        few tenths of a per cent, since the inverse would take longer than all else.
        """
        if len(weights) < _MANY:
            return float((weights * self.variances).sum())
        probes = np.random.default_rng(0).choice((-1.0, 1.0), (len(weights), _PROBES))
        return self.spread(np.sqrt(weights)[:, None] * probes) / _PROBES


@dataclass(frozen=True, eq=False)
class Heights:
    """Energies of conformers above those of references, in units of the deviation that is allowed."""

    weights: Float[np.ndarray, "n conformers"]
    """What moves do to them."""
    targets: Float[np.ndarray, " conformers"]
    """What moves should do to them."""

    def __add__(self, other: "Heights") -> "Heights":
        return Heights(np.hstack([self.weights, other.weights]), np.concatenate([self.targets, other.targets]))


@dataclass(frozen=True, eq=False)
class Estimate:
    """The posterior's mean and covariance, and the noise that weighs the data in them."""

    moves: Float[np.ndarray, " n"]
    covariance: Covariance
    noise: Noise
    precision: Float[np.ndarray, " n"]
    """Of the priors, in moves: 1 unless learnt or scaled."""
    conformers: Heights
    """What it was told of conformers that no frame shows."""
    prior_scale: float = 1.0
    """Of all widths, in units of the given ones."""


class LinearProblem:
    """Coefficients of one or several molecules against their frames.

    Parameters that molecules share by type are one. Raises ``FitError`` without forces.
    """

    start: Parameters
    """The parameters of all molecules in one vector."""
    positions: list[Int[np.ndarray, " parameters"]]
    """Where each molecule's parameters stand in it."""
    fitted: Int[np.ndarray, " n"]
    """Which of them move."""
    widths: Float[np.ndarray, " n"]
    """Their prior widths [kJ/mol]."""

    def __init__(
        self,
        pairs: Sequence[tuple[ForceField, Frames]],
        options: FitOptions,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.options, self.pairs = options, list(pairs)
        for force_field, frames in pairs:
            if frames.forces is None:
                raise FitError(f"the training frames of {force_field.molecule.name} have no forces; a fit needs them.")
        self._progress = progress or (lambda frames: None)
        self._noise: Noise | None = None
        self.unseen = [Unseen(force_field, frames.positions) for force_field, frames in pairs]
        self._restrict(None)
        if len(self.fitted) > _MOST:
            self._drop_quiet()
        limit = sum(options.most_rows(len(force_field.molecule.numbers)) for force_field, _ in pairs)
        seen = [frames.subset(np.arange(min(len(frames), _PREVIEW))) for _, frames in pairs]
        complete = all(len(part) == len(frames) for part, (_, frames) in zip(seen, pairs, strict=True))
        if not complete and len(self.fitted) > min(_MANY, _SPARE * limit):
            preview = [(force_field, part) for (force_field, _), part in zip(self.pairs, seen, strict=True)]
            self._prune(self._without_idle(self._normal(preview)), _SPARE * limit)
        self.normal = self._prune(self._normal(self.pairs), limit)

    def _restrict(self, dropped: Bool[np.ndarray, " n"] | None) -> None:
        """Leave some fitted coefficients out of the force fields."""
        if dropped is not None:
            gone = np.zeros(len(self.start), dtype=bool)
            gone[self.fitted[dropped]] = True
            self.pairs = [
                (force_field.without(gone[position]), frames)
                for (force_field, frames), position in zip(self.pairs, self.positions, strict=True)
            ]
        self.start, self.positions = common_parameters([force_field for force_field, _ in self.pairs])
        self.fitted = np.flatnonzero(self.start.adjustable)
        self.widths = self.start.prior_widths[self.fitted]
        self.restraints = _in_moves(self)
        self.conformers = _heights_in_moves(self, [unseen.first for unseen in self.unseen])

    def normal_of(self, frames: Sequence[Frames]) -> Normal:
        """The sums over other frames, those of each molecule in turn."""
        return self._normal([(force_field, own) for (force_field, _), own in zip(self.pairs, frames, strict=True)])

    def _normal(self, pairs: Sequence[tuple[ForceField, Frames]]) -> Normal:
        parts = [
            normal_equations(force_field, frames, self.start, position, self.fitted, self._progress)
            for (force_field, frames), position in zip(pairs, self.positions, strict=True)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _drop_quiet(self) -> None:
        """Leave out the rows whose forces are smallest, in units of their prior widths."""
        loudness = np.zeros(len(self.fitted))
        for (force_field, frames), position in zip(self.pairs, self.positions, strict=True):
            table = move_columns(force_field.table, self.start, position, self.fitted)
            values = force_field.parameter_table.values
            for frame in frames.positions[:_LISTEN]:
                force = columns(table, len(self.fitted) + 1, values, frame[None]).force[1:]
                loudness += (force**2).sum((1, 2))
        loudness[~self._dispensable] = math.inf
        dropped = np.ones(len(self.fitted), dtype=bool)
        dropped[np.argsort(-loudness, kind="stable")[:_MOST]] = False
        self._restrict(dropped)

    def _without_idle(self, normal: Normal) -> Normal:
        """Leave out the rows that the data say nothing about."""
        known = np.ones(len(self.fitted))
        self._noise = self._learn(normal, known, rounds=2)
        found = self._solve(normal, self._noise, known)
        dropped = (1 - found.covariance.variances < _IDLE) & self._dispensable
        normal = normal.subset(~dropped)
        self._restrict(dropped)
        return normal

    @property
    def _dispensable(self) -> Bool[np.ndarray, " n"]:
        """Rows without a value at the start and without bounds."""
        lower, upper = self._limits
        return (self.start.values[self.fitted] == 0) & np.isinf(lower) & np.isinf(upper)

    def _prune(self, normal: Normal, limit: float) -> Normal:
        """Leave out the rows that matter least, in a few rounds; those with a value at the start or bounds stay."""
        noise = self._first_noise(normal)
        while len(self.fitted) > limit:
            found = self._solve(normal, noise, np.ones(len(self.fitted)))
            noise = self._noise = self._learn_noise(normal, found)
            score = found.moves**2 / found.covariance.variances
            score[~self._dispensable] = math.inf
            n_kept = max(int(limit), int(_STEP * len(self.fitted)), int(np.isinf(score).sum()))
            if n_kept == len(self.fitted):
                break
            dropped = np.ones(len(self.fitted), dtype=bool)
            dropped[np.argsort(-score, kind="stable")[:n_kept]] = False
            normal = normal.subset(~dropped)
            self._restrict(dropped)
        return normal

    @property
    def _limits(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        lower, upper = self.start.bounds
        values = self.start.values[self.fitted]
        return (lower[self.fitted] - values) / self.widths, (upper[self.fitted] - values) / self.widths

    def wanted(self, lessons: Normal | None = None) -> Estimate:
        """The estimate that the options ask for."""
        scale, learn = self.options.prior_scale or 1.0, self.options.widths == "learnt"
        return self.estimate(self.normal, prior_scale=scale, learn_widths=learn, lessons=lessons)

    def _wells(self, found: Estimate) -> Heights | None:
        """What an estimate gets wrong of conformers that no frame shows; None where there is nothing."""
        if not any(unseen.rotors for unseen in self.unseen):
            return None
        wells = [
            unseen.wells(force_field)
            for unseen, force_field in zip(self.unseen, self.force_fields(found.moves), strict=True)
        ]
        return None if not any(wells) else _heights_in_moves(self, wells)

    def estimate(
        self,
        normal: Normal,
        prior_scale: float = 1.0,
        learn_widths: bool = False,
        lessons: Normal | None = None,
    ) -> Estimate:
        """Moves, noise and, if wanted, prior widths by turns; ``lessons`` are added to what is already learnt."""
        precision = np.full(len(self.fitted), prior_scale**-2)
        if learn_widths:
            noise, precision = self._learn_widths(normal, precision, prior_scale)
        else:
            noise = self._learn(normal, precision)
        weighted = Noise(noise.energy / math.sqrt(_ENERGY_WEIGHT * self.options.energy_weight), noise.force)
        everything, conformers = normal if lessons is None else lessons + normal, self.conformers
        found = self._bounded(self._solve(everything, weighted, precision, conformers))
        for _ in range(LOOKS):
            wells = self._wells(found)
            if wells is None:
                break
            conformers = conformers + wells
            found = self._bounded(self._solve(everything, weighted, precision, conformers))
        return replace(found, prior_scale=prior_scale)

    def _learn(self, normal: Normal, precision: Float[np.ndarray, " n"], rounds: int = _ROUNDS) -> Noise:
        """The noise, by turns with the moves."""
        noise = self._first_noise(normal)
        for _ in range(rounds):
            before, noise = noise, self._learn_noise(normal, self._solve(normal, noise, precision))
            if max(abs(noise.energy / before.energy - 1), abs(noise.force / before.force - 1)) < _TOLERANCE:
                break
        return noise

    def _learn_widths(
        self, normal: Normal, precision: Float[np.ndarray, " n"], prior_scale: float
    ) -> tuple[Noise, Float[np.ndarray, " n"]]:
        """The noise and the precision of the priors, by turns with the moves."""
        families = np.array([self.start.quantities[i] for i in self.fitted])
        noise = self._first_noise(normal)
        for _ in range(_EVIDENCE_ROUNDS):
            found = self._solve(normal, noise, precision)
            noise = self._learn_noise(normal, found)
            precision = _learn_precision(found, families, prior_scale)
        return noise, precision

    def _first_noise(self, normal: Normal) -> Noise:
        """What pruning has learnt, or a guess."""
        if self._noise is not None:
            return self._noise
        force = math.sqrt(normal.square / normal.n_forces)
        energy = float(np.sqrt(np.mean(normal.residuals**2)))
        return Noise(max(_FIRST_NOISE * energy, 1e-6), max(_FIRST_NOISE * force, 1e-5))

    def _solve(
        self,
        normal: Normal,
        noise: Noise,
        precision: Float[np.ndarray, " n"],
        conformers: Heights | None = None,
    ) -> Estimate:
        conformers = self.conformers if conformers is None else conformers
        noise = _resolvable(normal, noise, precision)
        hessian = (normal.matrix / noise.force**2).T
        hessian = blas.dsyrk(noise.energy**-2, normal.rows, 1.0, hessian, lower=1, overwrite_c=1)
        hessian = blas.dsyrk(1.0, conformers.weights, 1.0, hessian, lower=1, overwrite_c=1)
        right = normal.vector / noise.force**2 + normal.rows @ normal.residuals / noise.energy**2
        right += conformers.weights @ conformers.targets
        weights, targets = self.restraints
        own = (weights.T @ weights).tocoo()
        hessian[own.row, own.col] += own.data
        right += weights.T @ targets
        hessian[np.diag_indices(len(hessian))] += precision
        factor = cholesky(hessian, lower=True, overwrite_a=True, check_finite=False)
        moves = cho_solve((factor, True), right, check_finite=False)
        return Estimate(moves, Covariance(factor), noise, precision, conformers)

    def _learn_noise(self, normal: Normal, found: Estimate) -> Noise:
        """MacKay's re-estimates, with floors for perfect or very few data."""
        determined = len(found.moves) - found.covariance.trace(found.precision)
        by_energies = found.covariance.spread(normal.rows) / found.noise.energy**2
        n_energies = len(normal.residuals) - normal.n_molecules
        energy = normal.energy_square(found.moves) / max(n_energies - by_energies, 0.2 * n_energies, 1.0)
        left = max(normal.n_forces - (determined - by_energies), 0.2 * normal.n_forces)
        force = normal.force_square(found.moves) / left
        least = max(_LEAST_NOISE, _FEW_DATA_NOISE * (determined / normal.n_forces) ** 2)
        least *= math.sqrt(normal.square / normal.n_forces)
        return Noise(max(math.sqrt(energy), 1e-6), max(math.sqrt(force), least, 1e-5))

    def _bounded(self, found: Estimate) -> Estimate:
        """The most probable moves within their bounds, from the posterior of the bounded ones alone."""
        lower, upper = self._limits
        bounded = np.flatnonzero(np.isfinite(lower) | np.isfinite(upper))
        if not len(bounded):
            return found
        own = found.covariance.root[:, bounded]
        inverse = solve_triangular(np.linalg.qr(own, mode="r"), np.eye(len(bounded)))
        precision = inverse @ inverse.T
        below, above = lower[bounded] - found.moves[bounded], upper[bounded] - found.moves[bounded]
        shift = bounded_quadratic(precision, np.zeros(len(bounded)), below, above)
        moves = found.moves + found.covariance.root.T @ (own @ (precision @ shift))
        moves[bounded] = np.select(
            [shift <= below, shift >= above], [lower[bounded], upper[bounded]], found.moves[bounded] + shift
        )
        return replace(found, moves=moves)

    def parameters(self, moves: Float[np.ndarray, " n"]) -> Parameters:
        """The common parameters after some moves."""
        values = self.start.values.copy()
        values[self.fitted] += moves * self.widths
        return self.start.with_values(values)

    def force_fields(self, moves: Float[np.ndarray, " n"]) -> tuple[ForceField, ...]:
        """Every molecule's force field after some moves."""
        values = self.parameters(moves).values
        return tuple(
            force_field.with_values(values[position])
            for (force_field, _), position in zip(self.pairs, self.positions, strict=True)
        )

    def posteriors(self, found: Estimate) -> tuple[Posterior, ...]:
        """What is known of each molecule's coefficients."""
        column = np.full(len(self.start), -1)
        column[self.fitted] = np.arange(len(self.fitted))
        posteriors = []
        for position, means in zip(self.positions, self.normal.means, strict=True):
            fitted = np.flatnonzero(column[position] >= 0)
            own = column[position[fitted]]
            posteriors.append(
                Posterior(fitted, found.covariance.root[:, own] * self.widths[own], means[own] / self.widths[own])
            )
        return tuple(posteriors)

    def learnt_kinds(self, found: Estimate) -> dict[str, Quantity]:
        """The quantities with the prior widths of an estimate, less the scale of all of them."""
        kinds = dict(self.start.kinds)
        for i, precision in zip(self.fitted, found.precision, strict=True):
            name = self.start.quantities[i]
            width = self.start.kinds[name].prior_width
            assert width is not None
            kinds[name] = replace(kinds[name], prior_width=width / math.sqrt(precision) / found.prior_scale)
        return kinds


def fit_linear(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions,
    validation: Sequence[Frames] = (),
    progress: Callable[[int], None] | None = None,
) -> FitResult:
    """Fit in closed form; ``validation`` frames calibrate the predicted deviations."""
    begin = perf_counter()
    problem = LinearProblem(pairs, options, progress)
    return result(problem, problem.wanted(), validation, perf_counter() - begin)


def result(problem: LinearProblem, found: Estimate, validation: Sequence[Frames], seconds: float) -> FitResult:
    """What an estimate says."""
    force_fields = problem.force_fields(found.moves)
    posteriors = problem.posteriors(found)
    if validation and all(len(frames) and frames.forces is not None for frames in validation):
        posteriors = tuple(
            posterior.calibrated(force_field, frames)
            for posterior, force_field, frames in zip(posteriors, force_fields, validation, strict=True)
        )
    deviations = np.zeros(len(problem.start))
    deviations[problem.fitted] = np.sqrt(found.covariance.variances) * problem.widths
    nothing = np.zeros(len(problem.fitted))
    start, end = (
        0.5 * problem.normal.energy_square(moves) / found.noise.energy**2
        + 0.5 * problem.normal.force_square(moves) / found.noise.force**2
        for moves in (nothing, found.moves)
    )
    return FitResult(
        force_fields=force_fields,
        energy_offsets=tuple(
            evaluate(force_field, frames).energy_offset
            for force_field, (_, frames) in zip(force_fields, problem.pairs, strict=True)
        ),
        start=replace(problem.start, kinds=problem.learnt_kinds(found)),
        end=problem.parameters(found.moves),
        deviations=deviations,
        noise=Noise(found.noise.energy * math.sqrt(_ENERGY_WEIGHT * problem.options.energy_weight), found.noise.force),
        loss_start=start,
        loss_end=end,
        iterations=1,
        converged=True,
        prior_scale=found.prior_scale,
        seconds=seconds,
        posteriors=posteriors,
        unseen=tuple(unseen.sentence() for unseen in problem.unseen),
    )


def _in_moves(problem: LinearProblem) -> tuple[sparse.sparray, Float[np.ndarray, " restraints"]]:
    """The restraints on the fitted coefficients as weights and targets of moves, in units of their deviations."""
    column = np.full(len(problem.start), -1)
    column[problem.fitted] = np.arange(len(problem.fitted))
    widths = problem.start.prior_widths
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
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    shape = (len(targets), len(problem.fitted))
    return sparse.csr_array((np.array(values, dtype=float), (rows, columns)), shape=shape), np.array(targets)


def _heights_in_moves(problem: LinearProblem, lessons: Sequence[Lessons | None]) -> Heights:
    """What the energies of some conformers of each molecule should be."""
    n = len(problem.fitted)
    weights, targets = [np.zeros((n, 0))], [np.zeros(0)]
    start = np.concatenate([[1.0], problem.start.values[problem.fitted] / problem.widths])
    for own, (force_field, _), position in zip(lessons, problem.pairs, problem.positions, strict=True):
        if own is None or not len(own.conformers) or not len(own.references):
            continue
        table = move_columns(force_field.table, problem.start, position, problem.fitted)
        values = force_field.parameter_table.values
        energy, zero = (columns(table, n + 1, values, x).energy for x in (own.conformers, own.references))
        energy = energy - zero.mean(1, keepdims=True)
        weights.append(energy[1:] / DEVIATION)
        missing = 0.0 if own.heights is None else own.heights - start @ energy
        targets.append(np.broadcast_to(missing / DEVIATION, energy.shape[1]))
    return Heights(np.concatenate(weights, 1), np.concatenate(targets))


def _resolvable(normal: Normal, noise: Noise, precision: Float[np.ndarray, " n"]) -> Noise:
    """The noise, raised where double precision could not hold data and priors together."""
    least = _RESOLUTION / math.sqrt(precision.min(initial=1.0))
    energy = least * math.sqrt((normal.rows**2).sum(1).max(initial=0.0))
    force = least * math.sqrt(normal.matrix.diagonal().max(initial=0.0))
    return Noise(max(noise.energy, energy), max(noise.force, force))


def _learn_precision(found: Estimate, families: np.ndarray, prior_scale: float) -> Float[np.ndarray, " n"]:
    precision = found.precision.copy()
    variances = found.covariance.variances
    narrow, wide = _WIDTH_RANGE
    for family in np.unique(families):
        own = families == family
        determined = own.sum() - float((precision[own] * variances[own]).sum())
        learnt = (determined + 0.5) / (float((found.moves[own] ** 2).sum()) + 0.5 * prior_scale**2)
        precision[own] = np.clip(learnt, (wide * prior_scale) ** -2, (narrow * prior_scale) ** -2)
    return precision
