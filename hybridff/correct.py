"""Corrections to a fitted force field: kernels on sets of atoms, trained on what its terms leave."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.analysis.errors import evaluate
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.gram import add_squares, n_internal
from hybridff.corrections.process import Hyperparameters, Targets, learn, solve
from hybridff.corrections.sparse import Block, SparseProblem, farthest
from hybridff.corrections.term import KernelTerm
from hybridff.dataset import Frames
from hybridff.errors import FitError, InputError
from hybridff.fit.posterior import Posterior
from hybridff.fit.refit import is_linear
from hybridff.gaff.forcefield import ForceField
from hybridff.gate import StabilityReport, stability
from hybridff.residuals import Leftover
from hybridff.stable import GateOptions, Say
from hybridff.units import ANGSTROM, FORCE_KCAL

_JUDGED = 1300
"""Forces that length scales, amplitudes and noise are learnt from."""
_JUDGED_AGAIN = 2600
"""Forces that they are learnt from once more for a single kernel, beginning with what the fewer said."""
_TRIED = 8000
"""Forces and energies that show which noise is best."""
_MOST = 22000
"""Forces and energies that kernels are trained on at once: 3.9 GB of covariance, twice."""
_LOCAL_POINTS = 200
"""Points of a kernel on some atoms alone, which dynamics can afford."""
_FUNCTIONS = 7000
"""Of all kernels together, where they have fewer points than there are frames: 0.4 GB."""
_BLOCK_BYTES = 1 << 28
_NOISES = ((0.3, 0.3), (1.0, 1.0), (0.1, 0.1))
"""Noise of forces and of energies that is tried on validation frames, in units of that of the evidence, which is that
of few frames; the first where there are none."""
_SPARSE_NOISES = ((1.0, 1.0), (3.0, 1.0), (10.0, 1.0), (3.0, 3.0), (0.3, 0.3))
"""The same for kernels with fewer points than frames, which leave something of their own."""
_TINY = 1e-9
"""Errors that are as good as none [kJ/mol, kJ/mol/nm]."""
_NOISIER = (1.0, 3.0, 10.0)
"""Noise that the stability gate is tried with, in units of what was found best."""


@dataclass(frozen=True, kw_only=True)
class CorrectionOptions:
    """How kernels are trained."""

    points: int | None = None
    """Geometries that each kernel is a sum over, chosen to be unlike each other; all frames train it. If not given, 200
    for kernels on some atoms; for one on all atoms every frame, as far as memory allows."""

    descriptor: Literal["auto", "distances", "angular"] = "auto"
    """What a kernel sees: inverse distances of all pairs of its atoms, as in sGDML, or also the angles and torsions of
    its bonds; auto takes what there is more evidence for."""

    kernel_width: float | None = None
    """Length scale of all kernels [1/Å]; learnt if not given."""

    kernel_noise: float | None = None
    """Noise of force components that the kernels assume [kcal/mol/Å]; learnt if not given."""

    def __post_init__(self) -> None:
        if self.points is not None and self.points < 1:
            raise InputError(f"option points has to be at least 1, not {self.points}.")
        for name in ("kernel_width", "kernel_noise"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise InputError(f"option {name} has to be a positive number, not {value}.")


@dataclass(frozen=True, eq=False)
class Corrected:
    """A force field with kernels, and what is known of these."""

    force_field: ForceField
    energy_offset: float
    """Reference minus model energy [kJ/mol]."""
    atoms: tuple[tuple[int, ...], ...]
    """Of each kernel that was asked for, counted from 0."""
    found: Hyperparameters
    noise: float
    """Of force components, as the kernels were trained with [kJ/mol/nm]."""
    n_points: tuple[int, ...]
    """Geometries of each kernel; none where it is switched off."""
    n_frames: int
    """Frames that the kernels were trained on."""
    seconds: float
    angular: bool
    """Whether the kernels see angles and torsions."""
    joint: bool
    """Whether the force field's own coefficients moved too."""
    report: StabilityReport | None = None
    """The gate's verdict; None where none was asked for."""
    remarks: tuple[str, ...] = ()
    """What had to be done to pass the gate, and why kernels are missing."""

    def sentences(self) -> tuple[str, ...]:
        """What became of each kernel."""
        molecule, found = self.force_field.molecule, []
        for group, strength, points in zip(self.atoms, self.found.strengths, self.n_points, strict=True):
            everything = len(group) == len(molecule.numbers)
            name = "all atoms" if everything else f"atoms {', '.join(molecule.label(atom) for atom in group)}"
            if points:
                sees = "distances, angles and torsions" if self.angular else "distances"
                found.append(
                    f"The kernel on {name} sees {sees} and is a sum over {points} geometries, trained on "
                    f"{self.n_frames} frames: length scale {strength.width * ANGSTROM:.2g}/Å, force components of "
                    f"{strength.amplitude / FORCE_KCAL:.2g} kcal/mol/Å a priori, noise of "
                    f"{self.noise / FORCE_KCAL:.2g} kcal/mol/Å, evidence of e^{strength.gain:.0f} for "
                    "it."
                )
            elif not strength.variance:
                found.append(f"The kernel on {name} is switched off: the data give no evidence for it.")
            else:
                found.append(f"The kernel on {name} is switched off.")
        if self.joint:
            found.append("The coefficients of the terms were solved for together with the kernels.")
        return (*found, *self.remarks)


