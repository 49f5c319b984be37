"""Corrections to a fitted force field: kernels on sets of atoms, trained on what its terms leave."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from hybridff.cache import cached_json
from hybridff.corrections.device import Device, check_device, chosen, most_rows, within_memory
from hybridff.corrections.fragment import Fragment
from hybridff.corrections.hyperparameters import (
    WORTH,
    Judge,
    Part,
    Predictions,
    State,
    changes,
    learn,
    score,
    single_precision,
    too_bad_alone,
)
from hybridff.corrections.term import KernelTerm
from hybridff.errors import FitError, InputError
from hybridff.fitting.conformers import DEVIATION, UnseenConformers, false_minima, find_unseen_conformers
from hybridff.fitting.posterior import Posterior
from hybridff.frames.accuracy import evaluate, predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.pseudo_frames import Anchors, hot_geometries
from hybridff.hybrid.residual import Leftover
from hybridff.hybrid.training import Training
from hybridff.progress import Say
from hybridff.stability.gate import Finding, GateOptions, StabilityReport, check_stability
from hybridff.units import ANGSTROM, FORCE_KCAL, KCAL_MOL

_JUDGED = 6000
"""Forces and energies of kernels that are judged by their predictions."""
_JUDGEMENTS, _TRAININGS = 40, 8
"""How many of those, and of trainings where there are more."""
_UNSEEN = 100
"""Validation frames that predictions are judged by, at most."""
_LEAST_UNSEEN = 5
"""Validation frames that show anything."""
_LOCAL_POINTS = 200
"""Points of a kernel on some atoms alone, which dynamics can afford."""
_SPARSE_NOISE = 0.3
"""Where the search for the noise of kernels with fewer points than frames begins: they leave something of their own. In
units of what the terms alone leave."""
_TINY = 1e-9
"""Noise that is as good as none [kJ/mol/nm]."""
_SILENT = 5.0
"""Seconds without a word."""
_ANCHORS, _ANCHORED = 40, 1.0 * KCAL_MOL
"""Conformers that no frame shows, and the least deviation that kernels give their energies."""
_AS_WRONG = 2.0
"""That deviation where the terms are poor, in units of what they leave of the energies of validation frames."""
_HOT = 200
"""Geometries of hot dynamics, at most half as many as frames, where kernels with few points leave what the terms say as
it is: energies give or take what the terms leave of those of validation frames, forces more than what they leave of
theirs."""
_LOOKS = 3
"""For wells at others of these."""
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
    its bonds; auto takes what does better on the validation frames."""

    kernel_width: float | None = None
    """Length scale of all kernels [1/Å]; learnt if not given."""

    kernel_noise: float | None = None
    """Noise of force components that the kernels assume [kcal/mol/Å]; learnt if not given."""

    device: Device = "auto"
    """Where kernels are trained: on a GPU by CUDA if PyTorch finds one, or on the processor. A GPU takes more frames
    as points of a kernel on all atoms, as far as its memory allows."""

    def __post_init__(self) -> None:
        check_device(self.device)
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
    state: State
    """Length scales, amplitudes and noise that the kernels were trained with."""
    gains: tuple[float, ...]
    """By how much the score of the validation frames is worse without each kernel: see ``corrections.learn.score``."""
    n_points: tuple[int, ...]
    """Geometries of each kernel; none where it is switched off."""
    n_frames: int
    """Frames that the kernels were trained on."""
    seconds: float
    angular: bool
    """Whether the kernels see angles and torsions."""
    joint: bool
    """Whether the force field's own coefficients moved too."""
    n_anchors: int = 0
    """Conformers that no frame shows and kernels were told of."""
    report: StabilityReport | None = None
    """The gate's verdict; None where none was asked for."""
    remarks: tuple[str, ...] = ()
    """What had to be done to pass the gate, and why kernels are missing."""

    def sentences(self) -> tuple[str, ...]:
        """What became of each kernel."""
        molecule, found = self.force_field.molecule, []
        state = self.state
        for k, (group, points) in enumerate(zip(self.atoms, self.n_points, strict=True)):
            everything = len(group) == len(molecule.numbers)
            name = "all atoms" if everything else f"atoms {', '.join(molecule.label(atom) for atom in group)}"
            if points:
                sees = "distances, angles and torsions" if self.angular else "distances"
                found.append(
                    f"The kernel on {name} sees {sees} and is a sum over {points} geometries, trained on "
                    f"{self.n_frames} frames: length scale {state.widths[k] * ANGSTROM:.2g}/Å, force components of "
                    f"{state.amplitudes[k] / FORCE_KCAL:.2g} kcal/mol/Å a priori, noise of "
                    f"{state.force_noise / FORCE_KCAL:.2g} kcal/mol/Å. Without it, forces and energies of the "
                    f"validation frames are {100 * math.expm1(self.gains[k] / 2):.0f} % worse."
                )
            elif not state.amplitudes[k]:
                found.append(
                    f"The kernel on {name} is switched off: forces and energies of the validation frames are about as "
                    "good without it."
                )
            else:
                found.append(f"The kernel on {name} is switched off.")
        if self.n_anchors and any(self.n_points):
            found.append(
                f"At {self.n_anchors} conformers that no training frame shows, kernels were told to leave relative "
                "energies about as they are."
            )
        if self.joint:
            found.append("The coefficients of the terms were solved for together with the kernels.")
        return (*found, *self.remarks)


