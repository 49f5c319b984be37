"""All that a page has beyond the summary, gathered: what fails is replaced by a sentence."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from hybridff.document.blocks import Section
from hybridff.errors import InputError
from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.jobs.fitting import CorrectedMolecule, FittedMolecule
from hybridff.report.before_after import Item, Pair
from hybridff.report.commands import Request, command_section, correction_in_python, fit_in_python
from hybridff.report.documents import Extras
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
from hybridff.report.options import ReportOptions
from hybridff.report.other_methods import beside_section

Progress = Callable[[float, str], None]
"""Called with the fraction done and what is being done."""
_LEARNING = 0.3
"""Share of the time that a learning curve takes, about."""
T = TypeVar("T")


def fit_extras(
    fitted: Sequence[FittedMolecule],
    request: Request,
    options: ReportOptions | None = None,
    progress: Progress | None = None,
) -> list[Extras]:
    """What the pages of the molecules of a fit have besides."""
    options, gathering = options or ReportOptions(), _Gathering(progress)
    share = _LEARNING if options.learning_curve else 0.0
    curves = gathering.value(lambda: _curves(fitted, request, gathering.part(0.0, share, "learning curve")), share > 0)
    found = []
    for i, item in enumerate(fitted):
        pair, size = Pair.of(item), (1 - share) / len(fitted)
        errors = [gathering.section("Errors by group", partial(group_section, pair, options.report == "brief"))]
        if isinstance(curves, str):
            errors.append(_missing("Learning curve", curves))
        elif curves is not None:
            errors.append(gathering.section("Learning curve", partial(learning_section, item, curves[i])))
        steps, physics = _measured(gathering, item, pair, options, share + size * i, size)
        parameters = gathering.section(
            "All parameters", partial(parameter_section, item.result, item.model.force_field)
        )
        found.append(
            Extras(
                errors=tuple(errors),
                physics=tuple(physics),
                speed=_speed(steps),
                parameters=(parameters,),
                comparison=_beside(gathering, item, options),
                again=(command_section(request, fit_in_python(request)),),
                steps=steps if isinstance(steps, Mapping) else None,
            )
        )
    return found


def correction_extras(
    corrected: CorrectedMolecule,
    request: Request,
    options: ReportOptions | None = None,
    progress: Progress | None = None,
    *,
    posterior: bool = False,
) -> Extras:
    """What the page of a correction has besides; ``posterior`` says whether that of the fit was used."""
    options, gathering, pair = options or ReportOptions(), _Gathering(progress), Pair.of(corrected)
    errors = [gathering.section("Errors by group", partial(group_section, pair, options.report == "brief"))]
    if corrected.model.force_field.corrections:
        errors.append(gathering.section("Distance from the training data", lambda: distance_section(corrected, pair)))
    steps, physics = _measured(gathering, corrected, pair, options, 0.0, 1.0)
    return Extras(
        errors=tuple(errors),
        physics=tuple(physics),
        speed=_speed(steps),
        comparison=_beside(gathering, corrected, options),
        again=(command_section(request, correction_in_python(request, posterior=posterior)),),
        steps=steps if isinstance(steps, Mapping) else None,
    )


class _Gathering:
    """Makes one thing after another; an interruption ends what is measured, not the report."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress or (lambda fraction, name: None)
        self._interrupted = False

    def value(self, make: Callable[[], T], wanted: bool = True) -> T | str | None:
        """What is made, or a sentence on why it is missing; None where it is not wanted."""
        if not wanted:
            return None
        if self._interrupted:
            return "Left out, as the report was interrupted."
        try:
            return make()
        except KeyboardInterrupt:
            self._interrupted = True
            return "Left out, as the report was interrupted."
        except Exception as error:
            return f"This part could not be made: {str(error).rstrip('.') or type(error).__name__}."

    def section(self, title: str, make: Callable[[], Section]) -> Section:
        """A section, or one that says why it is missing."""
        found = self.value(make)
        return found if isinstance(found, Section) else _missing(title, str(found))

    def part(self, begin: float, share: float, name: str) -> Callable[[float], None]:
        """Progress of a part, as progress of the whole."""
        return lambda done: self._progress(begin + share * done, name)


def _missing(title: str, sentence: str) -> Section:
    return Section(title, (sentence,), page_only=True)


def _curves(fitted: Sequence[FittedMolecule], request: Request, progress: Callable[[float], None]) -> list[list[Point]]:
    if not all("test" in item.after for item in fitted):
        raise InputError("there are no test frames that a learning curve could be of")
    start, form, options = request.of(StartOptions), request.of(FormOptions), request.of(FitOptions)
    return learning_curves(fitted, start, form, options, progress)


def _measured(
    gathering: _Gathering, item: Item, pair: Pair, options: ReportOptions, begin: float, share: float
) -> tuple[Mapping[str, Speed] | str | None, list[Section]]:
    """Speed, and sections on scans, frequencies and free energies; nothing in a brief report."""
    if options.report == "brief":
        return None, []
    training = item.data.frames.positions[item.split.train]

    def part(first: float, last: float, name: str) -> Callable[[float], None]:
        return gathering.part(begin + first * share, (last - first) * share, name)

    part(0.0, 0.1, "speed")(0.0)
    steps = gathering.value(lambda: speeds(pair))
    sections = [
        gathering.section("Torsion scans", lambda: scan_section(pair, training, part(0.1, 0.4, "torsion scans"))),
        gathering.section("Frequencies", lambda: frequency_section(pair, part(0.4, 0.5, "frequencies"))),
    ]
    if isinstance(steps, Mapping):
        known = steps
        sections.append(
            gathering.section(
                "Free energies at 300 K",
                lambda: free_energy_section(pair, training, known, part(0.5, 1.0, "free energies")),
            )
        )
    return steps, sections


def _beside(gathering: _Gathering, item: Item, options: ReportOptions) -> tuple[Section, ...]:
    if not options.compare:
        return ()
    told = gathering.part(0.0, 1.0, "comparison")
    return (gathering.section("Comparison", lambda: beside_section(item, options.compare, told)),)


def _speed(steps: Mapping[str, Speed] | str | None) -> tuple[Section, ...]:
    if steps is None:
        return ()
    return (_missing("Speed", steps) if isinstance(steps, str) else speed_section(steps),)