def correct_stable(
    force_field: ForceField,
    frames: Frames,
    atoms: Sequence[Sequence[int]],
    gate: GateOptions | None = None,
    options: CorrectionOptions | None = None,
    *,
    posterior: Posterior | None = None,
    validation: Frames | None = None,
    seed: int = 0,
    say: Say | None = None,
) -> Corrected:
    """Correct as ``correct`` does, and again with more noise until the stability gate is passed.

    If nothing passes, the force field is left without kernels.
    """
    gate, say = gate or GateOptions(), say or (lambda sentence: None)
    say("kernels: length scales, amplitudes and noise …")
    problem = _Problem(force_field, frames, atoms, options, posterior, validation, seed)
    report = None
    for factor in _NOISIER:
        say("kernels: training …")
        found = problem.solved(factor)
        if gate.stability is None or not found.force_field.corrections:
            return found
        say("stability gate …")
        failed, report = report is not None, stability(found.force_field, gate.stability)
        if report.passed:
            remark = f"The plain correction did not pass the stability gate; this one takes {factor:g} times the noise."
            return replace(found, report=report, remarks=(remark,) if failed else ())
        say(f"not stable; training again: {report.failures[0].message}")
    assert report is not None
    remark = (
        f"No correction passed the stability gate, whatever its noise, so there is none: {report.failures[0].message}"
    )
    return replace(problem.without((remark,)), report=stability(force_field, gate.stability))


def correct(
    force_field: ForceField,
    frames: Frames,
    atoms: Sequence[Sequence[int]],
    options: CorrectionOptions | None = None,
    *,
    posterior: Posterior | None = None,
    validation: Frames | None = None,
    seed: int = 0,
) -> Corrected:
    """Train kernels on sets of atoms, all of them together.

    How strong a kernel is comes from the evidence for it beside all that the terms themselves might have been, where
    the form is linear: what a fit leaves on its own training frames is less than what it leaves on others. A kernel
    without evidence, or that does not help on ``validation`` frames, is switched off.

    With the ``posterior`` of the fit, the coefficients of the terms are unknowns too, as far as the fit has left them
    open; without kernels they are then about as good as before. Otherwise the terms stay what they are.

    Raises ``FitError`` for frames without forces, fewer than two of them, or a force field that has corrections
    already; ``InputError`` for two kernels on the same atoms.
    """
    return _Problem(force_field, frames, atoms, options, posterior, validation, seed).solved(1.0)


