"""Corrections to a fitted force field: kernels on sets of atoms, trained on what its terms leave.

A ``CorrectionTask`` becomes ``CorrectionInputs`` (checked, with what the terms leave), then ``ChosenDescriptors``,
``BestHyperparameters``, and a ``Solution``.
"""

from collections.abc import Sequence
from dataclasses import replace

from hybridff.corrections.device import within_memory
from hybridff.fitting.posterior import Posterior
from hybridff.frames.dataset import Frames
from hybridff.gaff.forcefield import ForceField
from hybridff.hybrid.choice import choose
from hybridff.hybrid.material import CorrectionTask, check_uncorrected, prepare
from hybridff.hybrid.optimum import BestHyperparameters, optimise
from hybridff.hybrid.options import CorrectionOptions
from hybridff.hybrid.result import Corrected
from hybridff.hybrid.solution import solve, without_kernels
from hybridff.hybrid.trained import PrecisionError
from hybridff.progress import Progress, Say, quiet, silent
from hybridff.stability.gate import GateOptions, StabilityOptions, StabilityReport, check_stability

_NOISIER = (1.0, 3.0, 10.0)
"""Noise that the stability gate is tried with, in units of what was found best."""


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
    check_uncorrected(force_field)
    task = CorrectionTask(
        force_field=force_field,
        frames=frames,
        validation=validation,
        atoms=atoms,
        options=options or CorrectionOptions(),
        posterior=posterior,
        seed=seed,
    )
    return solve(optimise(choose(prepare(task)))).corrected


@within_memory()
def correct_stable(
    task: CorrectionTask, gate: GateOptions | None = None, *, say: Say = quiet, progress: Progress = silent
) -> Corrected:
    """Correct as ``correct`` does, and again with more noise until the stability gate is passed.

    If nothing passes, the force field is left without kernels, unless these are all there is. ``progress`` is told
    which share of the hyperparameters that may be scored were.
    """
    say("kernels: how strong they should be …")
    return stable(optimise(choose(prepare(task), progress), say, progress), gate, say)


def stable(optimum: BestHyperparameters, gate: GateOptions | None, say: Say = quiet) -> Corrected:
    """Train kernels whose hyperparameters are known, with more noise until the stability gate is passed."""
    stability, task = (gate or GateOptions()).stability, optimum.material.task
    report: StabilityReport | None = None
    remarks: tuple[str, ...] = ()
    for factor in _NOISIER:
        say("kernels: training …")
        try:
            solution = solve(optimum, factor)
        except PrecisionError:
            if factor == _NOISIER[-1]:
                raise
            remarks = ("Double precision failed with less noise than these kernels take.",)
            continue
        found, optimum = replace(solution.corrected, remarks=(*solution.corrected.remarks, *remarks)), solution.optimum
        if stability is None or not any(found.n_points):
            return found
        say("stability gate …")
        failed, report = report is not None, _verdict(optimum, found.force_field, stability)
        if not len(found.force_field.table.products):
            fault = () if report.passed else (f"They did not pass the stability gate: {report.failures[0].message}",)
            return replace(found, report=report, remarks=(*fault, *remarks))
        if report.passed:
            remark = f"The plain correction did not pass the stability gate; this one takes {factor:g} times the noise."
            return replace(found, report=report, remarks=(remark, *remarks) if failed else remarks)
        say(f"not stable; training again: {report.failures[0].message}")
    assert report is not None
    assert stability is not None
    remark = (
        f"No correction passed the stability gate, whatever its noise, so there is none: {report.failures[0].message}"
    )
    return replace(without_kernels(optimum, remark), report=check_stability(task.force_field, stability))


def _verdict(optimum: BestHyperparameters, hybrid: ForceField, options: StabilityOptions) -> StabilityReport:
    """What the gate finds, and what is wrong at conformers that no frame shows where it finds nothing."""
    report, region = check_stability(hybrid, options), optimum.material.region
    if not report.passed or region is None:
        return report
    return replace(report, failures=tuple(region.findings(hybrid)))