@within_memory()
def correct_stable(
    force_field: ForceField,
    frames: Frames,
    validation: Frames | None,
    atoms: Sequence[Sequence[int]],
    gate: GateOptions | None = None,
    options: CorrectionOptions | None = None,
    *,
    posterior: Posterior | None = None,
    seed: int = 0,
    say: Say | None = None,
    progress: Callable[[float], None] | None = None,
) -> Corrected:
    """Correct as ``correct`` does, and again with more noise until the stability gate is passed.

    If nothing passes, the force field is left without kernels, unless these are all there is. ``progress`` is told
    which share of the states that may be judged were.
    """
    gate, say = gate or GateOptions(), say or (lambda sentence: None)
    say("kernels: how strong they should be …")
    problem = _Problem(force_field, frames, validation, atoms, options, posterior, seed, say, progress)
    report = None
    for factor in _NOISIER:
        say("kernels: training …")
        found = problem.solved(factor)
        if gate.stability is None or not found.force_field.corrections:
            return found
        say("stability gate …")
        failed, report = report is not None, check_stability(found.force_field, gate.stability)
        if not len(force_field.table.products):
            fault = () if report.passed else (f"They did not pass the stability gate: {report.failures[0].message}",)
            return replace(found, report=report, remarks=fault)
        if report.passed:
            report = replace(report, failures=tuple(problem.findings(found.force_field)))
        if report.passed:
            remark = f"The plain correction did not pass the stability gate; this one takes {factor:g} times the noise."
            return replace(found, report=report, remarks=(remark,) if failed else ())
        say(f"not stable; training again: {report.failures[0].message}")
    assert report is not None
    remark = (
        f"No correction passed the stability gate, whatever its noise, so there is none: {report.failures[0].message}"
    )
    return replace(problem.without((remark,)), report=check_stability(force_field, gate.stability))


@within_memory()
def correct(
    force_field: ForceField,
    frames: Frames,
    validation: Frames,
    atoms: Sequence[Sequence[int]],
    options: CorrectionOptions | None = None,
    *,
    posterior: Posterior | None = None,
    seed: int = 0,
) -> Corrected:
    """Train kernels on sets of atoms, all of them together.

    How strong a kernel is comes from the ``validation`` frames, which nothing may have been fitted to: a fit leaves
    less on its own training frames than on others. A kernel that does not make them better by two per cent is switched
    off.

    With the ``posterior`` of the fit, the coefficients of the terms are unknowns too, as far as the fit has left them
    open; without kernels they are then about as good as before. Otherwise the terms stay what they are.

    Raises ``FitError`` for a force field that has corrections already, and for frames that cannot train one: see
    ``check_correctable``; ``InputError`` for two kernels on the same atoms, and where the memory of a GPU is too small.
    """
    return _Problem(force_field, frames, validation, atoms, options, posterior, seed).solved(1.0)


def check_correctable(name: str, frames: Frames, validation: Frames | None, atoms: Sequence[Sequence[int]]) -> None:
    """Refuse what no kernels can be trained on.

    Raises ``FitError`` for frames without forces or too few of them, ``InputError`` for two kernels on the same atoms.
    """
    if len({frozenset(group) for group in atoms}) < len(atoms):
        raise InputError("two corrections are on the same atoms; leave one of them out.")
    for kind, part in (("training", frames), ("validation", validation)):
        if part is not None and part.forces is None:
            raise FitError(f"the {kind} frames of {name} have no forces; a correction needs them.")
    if len(frames) < 2:
        raise FitError(f"{name} has {len(frames)} training frame; a correction needs at least two, some tens better.")
    if validation is None or len(validation) < _LEAST_UNSEEN:
        raise FitError(
            f"{name} has {0 if validation is None else len(validation)} validation frames; a correction needs at least "
            f"{_LEAST_UNSEEN}, which show how strong it should be: set some aside."
        )


