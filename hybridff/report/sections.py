"""All that a page has beyond the summary, gathered: what fails is replaced by a sentence."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from hybridff.document.blocks import Section
from hybridff.errors import InputError
from hybridff.jobs.correcting import CorrectedMolecule
from hybridff.jobs.fitting import FittedMolecule
from hybridff.jobs.options import ReportOptions
from hybridff.progress import Progress, part, silent
from hybridff.report.attempts import Attempts, missing_section
from hybridff.report.before_after import BeforeAfter, Outcome
from hybridff.report.commands import command_section, correction_in_python, fit_in_python
from hybridff.report.documents import PageSections
from hybridff.report.error_groups import group_section
from hybridff.report.fitted_parameters import parameter_section
from hybridff.report.learning_curve import Point, learning_curves, learning_section
from hybridff.report.observables import (
    Speed,
    distance_section,
    free_energy_section,
    frequency_section,
    scan_section,
    speed_section,
    speeds,
)
from hybridff.report.other_methods import methods_section

_LEARNING = 0.3
"""Share of the time that a learning curve takes, about."""


def fit_page_sections(
    fitted: Sequence[FittedMolecule],
    files: Sequence[str | Path],
    out: str | Path | None = None,
    progress: Progress = silent,
) -> list[PageSections]:
    """What the pages of the molecules of a fit have besides.

    ``files`` and ``out`` are the data and the folder as the user named them, for the command that does it again.
    """
    job, attempts = fitted[0].job, Attempts()
    share = _LEARNING if job.report.learning_curve else 0.0
    curves = attempts.value(lambda: _curves(fitted, part(progress, 0.0, share, "learning curve"))) if share else None
    again = command_section(job, files, fit_in_python(job, files), out)
    found = []
    for i, item in enumerate(fitted):
        pair, size = BeforeAfter.of(item), (1 - share) / len(fitted)
        errors = [attempts.section("Errors by group", partial(group_section, pair, brief=job.report.report == "brief"))]
        if isinstance(curves, str):
            errors.append(missing_section("Learning curve", curves))
        elif curves is not None:
            errors.append(attempts.section("Learning curve", partial(learning_section, item, curves[i])))
        steps, physics = _computed(attempts, item, job.report, part(progress, share + size * i, share + size * (i + 1)))
        parameters = attempts.section("All parameters", partial(parameter_section, item.result, item.model.force_field))
        found.append(
            PageSections(
                errors=tuple(errors),
                physics=tuple(physics),
                speed=_speed(steps),
                parameters=(parameters,),
                comparison=_other_methods(attempts, item, job.report, progress),
                again=(again,),
                steps=steps if isinstance(steps, Mapping) else None,
            )
        )
    return found


def correction_page_sections(
    corrected: CorrectedMolecule,
    model: str | Path,
    files: Sequence[str | Path],
    out: str | Path | None = None,
    progress: Progress = silent,
) -> PageSections:
    """What the page of a correction has besides.

    ``model``, ``files`` and ``out`` are as the user named them, for the command that does it again.
    """
    job, attempts, pair = corrected.job, Attempts(), BeforeAfter.of(corrected)
    errors = [attempts.section("Errors by group", partial(group_section, pair, brief=job.report.report == "brief"))]
    if corrected.model.force_field.corrections:
        errors.append(attempts.section("Distance from the training data", lambda: distance_section(corrected, pair)))
    steps, physics = _computed(attempts, corrected, job.report, progress)
    python = correction_in_python(job, model, files)
    return PageSections(
        errors=tuple(errors),
        physics=tuple(physics),
        speed=_speed(steps),
        comparison=_other_methods(attempts, corrected, job.report, progress),
        again=(command_section(job, [model, *files], python, out),),
        steps=steps if isinstance(steps, Mapping) else None,
    )


def _curves(fitted: Sequence[FittedMolecule], progress: Progress) -> list[list[Point]]:
    if not all("test" in item.after for item in fitted):
        raise InputError("there are no test frames that a learning curve could be of")
    return learning_curves(fitted, progress)


def _computed(
    attempts: Attempts, item: Outcome, options: ReportOptions, progress: Progress
) -> tuple[Mapping[str, Speed] | str | None, list[Section]]:
    """Speed, and sections on scans, frequencies and free energies; nothing in a brief report."""
    if options.report == "brief":
        return None, []
    pair, training = BeforeAfter.of(item), item.data.frames.positions[item.split.train]
    progress(0.0, "speed")
    steps = attempts.value(lambda: speeds(pair))
    scans, modes = part(progress, 0.1, 0.4, "torsion scans"), part(progress, 0.4, 0.5, "frequencies")
    sections = [
        attempts.section("Torsion scans", lambda: scan_section(pair, training, scans)),
        attempts.section("Frequencies", lambda: frequency_section(pair, modes)),
    ]
    if isinstance(steps, Mapping):
        known, energies = steps, part(progress, 0.5, 1.0, "free energies")
        sections.append(
            attempts.section("Free energies at 300 K", lambda: free_energy_section(pair, training, known, energies))
        )
    return steps, sections


def _other_methods(
    attempts: Attempts, item: Outcome, options: ReportOptions, progress: Progress
) -> tuple[Section, ...]:
    if not options.compare:
        return ()
    share = part(progress, 0.0, 1.0, "comparison")
    return (attempts.section("Comparison", lambda: methods_section(item, options.compare, share)),)


def _speed(steps: Mapping[str, Speed] | str | None) -> tuple[Section, ...]:
    if steps is None:
        return ()
    return (missing_section("Speed", steps) if isinstance(steps, str) else speed_section(steps),)
