"""The rounds of a folder in which a force field is made: choose, label, fit; then the test and what is written."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import Float

from hybridff.errors import FitError
from hybridff.export.modelfile import FILE_NAME, SavedModel, read_model
from hybridff.frames.dataset import Frames
from hybridff.frames.geometries import Geometries
from hybridff.frames.label_folder import LabelFolder, is_label_folder, read_labels
from hybridff.jobs.fitting import FittedMolecule
from hybridff.jobs.options import ReportOptions
from hybridff.making.folder import MakeFolder
from hybridff.making.job import MakeJob
from hybridff.making.learning import Learnt, learnt_from, with_test
from hybridff.making.rounds import (
    Chosen,
    Outcome,
    chosen_file,
    outcome_file,
    read_chosen,
    read_rounds,
    test_file,
    write_chosen,
    write_outcome,
)
from hybridff.making.sampling import Sampled, independent_frames, sampled
from hybridff.making.start import Start
from hybridff.making.summary import FILE_NAME as SUMMARY
from hybridff.making.summary import Summary
from hybridff.output import files_of_folder
from hybridff.progress import Progress, Say, part
from hybridff.report.making import making_section
from hybridff.units import FORCE_KCAL
from hybridff.workflows.fits import FitRun, write_fitted
from hybridff.workflows.labelling import LabelOptions, LabelRun, label_geometries

_SEEDS = 1000
"""Seeds from one round to the next."""
_FEWEST = 2
"""Labels that a fit needs, at least."""


@dataclass(frozen=True)
class Made:
    """A force field that was made of a molecule alone."""

    folder: Path
    """Folder of the model, its labels and rounds."""
    summary: Summary
    """What was made, in numbers."""
    rounds: tuple[tuple[Chosen, Outcome], ...]
    """Which geometries were labelled in each round, and what came of it."""

    @property
    def model(self) -> SavedModel:
        """The model."""
        return read_model(self.folder)


@dataclass(eq=False)
class Rounds:
    """A folder in which a force field is made: what its rounds have come to, each looked at when it is needed."""

    folder: MakeFolder
    job: MakeJob
    start: Start
    say: Say
    progress: Progress
    other_seconds: float = 0.0
    """Time of this process for all but labels since the last round [s]."""
    _learnt: dict[int, Learnt] = field(default_factory=dict)
    _sampled: dict[int, Sampled] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    def chosen(self, n_rounds: int) -> list[Chosen]:
        """What the first rounds chose."""
        return [read_chosen(chosen_file(self.path, number)) for number in range(1, n_rounds + 1)]

    def positions(self, n_rounds: int) -> Float[np.ndarray, "frames atoms 3"]:
        """All geometries of the first rounds [nm]."""
        none = np.zeros((0, len(self.folder.molecule.numbers), 3))
        return np.concatenate([none, *(own.positions for own in self.chosen(n_rounds))])

    def labels(self, n_rounds: int) -> Frames:
        """Labels of the first rounds, in the order of their keys, as fits of the folder have them.

        Raises ``FitError`` where there are hardly any.
        """
        return labels_of(self.folder.labels, self.positions(n_rounds))[0]

    def learnt(self, n_rounds: int) -> Learnt | None:
        """The fit to the labels of the first rounds; None before the first one."""
        if n_rounds and n_rounds not in self._learnt:
            self._learnt = {n: own for n, own in self._learnt.items() if n == n_rounds - 1}
            labels = self.labels(n_rounds)
            self.say(f"round {n_rounds}: fit to {len(labels)} labels …")
            self._learnt[n_rounds] = learnt_from(self.start, labels, self.folder.labels, say=self.say)
        return self._learnt.get(n_rounds)

    def sampled(self, n_rounds: int) -> Sampled:
        """What the fit after the first rounds visits; what the start does before the first one."""
        if n_rounds not in self._sampled:
            learnt = self.learnt(n_rounds)
            force_field = self.start.sampler if learnt is None else learnt.force_field
            self._sampled = {n_rounds: sampled(force_field, self.seed(n_rounds))}
        return self._sampled[n_rounds]

    def go_through(self, number: int, choose: Callable[[int], Chosen | None]) -> bool:
        """Go through a round as far as it is not done; false where none begins, as ``choose`` gives nothing."""
        path, after = chosen_file(self.path, number), outcome_file(self.path, number)
        if path.is_file() and after.is_file():
            return True
        begin = perf_counter()
        if not path.is_file():
            own = choose(number)
            if own is None:
                return False
            write_chosen(path, own)
        chosen, before = read_chosen(path), self.learnt(number - 1)
        self.other_seconds += perf_counter() - begin
        begin = perf_counter()
        n_before = len(self.positions(number - 1))
        again = too_few_left(self.folder.labels, self.positions(number), _FEWEST)
        run = self.label(chosen, self.folder.labels, (f"round {number}", n_before), again=again)
        wall, begin = perf_counter() - begin, perf_counter()
        outcome = self._outcome(number, chosen, before, run)
        seconds = self.other_seconds + perf_counter() - begin
        outcome = write_outcome(after, replace(outcome, wall_seconds=wall, other_seconds=seconds))
        self.other_seconds = 0.0
        self.say(
            f"round {number}: {outcome.n_train} labels, predicted force error at 300 K "
            f"{outcome.predicted_force / FORCE_KCAL:.2f} kcal/mol/Å."
        )
        return True

    def label(self, chosen: Chosen, folder: Path, place: tuple[str, int], *, again: bool = False) -> LabelRun:
        """Label geometries into a folder; ``again`` those that failed before, too.

        ``place`` says which these are, in a word, and how many were before them.
        """
        (name, n_before), budget = place, self.job.choosing.budget
        molecule, how = self.folder.molecule, self.job.labelling
        given = Geometries(molecule.numbers, chosen.positions, molecule.name, molecule)
        options = LabelOptions(options=how.options, processes=how.processes, scheduler=how.scheduler, retry=again)
        begin, end = (min(1.0, own / budget) for own in (n_before, n_before + len(chosen)))
        share = part(self.progress, begin, end, name)
        self.say(f"{name}: {len(chosen)} geometries to label …")
        return label_geometries(given, self.folder.level, folder, options, say=self.say, progress=share)

    def finished(self, n_rounds: int) -> Made:
        """Label independent frames, judge the fit by them, and write model and report, unless that is done."""
        rounds = tuple((own, after) for own, after in read_rounds(self.path) if after is not None)
        known = Summary.read(self.path)
        if known is not None and known.rounds == n_rounds and (self.path / FILE_NAME).is_file():
            return Made(self.path, known, rounds)
        begin, path = perf_counter(), test_file(self.path)
        learnt = self.learnt(n_rounds)
        assert learnt is not None
        if not path.is_file():
            n_test = self.job.choosing.n_test
            positions = independent_frames(learnt.force_field, n_test, self.seed(n_rounds) + _SEEDS // 2)
            write_chosen(
                path, Chosen.independent(positions, learnt.posterior.deviations(learnt.force_field, positions)[1])
            )
        chosen = read_chosen(path)
        seconds, begin = perf_counter() - begin, perf_counter()
        again = too_few_left(self.folder.test, chosen.positions, 1)
        self.label(chosen, self.folder.test, ("test", len(self.positions(n_rounds))), again=again)
        wall, begin = perf_counter() - begin, perf_counter()
        test, label_seconds = labels_of(self.folder.test, chosen.positions, fewest=1)
        fitted = self._judged(learnt, test)
        summary = Summary(
            name=self.folder.molecule.name,
            rounds=n_rounds,
            n_train=len(fitted.split.train),
            n_test=len(fitted.split.test),
            **_errors(learnt, fitted),
            stable=learnt.stable,
            label_seconds=label_seconds + sum(own.label_seconds for _, own in rounds),
            wall_seconds=wall + sum(own.wall_seconds for _, own in rounds),
            other_seconds=seconds + perf_counter() - begin + sum(own.other_seconds for _, own in rounds),
        )
        self._write(fitted, rounds, summary)
        return Made(self.path, summary, rounds)

    def seed(self, n_rounds: int) -> int:
        """The seed of what is sampled after the first rounds."""
        return self.job.choosing.seed + _SEEDS * n_rounds

    def _outcome(self, number: int, chosen: Chosen, before: Learnt | None, run: LabelRun) -> Outcome:
        """What came of a round, but for its times."""
        learnt, visited = self.learnt(number), self.sampled(number)
        assert learnt is not None
        energy, force = learnt.predicted_errors(visited.targets)
        torsions = learnt.predicted_errors(visited.torsions)[0] if len(visited.torsions) else None
        own, label_seconds = labels_of(self.folder.labels, chosen.positions, fewest=0)
        predicted = actual = None
        if before is not None and len(own):
            _, predicted = before.predicted_errors(own.positions)
            actual = before.force_error(own)
        return Outcome(
            n_train=len(learnt.fitted.data.frames),
            n_failed=len(run.failures),
            predicted_force=force,
            predicted_energy=energy,
            predicted_torsions=torsions,
            left_out=learnt.left_out.actual,
            scale=learnt.left_out.scale,
            batch_predicted=predicted,
            batch_actual=actual,
            stable=learnt.stable,
            label_seconds=label_seconds,
            wall_seconds=0.0,
            other_seconds=0.0,
        )

    def _judged(self, learnt: Learnt, test: Frames) -> FittedMolecule:
        """The fit with its test."""
        job = replace(learnt.fitted.job, report=ReportOptions(report=self.job.report))
        return with_test(learnt, test, (self.folder.labels, self.folder.test), job)

    def _write(self, fitted: FittedMolecule, rounds: tuple[tuple[Chosen, Outcome], ...], summary: Summary) -> None:
        """Write model and report into the folder: each file whole, the summary, which says that it is done, last."""
        self.say("report …")
        (document,) = FitRun(fitted.job, fitted.data.files, (fitted,)).documents(self.path)
        first, *others = document.sections
        section = making_section(rounds, summary, self.folder.level)
        document = replace(document, sections=(first, section, *others))
        with files_of_folder(self.path, last=SUMMARY) as place:
            write_fitted(fitted, document, place)
            summary.write(place)


def labels_of(
    path: Path, positions: Float[np.ndarray, "frames atoms 3"], fewest: int = _FEWEST
) -> tuple[Frames, float]:
    """Labels of some geometries [nm] in a folder, in the order of their keys, and the time that they took [s].

    Raises ``FitError`` where there are fewer than so many.
    """
    folder = LabelFolder.read(path)
    labelled, _ = folder.done()
    wanted = {folder.key(one) for one in positions}
    keys = sorted(wanted & labelled)
    if len(keys) < fewest:
        reason = next((folder.reasons(key)[-1] for key in sorted(wanted - labelled)), "unknown")
        raise FitError(
            f"{folder.contents.name}: of {len(positions)} geometries {len(keys)} could be labelled at "
            f"{folder.contents.level}; the first failed with: {reason}. The same command tries them again."
        )
    if not keys:
        none = positions[:0]
        return Frames(np.array(folder.contents.numbers), none, np.zeros(0), none), 0.0
    return read_labels(folder, keys)


def too_few_left(path: Path, positions: Float[np.ndarray, "frames atoms 3"], fewest: int) -> bool:
    """Whether so many of some geometries [nm] failed in a folder, which may not be there, that too few have labels."""
    if not is_label_folder(path):
        return False
    folder = LabelFolder.read(path)
    labelled, failed = folder.done()
    wanted = {folder.key(one) for one in positions}
    return wanted <= labelled | failed and len(wanted & labelled) < fewest


def _errors(learnt: Learnt, fitted: FittedMolecule) -> dict[str, float]:
    """Errors of the test frames, predicted and actual."""
    test = fitted.data.frames.positions[fitted.split.test]
    energy, force = learnt.predicted_errors(test)
    actual = fitted.after["test"]
    assert actual.force_rmse is not None
    return {
        "predicted_energy": energy,
        "predicted_force": force,
        "actual_energy": actual.energy_rmse,
        "actual_force": actual.force_rmse,
    }
