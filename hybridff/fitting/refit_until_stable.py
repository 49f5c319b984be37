"""Fits that pass the stability gate, or say that they do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from hybridff.fitting.conformers import REFERENCES, ConformerEnergies
from hybridff.fitting.equations import NormalEquations
from hybridff.fitting.estimate import Estimate
from hybridff.fitting.evidence import learn_noise
from hybridff.fitting.fits import check_request, fit_together, is_linear
from hybridff.fitting.linear_fit import estimate, learnt_hyperparameters, linear_result, with_best_scale
from hybridff.fitting.linear_problem import LinearProblem, conformer_rows, data_equations
from hybridff.fitting.options import FitOptions
from hybridff.fitting.pruning import pruned_system
from hybridff.fitting.result import FitResult
from hybridff.frames.accuracy import predict
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.progress import Progress, Say, quiet
from hybridff.stability.gate import GateOptions, StabilityOptions, StabilityReport, check_stability
from hybridff.units import KCAL_MOL

_STIFF = 0.1
"""Prior scale of the stiff fit, which is stable and not so accurate, in units of the fit's own."""
STIFF_DYNAMICS = StabilityOptions(temperatures=(1500.0,), runs=4, time="10 ps", quenches=0, scans=False)
"""Hot dynamics of the stiff fit, whose frames it labels."""
_STIFF_FRAMES = 170
"""Frames that the stiff fit labels."""
_STIFF_WEIGHT = 0.1
"""Weight of the stiff fit's forces against those of the reference."""
_WELLS = 3
"""Times that a linear fit is told of the false minima that the gate has found in it."""
_WALL = 40 * KCAL_MOL
"""Energy of a false minimum above training frames that is wanted at most [kJ/mol]."""
_GENTLE = (0.7, 0.5)
"""Prior scales that a linear fit tries first, in units of its own: they cost next to nothing in accuracy."""
_STRONGER = (0.3, 0.1)
"""Prior scales that are tried last, in units of the fit's own."""


@dataclass(frozen=True, eq=False)
class StableFit:
    """A fit with the gate's verdict on it."""

    result: FitResult
    """The fit."""
    reports: tuple[StabilityReport, ...]
    """The gate's report on each molecule; none without a gate."""
    remarks: tuple[str, ...]
    """What had to be done to pass the gate."""

    @property
    def passed(self) -> bool:
        """Whether every molecule passed."""
        return all(report.passed for report in self.reports)