class _Problem:
    """What the evidence says of the kernels, for as many trainings as are wanted."""

    def __init__(
        self,
        force_field: ForceField,
        frames: Frames,
        atoms: Sequence[Sequence[int]],
        options: CorrectionOptions | None,
        posterior: Posterior | None,
        validation: Frames | None,
        seed: int,
    ) -> None:
        name = force_field.molecule.name
        if frames.forces is None:
            raise FitError(f"the training frames of {name} have no forces; a correction needs them.")
        if len(frames) < 2:
            raise FitError(
                f"{name} has {len(frames)} training frame; a correction needs at least two, some tens better."
            )
        if force_field.corrections:
            raise FitError(f"{name} has corrections already; correct the model without them.")
        if len({frozenset(group) for group in atoms}) < len(atoms):
            raise InputError("two corrections are on the same atoms; leave one of them out.")
        begin = perf_counter()
        self._force_field, self._frames, self._posterior = force_field, frames, posterior
        self._options = options or CorrectionOptions()
        self._validation = validation if validation is not None and validation.forces is not None else None
        self._order = np.random.default_rng(seed).permutation(len(frames))
        self._leftover = Leftover(force_field, frames, sorted({atom for group in atoms for atom in group}))
        positions = torch.as_tensor(frames.positions)
        kinds = {"auto": (False, True), "distances": (False,), "angular": (True,)}[self._options.descriptor]
        self._choices = [
            [Fragment.find(force_field.molecule, group, positions, angular=angular) for group in atoms]
            for angular in kinds
        ]
        self._fragments, self._found = self._learnt()
        self._sparse = self._sparse_problem()
        self._noise = self._best_noise()
        self._seconds = perf_counter() - begin

    def solved(self, noise: float) -> Corrected:
        """The kernels trained with so many times the best noise."""
        if not self._wanted:
            return self.without(())
        begin = perf_counter()
        force, energy = (noise * own for own in self._noise)
        hybrid = self._trained(force, energy, self._order)
        if self._validation is not None and self._score(hybrid) >= 0:
            remark = "There is no correction: on the validation frames the force field is no worse without it."
            return self.without((remark,))
        return self._result(hybrid, force, self._seconds + perf_counter() - begin, ())

    def without(self, remarks: tuple[str, ...]) -> Corrected:
        """No kernel."""
        return self._result(self._force_field, self._noise[0], self._seconds, remarks)

    @property
    def _wanted(self) -> bool:
        """Whether there is evidence for any kernel."""
        return any(strength.variance for strength in self._found.strengths)

    def _result(self, hybrid: ForceField, noise: float, seconds: float, remarks: tuple[str, ...]) -> Corrected:
        sizes = iter([len(term.expansion.points) for term in hybrid.corrections if isinstance(term, KernelTerm)])
        points = [next(sizes, 0) if strength.variance else 0 for strength in self._found.strengths]
        return Corrected(
            hybrid,
            evaluate(hybrid, self._frames).energy_offset,
            tuple(fragment.atoms for fragment in self._fragments),
            self._found,
            noise * self._found.force_noise,
            tuple(points),
            len(self._frames) if any(points) else 0,
            seconds,
            any(fragment.descriptor.angles for fragment in self._fragments),
            any(points) and self._posterior is not None,
            remarks=remarks,
        )

    def _learnt(self) -> tuple[list[Fragment], Hyperparameters]:
        """The kernels with the most evidence for them, and what that evidence says."""
        found = [self._judged(fragments, _JUDGED, None) for fragments in self._choices]
        best = min(range(len(found)), key=lambda i: found[i].cost)
        fragments, chosen = self._choices[best], found[best]
        if len(fragments) == 1 and len(self._frames) > self._n_judged(_JUDGED):
            chosen = self._judged(fragments, _JUDGED_AGAIN, chosen)
        return fragments, chosen

    def _judged(self, fragments: Sequence[Fragment], most: int, first: Hyperparameters | None) -> Hyperparameters:
        """What the evidence of so many forces says."""
        rows = self._order[: self._n_judged(most)]
        data = self._leftover.of(rows)
        known = data.offset @ data.offset.T
        if is_linear(self._force_field):
            add_squares(known, self._leftover.prior_rows(rows))
        targets = Targets(data.values, data.n_forces, known)
        width = None if self._options.kernel_width is None else self._options.kernel_width / ANGSTROM
        return learn(targets, fragments, data.points(fragments), first=first, width=width)

    def _n_judged(self, most: int) -> int:
        return max(10, most // self._leftover.freedoms)

    def _sparse_problem(self) -> SparseProblem | None:
        """Of kernels with fewer points than there are frames; None where each frame is a point, or without evidence."""
        n, fragments = len(self._frames), self._fragments
        everything = all(len(fragment.atoms) == self._frames.positions.shape[1] for fragment in fragments)
        wanted = self._options.points or (n if everything else _LOCAL_POINTS)
        if not self._wanted or (wanted >= n and n * (self._leftover.freedoms + 1) <= _MOST):
            return None
        each = sum(
            n_internal(len(fragment.atoms)) + 1
            for fragment, strength in zip(fragments, self._found.strengths, strict=True)
            if strength.variance
        )
        n_points = min(wanted, n, max(1, _FUNCTIONS // each))
        positions = self._frames.positions[self._order]
        centres = [
            positions[farthest(fragment, positions, strength.width, n_points)]
            for fragment, strength in zip(fragments, self._found.strengths, strict=True)
        ]
        return SparseProblem(self._blocks(), fragments, centres, self._found)

    def _best_noise(self) -> tuple[float, float]:
        """Of forces and energies, in units of the evidence's: as wanted, or what does best on validation frames."""
        if self._options.kernel_noise is not None:
            factor = self._options.kernel_noise * FORCE_KCAL / self._found.force_noise
            return factor, factor
        noises = _NOISES if self._sparse is None else _SPARSE_NOISES
        if self._validation is None or not self._wanted:
            return noises[0]
        rows = self._order[: max(10, _TRIED // (self._leftover.freedoms + 1))]
        return min(noises, key=lambda noise: self._score_of(noise, rows))

    def _score_of(self, noise: tuple[float, float], rows: Int[np.ndarray, " rows"]) -> float:
        """Of kernels with this noise; infinite where it is too small for double precision."""
        try:
            return self._score(self._trained(noise[0], noise[1], rows))
        except InputError:
            return math.inf

    def _score(self, model: ForceField) -> float:
        """How much worse than without kernels a model is on the validation frames, in forces and energies together."""
        assert self._validation is not None
        pairs = zip(self._errors(model), self._errors_before, strict=True)
        return sum(math.log(max(after, _TINY) / max(before, _TINY)) for after, before in pairs)

    @cached_property
    def _errors_before(self) -> tuple[float, float]:
        """Without kernels."""
        return self._errors(self._force_field)

    def _errors(self, model: ForceField) -> tuple[float, float]:
        """Of forces and energies of the validation frames."""
        assert self._validation is not None
        found = evaluate(model, self._validation, evaluate(model, self._frames).energy_offset)
        assert found.force_rmse is not None
        return found.force_rmse, found.energy_rmse

    def _trained(self, force: float, energy: float, rows: Int[np.ndarray, " rows"]) -> ForceField:
        """With kernels; ``rows`` are their points where each frame is one."""
        if self._sparse is not None:
            terms, others = self._sparse.solved(force, energy)
            return self._moved(others[1:] if self._posterior is not None else None).with_corrections(terms)
        data = self._leftover.of(rows)
        known, own = data.offset @ data.offset.T, None
        if self._posterior is not None:
            own = self._leftover.posterior_rows(self._posterior, rows)
            add_squares(known, own)
        found = self._found
        found = replace(found, force_noise=force * found.force_noise, energy_noise=energy * found.energy_noise)
        targets = Targets(data.values, data.n_forces, known)
        terms, weights = solve(targets, self._fragments, data.points(self._fragments), found)
        return self._moved(None if own is None else own @ weights).with_corrections(terms)

    def _blocks(self) -> Iterator[Block]:
        size = max(1, _BLOCK_BYTES // (8 * _FUNCTIONS * (self._leftover.freedoms + 1)))
        for first in range(0, len(self._order), size):
            rows = self._order[first : first + size]
            data = self._leftover.of(rows)
            others = data.offset.T
            if self._posterior is not None:
                others = np.concatenate([others, self._leftover.posterior_rows(self._posterior, rows)])
            yield Block(data.values, data.n_forces, data.points(self._fragments), others)

    def _moved(self, amounts: Float[np.ndarray, " rank"] | None) -> ForceField:
        """The force field after some moves, within the bounds of its coefficients."""
        if amounts is None or self._posterior is None:
            return self._force_field
        parameters, fitted = self._force_field.parameter_table, self._posterior.fitted
        values, (lower, upper) = parameters.values.copy(), parameters.bounds
        moved = values[fitted] + self._posterior.spread.T @ amounts
        values[fitted] = np.clip(moved, lower[fitted], upper[fitted])
        return self._force_field.with_values(values)