class _Problem:
    """How strong the kernels are, for as many trainings as are wanted."""

    def __init__(
        self,
        force_field: ForceField,
        frames: Frames,
        validation: Frames | None,
        atoms: Sequence[Sequence[int]],
        options: CorrectionOptions | None,
        posterior: Posterior | None,
        seed: int,
        say: Say | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        check_correctable(force_field.molecule.name, frames, validation, atoms)
        assert validation is not None
        if force_field.corrections:
            raise FitError(f"{force_field.molecule.name} has corrections already; correct the model without them.")
        begin = perf_counter()
        self._force_field, self._frames, self._posterior = force_field, frames, posterior
        self._options = options or CorrectionOptions()
        self._validation, self._atoms, self._device = validation, atoms, chosen(self._options.device)
        self._before = _left(force_field, validation)
        self._order = np.random.default_rng(seed).permutation(len(frames))
        involved = sorted({atom for group in atoms for atom in group})
        self._leftover = Leftover(force_field, frames, involved, self._device)
        positions = torch.as_tensor(frames.positions)
        kinds = {"auto": (True, False), "distances": (False,), "angular": (True,)}[self._options.descriptor]
        choices = [
            [Fragment.find(force_field.molecule, group, positions, angular=angular) for group in atoms]
            for angular in kinds
        ]
        self._unseen = Leftover(force_field, validation, self._leftover.atoms, self._device)
        self._unseen_rows = np.arange(min(len(validation), _UNSEEN))
        self._conformers = self._unseen_conformers()
        self._n_points = self._points_wanted()
        self._choose(choices)
        self._learn(say, progress)
        self._seconds = perf_counter() - begin

    def solved(self, noise: float) -> Corrected:
        """The kernels trained with so many times the best noise."""
        if not any(self._learnt.state.amplitudes):
            return self.without(())
        begin, state = perf_counter(), self._learnt.state
        state = replace(state, force_noise=noise * state.force_noise, energy_noise=noise * state.energy_noise)
        hybrid = self._anchored(state)
        if self._score(hybrid) > -WORTH:
            remark = "There is no correction: on the validation frames the force field is about as good without it."
            return self.without((remark,))
        return self._result(hybrid, state, self._seconds + perf_counter() - begin, ())

    def without(self, remarks: tuple[str, ...]) -> Corrected:
        """No kernel."""
        return self._result(self._force_field, self._learnt.state, self._seconds, remarks)

    def wells(self, hybrid: ForceField) -> Float[np.ndarray, "wells atoms 3"] | None:
        """Conformers that no frame shows and kernels draw far below what the terms make of them; None without any."""
        found = None if self._conformers is None else false_minima(self._conformers, hybrid)
        return None if found is None else found.conformers

    def findings(self, hybrid: ForceField) -> Iterator[Finding]:
        """What is wrong at conformers that no frame shows."""
        wells = self.wells(hybrid)
        if wells is not None:
            assert self._conformers is not None
            label = self._force_field.molecule.label
            turned = ", ".join("-".join(map(label, rotor)) for rotor in self._conformers.rotors)
            message = (
                f"kernels draw {len(wells)} conformers that no training frame shows (other angles of {turned}) more "
                f"than {DEVIATION / KCAL_MOL:g} kcal/mol below what the terms alone make of them; add frames there."
            )
            yield Finding("quench", (), message)

    def _unseen_conformers(self) -> UnseenConformers | None:
        """Where the terms are all that is known; None where there are no terms, or frames show all angles."""
        if not len(self._force_field.table.products):
            return None
        found = find_unseen_conformers(self._force_field, self._frames.positions, "compiled")
        return found if found.rotors else None

    def _anchored(self, state: State) -> ForceField:
        """With kernels that leave energies of unseen conformers about where the terms have them."""
        hybrid = self._training.trained(state)
        if self._conformers is None:
            return hybrid
        for _ in range(_LOOKS):
            if len(self._training.anchors):
                self._training.move(self._zero(hybrid))
                hybrid = self._training.trained(state)
            wells = self.wells(hybrid)
            if wells is None:
                break
            self._training.add(self._anchors_at(wells))
        return hybrid

    def _first_anchors(self) -> Anchors:
        """At conformers that no frame shows."""
        none = self._frames.positions[:0]
        some = none if self._conformers is None else self._conformers.described_by(set(self._leftover.atoms))
        some = some[np.unique(np.linspace(0, len(some) - 1, min(len(some), _ANCHORS)).astype(int))]
        return self._anchors_at(some)

    def _anchors_at(self, positions: Float[np.ndarray, "anchors atoms 3"]) -> Anchors:
        """Whose deviation compares with what the terms leave of forces as noise, whatever the kernels call noise."""
        force, energy = self._left_by_terms()
        return Anchors.at(positions, max(_ANCHORED, _AS_WRONG * energy) / max(force, _TINY))

    def _left_by_terms(self) -> tuple[float, float]:
        """Deviations of forces and energies of the validation frames [kJ/mol/nm, kJ/mol]."""
        forces, energies = self._before[: -len(self._validation)], self._before[-len(self._validation) :]
        return float(np.sqrt((forces**2).mean())), float(np.std(energies))

    def _hot_frames(self) -> Leftover | None:
        """Geometries of hot dynamics, where the terms leave nothing, by themselves.

        Only beside linear forms with their posterior, which know hot geometries better than kernels do, and harmonic
        GAFF does not. Only for kernels with fewer points than frames: others would have to have these as points, which
        cost time in dynamics.
        """
        if self._n_points is None or self._posterior is None:
            return None
        hot = hot_geometries(self._force_field, self._frames.positions, min(_HOT, len(self._frames) // 2))
        if not len(hot):
            return None
        labels = predict(self._force_field, hot)
        frames = Frames(self._frames.numbers, hot, *labels)
        return Leftover(self._force_field, frames, self._leftover.atoms, self._device)

    def _zero(self, hybrid: ForceField) -> float:
        """What kernels add to relaxed geometries at the angles of frames, above their mean over the frames [kJ/mol]."""
        assert self._conformers is not None
        zeros = []
        for positions in (self._conformers.references, self._frames.positions):
            energies = [predict(model, positions)[0] for model in (hybrid, self._force_field)]
            zeros.append(float(np.mean(energies[0] - energies[1])))
        return zeros[0] - zeros[1]

    def _result(self, hybrid: ForceField, state: State, seconds: float, remarks: tuple[str, ...]) -> Corrected:
        kernels = [term.expansion for term in hybrid.corrections if isinstance(term, KernelTerm)]
        sizes = iter([int(kernel.force_weights.any(1).sum()) for kernel in kernels])
        points = [next(sizes, 0) if amplitude else 0 for amplitude in state.amplitudes]
        return Corrected(
            hybrid,
            evaluate(hybrid, self._frames).energy_offset,
            tuple(fragment.atoms for fragment in self._training.fragments),
            state,
            self._learnt.gains,
            tuple(points),
            len(self._frames) if any(points) else 0,
            seconds,
            any(fragment.descriptor.angles for fragment in self._training.fragments),
            any(points) and self._posterior is not None,
            len(self._training.anchors),
            remarks=remarks,
        )

    def _choose(self, choices: Sequence[list[Fragment]]) -> None:
        """Take the descriptors that do best, of what mostly is good, on the validation frames."""
        force, energy = self._left_by_terms()
        self._begin = self._usual(len(choices[0]))
        first = Training(
            self._leftover,
            self._order,
            choices[0],
            self._begin,
            self._posterior,
            self._n_points,
            self._first_anchors(),
            self._hot_frames(),
            max(energy, _TINY) / max(force, _TINY),
        )
        self._take(first)
        n_rows = len(self._frames) * (self._leftover.freedoms + 1)
        if self._n_points is not None or n_rows > _JUDGED:
            self._judge: Judge = self._remembered
            self._judgements = _TRAININGS
            self._digest = self._digested()
            return
        self._judgements = _JUDGEMENTS
        with suppress(InputError):
            first.trained(self._begin)  # freezes what would leave its bounds, for the judges to know
        judges: list[Judge] = [
            Predictions(
                self._part(self._leftover, self._order, own, first.anchors),
                self._part(self._unseen, self._unseen_rows, own),
                own,
            )
            for own in choices
        ]
        scores = [judge(self._begin) for judge in judges]
        best = scores.index(min(scores))
        self._judge = judges[best]
        self._take(first.with_fragments(choices[best]))

    def _take(self, training: Training) -> None:
        self._training = training
        self._unseen_points = self._unseen.of(self._unseen_rows).points(training.fragments)

    def _usual(self, n: int) -> State:
        """Of so many kernels."""
        assert self._frames.forces is not None
        options, scale = self._options, float(np.sqrt((self._frames.forces[:, self._leftover.atoms] ** 2).mean()))
        width = None if options.kernel_width is None else options.kernel_width / ANGSTROM
        noise = None if options.kernel_noise is None else options.kernel_noise * FORCE_KCAL
        if noise is None and self._n_points is not None:
            noise = _SPARSE_NOISE * float(np.sqrt((self._before[: -len(self._validation)] ** 2).mean()))
        return State.usual(n, scale, width, noise)

    def _learn(self, say: Say | None, progress: Callable[[float], None] | None) -> None:
        """What does best on the validation frames; says now and then how far it is."""
        options, last = self._options, perf_counter()

        def visit(n: int, best: float) -> None:
            nonlocal last
            if progress is not None:
                progress(min(1.0, n / self._judgements))
            if say is not None and perf_counter() - last > _SILENT:
                last = perf_counter()
                better = f"{100 * (1 - math.exp(min(best, 0.0) / 2)):.0f} % better"
                say(f"kernels: {n} strengths tried; forces and energies of the validation frames {better} …")

        wanted = changes(
            len(self._training.fragments),
            width=options.kernel_width is None and self._training.widths_are_cheap(),
            noise=options.kernel_noise is None,
            terms=self._posterior is not None,
        )
        self._learnt = learn(self._judge, self._begin, wanted, self._judgements, visit)

    def _part(
        self,
        leftover: Leftover,
        rows: Int[np.ndarray, " rows"],
        fragments: Sequence[Fragment],
        anchors: Anchors | None = None,
    ) -> Part:
        data = leftover.of(rows, anchors)
        posterior = self._training.posterior
        terms = None if posterior is None else leftover.posterior_rows(posterior, rows, anchors)
        deviations = np.zeros(0) if anchors is None else anchors.deviations
        return Part(data.values, data.n_forces, data.offset, data.points(fragments), terms, deviations)

    def _points_wanted(self) -> int | None:
        """Of each kernel, if they are fewer than there are frames."""
        n = len(self._frames)
        everything = all(len(group) == self._frames.positions.shape[1] for group in self._atoms)
        wanted = self._options.points or (n if everything else _LOCAL_POINTS)
        rows = n * (self._leftover.freedoms + 1)
        return None if wanted >= n and rows <= most_rows(self._device) else min(wanted, n)

    def _remembered(self, state: State) -> float:
        """The score of a state, kept with the coefficients that it froze: a search that was stopped goes on there."""
        frozen = self._training.frozen
        before = len(frozen)

        def judged() -> dict[str, Any]:
            found = self._score_of(state)
            new = [places.tolist() for places in frozen[before:]]
            return {"score": found if math.isfinite(found) else None, "frozen": new}

        key = {"what": "score of kernels, 6", "problem": self._digest, "frozen": before, "state": asdict(state)}
        kept = cached_json(key, judged)
        if len(frozen) == before:
            for places in kept["frozen"]:
                self._training.freeze(np.array(places))
        return math.inf if kept["score"] is None else float(kept["score"])

    def _digested(self) -> str:
        """A hash of all that scores depend on."""
        table = self._force_field.parameter_table
        parts: list[Any] = [
            self._training.anchors.positions,
            self._training.anchors.deviations,
            None if self._training.hot is None else self._training.hot.frames.positions,
            table.values,
            *table.bounds,
            self._order,
            self._n_points,
            [fragment.atoms for fragment in self._training.fragments],
        ]
        for frames in (self._frames, self._validation):
            parts += [frames.positions, frames.energies, frames.forces]
        if self._posterior is not None:
            parts += [self._posterior.fitted, self._posterior.spread]
        digest = hashlib.sha256(f"{version('hybridff')} {self._options} {table.labels}".encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        return digest.hexdigest()

    def _score_of(self, state: State) -> float:
        """Of kernels that are trained so; infinite where the terms alone would be bad, or double precision fails."""
        try:
            hybrid = self._training.trained(state)
        except InputError:
            return math.inf
        if self._posterior is not None and too_bad_alone(self._score(hybrid.with_corrections(()))):
            return math.inf
        return self._score(hybrid)

    def _score(self, model: ForceField) -> float:
        """How much worse than without kernels a model is on the validation frames."""
        kernels = {term.atoms: term.expansion for term in model.corrections if isinstance(term, KernelTerm)}
        points = [
            own
            for fragment, own in zip(self._training.fragments, self._unseen_points, strict=True)
            if fragment.atoms in kernels
        ]
        rounding = single_precision(list(kernels.values()), points)
        left = _left(model, self._validation)
        return score(self._before, left, self._before.size - len(self._validation), rounding)


def _left(model: ForceField, frames: Frames) -> Float[np.ndarray, " n"]:
    """Forces, then energies, that a model leaves."""
    assert frames.forces is not None
    energies, forces = predict(model, frames.positions)
    return np.concatenate([(frames.forces - forces).ravel(), frames.energies - energies])