def fit_stable(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions | None = None,
    validation: Sequence[Frames] = (),
    gate: GateOptions | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> StableFit:
    """Fit as ``fit_together`` does, and fit again with more regularisation until the gate is passed.

    A fit that is linear is told what the start makes of its false minima, then tries slightly narrower priors, then
    takes labels from a stiffer one of itself: hot geometries of the stiff fit, labelled by it, are added with a small
    weight. One that is not linear leaves the charges of pairs without repulsion alone. What fails still is fitted with
    narrower priors. If nothing passes, the first fit is returned, with reports that say so.
    """
    options, gate = options or FitOptions(), gate or GateOptions()
    say = say or quiet
    check_request(pairs, options)
    tried: list[StableFit] = []
    for name, fitted in _attempts(pairs, options, validation, progress, tried):
        if gate.stability is None:
            return StableFit(fitted, (), ())
        say("stability gate …")
        reports = tuple(check_stability(force_field, gate.stability) for force_field in fitted.force_fields)
        remarks = () if not tried else (f"The plain fit did not pass the stability gate; this is the fit {name}.",)
        attempt = StableFit(fitted, reports, remarks)
        if attempt.passed:
            return attempt
        tried.append(attempt)
        say(f"not stable; fitting again: {next(r for r in reports if not r.passed).failures[0].message}")
    return replace(tried[0], remarks=("No fit passed the stability gate, whatever its priors; this is the plain one.",))


def _attempts(
    pairs: Sequence[tuple[ForceField, Frames]],
    options: FitOptions,
    validation: Sequence[Frames],
    progress: Progress | None,
    tried: Sequence[StableFit],
) -> Iterator[tuple[str, FitResult]]:
    """Fits of growing regularisation, each with words for it; made when asked for, by which time the last was tried."""
    if not all(is_linear(force_field) for force_field, _ in pairs):
        plain = fit_together(pairs, options, validation, progress)
        yield "as wanted", plain
        if options.pairs == "all":
            options = replace(options, pairs="walled")
            yield "with the charges of pairs without a wall left alone", fit_together(pairs, options, validation)
        for factor in _STRONGER:
            scale = factor * plain.prior_scale
            yield (
                f"with priors scaled by {scale:g}",
                fit_together(pairs, replace(options, prior_scale=scale), validation),
            )
        return
    begin = perf_counter()
    system = pruned_system(pairs, options, progress)
    options, left_out = with_best_scale(system, options)
    own = options.prior_scale or 1.0

    def result(found: Estimate) -> FitResult:
        return linear_result(system, found, options, validation, perf_counter() - begin, left_out)

    wanted = learnt_hyperparameters(system, options)
    yield "as wanted", result(estimate(system, wanted, options))
    told = system
    for _ in range(_WELLS):
        wells = conformer_rows(system.problem, false_wells(system.problem, tried[-1]))
        if not len(wells.targets):
            break
        told = replace(told, conformers=told.conformers + wells)
        yield "that is told of its false wells", result(estimate(told, wanted, options))
    for factor in _GENTLE:
        found = estimate(system, learn_noise(system, factor * own), options)
        yield f"with priors scaled by {factor * own:g}", result(found)
    stiff = estimate(system, learn_noise(system, _STIFF * own), options)
    labels = stiff_labels(system.problem, stiff)
    if labels is not None:
        found = estimate(system, wanted, options, labels)
        yield "taught by a stiffer one of itself", result(found)
    for factor in _STRONGER:
        found = estimate(system, learn_noise(system, factor * own), options, labels)
        words = f"{'' if labels is None else 'taught by a stiffer one, '}with priors scaled by {factor * own:g}"
        yield words, result(found)


def false_wells(problem: LinearProblem, tried: StableFit) -> list[ConformerEnergies | None]:
    """False minima of each molecule that the start does not have, with its energies there, 40 kcal/mol at most.

    Above the mean of some training frames. One number for each says nothing of the molecule elsewhere.
    """
    found: list[ConformerEnergies | None] = []
    for (start, frames), fitted, report in zip(problem.pairs, tried.result.force_fields, tried.reports, strict=True):
        wells = np.array([failure.well for failure in report.failures if failure.well is not None])
        if not len(wells):
            found.append(None)
            continue
        few = np.random.default_rng(0).permutation(len(frames))[:REFERENCES]
        all_wells = ConformerEnergies(wells, frames.positions[few], None)
        wanted = np.minimum(all_wells.by(start), _WALL)
        higher = wanted > all_wells.by(fitted)
        found.append(replace(all_wells, conformers=wells[higher], energies=wanted[higher]))
    return found


def stiff_labels(problem: LinearProblem, stiff: Estimate) -> NormalEquations | None:
    """What hot frames of a stiff fit, labelled by it, say of the moves; None where it has no minimum or breaks at once.

    Their forces alone, with a small weight.
    """
    frames = []
    for force_field in problem.force_fields(stiff.moves):
        snapshots = check_stability(force_field, STIFF_DYNAMICS).snapshots
        if not len(snapshots):
            return None
        positions = snapshots[:: max(1, len(snapshots) // _STIFF_FRAMES)]
        energies, forces = predict(force_field, positions)
        frames.append(Frames(force_field.molecule.numbers, positions, energies, forces))
    return data_equations(problem, frames).forces_alone(_STIFF_WEIGHT)
